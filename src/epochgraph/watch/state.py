"""What was seen of a run as a state dictionary: of tensors, texts and numbers, as a checkpoint may hold them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from epochgraph.errors import SettingError
from epochgraph.signature import Signature
from epochgraph.watch.files import entries_of, state_text
from epochgraph.watch.seen import Seen

VERSION = 1


def state_of(run: str, seen: Seen, weights: Mapping[float, Mapping[str, Tensor] | None]) -> dict[str, Any]:
    """The state of a run that has a snapshot.

    Args:
        run: Its name.
        seen: What was seen of it.
        weights: By epoch, what later snapshots are compared with.
    """
    taken = seen.signature
    assert taken is not None  # noqa: S101
    return {
        "version": VERSION,
        "run": run,
        "status": seen.status,
        "times": torch.from_numpy(taken.times.copy()),
        "features": list(taken.names),
        "values": torch.from_numpy(taken.values.copy()),
        "diverged": torch.from_numpy(taken.diverged.copy()),
        "epochs": torch.from_numpy(seen.metrics.index.to_numpy(copy=True)),
        "metrics": {name: torch.from_numpy(seen.metrics[name].to_numpy(copy=True)) for name in seen.metrics},
        "entries": state_text(seen.entries),
        "weights": {epoch: dict(tensors) for epoch, tensors in weights.items() if tensors is not None},
    }


def seen_from(run: str, state: Mapping[str, Any]) -> tuple[Seen, Mapping[float, Mapping[str, Tensor]]]:
    """What `state_of` was made of.

    Raises:
        SettingError: It is no such state, or that of another run.
    """
    if not isinstance(state, Mapping) or state.get("version") != VERSION:
        raise SettingError("state", type(state).__name__, f"what `Watch.state_dict` gives, of version {VERSION}")
    try:
        signature = Signature(
            state["times"].numpy().copy(),
            tuple(state["features"]),
            state["values"].numpy().copy(),
            state["diverged"].numpy().copy(),
        )
        epochs = pd.Index(state["epochs"].numpy().copy(), name="epoch")
        metrics = pd.DataFrame({name: column.numpy() for name, column in state["metrics"].items()}, index=epochs)
        seen = Seen(signature, metrics, entries_of(state["entries"]), str(state["status"]))
        name, weights = state["run"], dict(state["weights"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise SettingError("state", type(state).__name__, "what `Watch.state_dict` gave") from error
    if name != run:
        raise SettingError("run of the state", name, f"{run!r}, the run that is watched")
    return seen, weights

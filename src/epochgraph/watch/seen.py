"""What was seen of a run so far: snapshots, metrics, and what was said of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from torch import Tensor

from epochgraph.errors import SettingError
from epochgraph.monitor import FeatureValues
from epochgraph.runs import Run, canonical_names
from epochgraph.signature import Signature
from epochgraph.watch.files import Entry


def no_metrics() -> pd.DataFrame:
    """The metrics of a run that has measured nothing yet."""
    return pd.DataFrame(index=pd.Index([], dtype=np.float64, name="epoch"))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was seen of a run so far.

    Attributes:
        signature: Of its snapshots; None before the first.
        metrics: As those of a `Run`.
        entries: What was said after each snapshot.
        status: Whether the run goes on (see `ending`).
    """

    signature: Signature | None
    metrics: pd.DataFrame
    entries: tuple[Entry, ...]
    status: str

    @property
    def epoch(self) -> float | None:
        """When the last snapshot was taken."""
        return None if self.signature is None else float(self.signature.times[-1])

    @property
    def features(self) -> dict[float, FeatureValues]:
        """The features of each snapshot by its epoch."""
        taken = self.signature
        return {} if taken is None else dict(zip(taken.times.tolist(), taken.values, strict=True))

    def before(self, epoch: float) -> "Seen":
        """What was seen when training came to this epoch for the first time; metrics of the epoch itself stay."""
        times = np.zeros(0) if self.signature is None else self.signature.times
        kept = times < epoch
        signature = None
        if self.signature is not None and kept.any():
            old = self.signature
            signature = Signature(times[kept], old.names, old.values[kept], old.diverged[kept])
        entries = tuple(entry for entry in self.entries if entry.epoch < epoch)
        return replace(self, signature=signature, metrics=self.metrics[self.metrics.index <= epoch], entries=entries)

    def measured(self, epoch: float, metrics: Mapping[str, float]) -> "Seen":
        """With metrics of an epoch, in place of those of the same names."""
        if not metrics:
            return self
        epochs = self.metrics.index.union([epoch]).rename("epoch")
        names = [*self.metrics, *(name for name in metrics if name not in self.metrics)]
        table = self.metrics.reindex(index=epochs, columns=names)
        table.loc[epoch, [*metrics]] = [*metrics.values()]
        return replace(self, metrics=table.astype(np.float64))


def seen_of(run: Run, entries: tuple[Entry, ...], status: str) -> Seen:
    """What was seen of a stored run."""
    return Seen(run.signature if len(run.signature.times) else None, run.metrics, entries, status)


def finite_epochs(signature: Signature | None) -> list[float]:
    """The epochs of the snapshots that had not diverged: what later ones are compared with."""
    return [] if signature is None else signature.times[~signature.diverged].tolist()


def metric_values(metrics: Mapping[str, object]) -> dict[str, float]:
    """Metrics as numbers, under the names that are known here (see `canonical_names`); those that are None left out.

    Raises:
        SettingError: One is no number.
    """
    given = {name: value for name, value in metrics.items() if value is not None}
    names = canonical_names([*given])
    return {names.get(name, name): _number(name, value) for name, value in given.items()}


def _number(name: str, value: object) -> float:
    value = value.detach() if isinstance(value, Tensor) else value
    try:
        return float(value)  # type: ignore[arg-type]  # what is no number raises
    except (TypeError, ValueError, RuntimeError) as error:
        raise SettingError(name, value, "a number, or None if it was not measured") from error


def epoch_value(epoch: object) -> float:
    """An epoch as a number.

    Raises:
        SettingError: It is none.
    """
    value = _number("epoch", epoch)
    if not 0 <= value < math.inf:
        raise SettingError("epoch", epoch, "from 0 on: the completed passes over the data")
    return value

"""Sweeps made by a rule, for tests: the end of each run is known, and its curve approaches it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from epochgraph.runs import Run
from epochgraph.signature import Signature

EPOCHS = 8


def made_run(
    name: str,
    end: float,
    *,
    epochs: int = EPOCHS,
    now: float = EPOCHS,
    noise: float = 0.0,
    falls: bool = False,
    settings: dict[str, object] | None = None,
    seed: int = 0,
) -> Run:
    """A run whose metric goes from 0 to `end`, as known after `now` epochs."""
    times = np.array([0.0, 0.25, 0.5, *range(1, epochs + 1)])
    rng = np.random.default_rng(seed)
    accuracy = end * (1 - np.exp(-3 * times / epochs)) / (1 - np.exp(-3)) + noise * rng.normal(size=len(times))
    loss = 2.0 - accuracy
    columns = {"validation_accuracy": accuracy, "test_accuracy": accuracy, "validation_loss": loss, "train_loss": loss}
    if falls:
        columns = {"validation_loss": loss, "test_loss": loss, "train_loss": loss}
    metrics = pd.DataFrame(columns, index=pd.Index(times, name="epoch"))
    signature = Signature(times, ("weights/graph/relative_change_since_initial",), accuracy[:, None], times < 0)
    known = signature.times <= now
    signature = Signature(times[known], signature.names, signature.values[known], signature.diverged[known])
    return Run(name, signature, metrics[metrics.index <= now], {"epochs": epochs, **(settings or {})})


def diverged(run: Run) -> Run:
    """The run with weights that are NaN at its last snapshot."""
    signature, last = run.signature, np.zeros(len(run.signature.times), dtype=bool)
    last[-1] = True
    values = np.where(last[:, None], np.nan, signature.values)
    return Run(run.name, Signature(signature.times, signature.names, values, last), run.metrics, run.settings)


def made_sweep(ends: Sequence[float], **how: object) -> list[Run]:
    """A run for each end."""
    return [made_run(f"run {place}", end, seed=place, **how) for place, end in enumerate(ends)]  # type: ignore[arg-type]

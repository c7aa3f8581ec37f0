"""Where runs stand on their way: epochs as a share of a run's own budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from epochgraph.errors import SettingError
from epochgraph.runs import Run
from epochgraph.runs.ends import ENOUGH, budget_of
from epochgraph.signature import Signature

SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Of its budget, at which a run is looked at; what is known of one of them serves until the next."""

TOLERANCE = 1e-9
"""Shares of an epoch are not exact in binary: a third of 12 epochs is not less than 4 of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Paced:
    """A run, and how far it has come.

    Attributes:
        run: With what is known of it so far.
        budget: The epochs (or steps, or whatever its metrics are counted in) that it has in all.
        now: The last of them that anything is known of.
    """

    run: Run
    budget: float
    now: float

    @property
    def share(self) -> float:
        """Of the budget that is spent, from 0 to 1."""
        return min(1.0, self.now / self.budget)

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return self.now >= ENOUGH * self.budget


def paced(runs: Sequence[Run], *, known: Sequence[Run] = (), budget: float | None = None) -> list[Paced]:
    """Tell how far runs have come.

    The budget of a run is what `budget` says, or its own settings (`epochs`, `max_epochs`, ...), or else the length of
    the longest finished run.

    Args:
        runs: As far as they are known.
        known: Finished runs of the same sweep.
        budget: The epochs of each run; None where settings or finished runs tell.

    Raises:
        SettingError: Nothing tells the budget, or a run has no metric and no snapshot.
    """
    if budget is not None and not budget > 0:
        raise SettingError("budget", budget, "a positive number of epochs")
    longest = max((_now(run) for run in known), default=None)
    found = []
    for run in runs:
        whole = budget or budget_of(run.settings) or longest
        if whole is None:
            expected = f"given: the settings of run {run.name!r} do not say how many epochs it has in all"
            raise SettingError("budget", None, expected)
        found.append(Paced(run, float(whole), _now(run)))
    return found


def as_of(run: Run, epoch: float) -> Run:
    """A run as it was known once an epoch was over."""
    epoch += TOLERANCE
    known, signature = run.signature.times <= epoch, run.signature
    so_far = Signature(signature.times[known], signature.names, signature.values[known], signature.diverged[known])
    return replace(run, signature=so_far, metrics=run.metrics.loc[run.metrics.index <= epoch])


def _now(run: Run) -> float:
    metrics = run.metrics.to_numpy(dtype=np.float64)  # a hundred runs are asked, and pandas takes its time
    measured = run.metrics.index.to_numpy()[~np.isnan(metrics).all(axis=1)]
    moments = np.concatenate([run.signature.times, measured])
    if not len(moments):
        raise SettingError("runs", run.name, "a run with at least one snapshot or metric")
    return float(moments.max())

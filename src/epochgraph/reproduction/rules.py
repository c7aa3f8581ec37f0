"""Rules that stop the runs of a sweep early: ours, and the usual ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np

ETA = 3
"""By how much successive halving and Hyperband cut; their usual choice."""

STARTUP = 5
"""Runs that the median rule lets finish before it stops any."""

BEST = 3
"""Runs that "one epoch, then the best" continues."""

KNOWN, NEW = "our decision, new learning rates", "our decision, new architecture"


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """The recorded runs of a sweep, in the order in which they are begun.

    Attributes:
        curves: Validation accuracy of each run (a row) after each whole epoch, from 1 on.
        final: Test accuracy of each run at its end.
        stopped: By the name of a rule of ours, the epoch at which it stops each run; infinity for never.
    """

    curves: np.ndarray
    final: np.ndarray
    stopped: Mapping[str, np.ndarray]

    @property
    def epochs(self) -> int:
        """That each run is trained for at most."""
        return int(self.curves.shape[1])


Rule = Callable[[Sweep], np.ndarray]
"""A sweep -> the epochs that each of its runs is trained for."""


def no_stopping(sweep: Sweep) -> np.ndarray:
    """Every run to its end."""
    return np.full(len(sweep.final), float(sweep.epochs))


def median_rule(sweep: Sweep) -> np.ndarray:
    """A run stops where its best so far is below the median of the averages so far of the runs that finished.

    References:
        Golovin et al. 2017, "Google Vizier", section 3.2.2.
    """
    averages = np.cumsum(sweep.curves, axis=1) / np.arange(1, sweep.epochs + 1)
    best = np.maximum.accumulate(sweep.curves, axis=1)
    trained = no_stopping(sweep)
    finished: list[int] = []
    for run in range(len(trained)):
        if len(finished) >= STARTUP:
            below = best[run, :-1] < np.median(averages[finished, :-1], axis=0)
            trained[run] = 1 + below.argmax() if below.any() else sweep.epochs
        if trained[run] == sweep.epochs:
            finished.append(run)
    return trained


def one_epoch_then_best(sweep: Sweep) -> np.ndarray:
    """The best after one epoch go on to the end."""
    trained = np.ones(len(sweep.final))
    trained[_best(sweep, np.arange(len(trained)), 1, BEST)] = sweep.epochs
    return trained


def successive_halving(sweep: Sweep, *, runs: np.ndarray | None = None, first: int | None = None) -> np.ndarray:
    """Of the runs the best third goes on, to three times the epochs, and so forth.

    Args:
        sweep: The runs.
        runs: The places of those that take part; None for all.
        first: The epochs of the first rung; None for those with which one run is left for the end.

    References:
        Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization".
    """
    trained = np.zeros(len(sweep.final))
    left = np.arange(len(trained)) if runs is None else runs
    cuts = int(np.log(max(1, len(left))) / np.log(ETA) + 1e-9)
    rung = max(1, round(sweep.epochs / ETA**cuts)) if first is None else first
    while len(left) > 1 and rung < sweep.epochs:
        trained[left] = rung
        left = _best(sweep, left, rung, max(1, len(left) // ETA))
        rung *= ETA
    trained[left] = sweep.epochs
    return trained


def hyperband(sweep: Sweep) -> np.ndarray:
    """The runs are dealt, in order, to brackets of successive halving with ever later first rungs.

    The brackets have the sizes of Hyperband in proportion, so that together they are the sweep.

    References:
        Li et al. 2018, "Hyperband: a novel bandit-based approach to hyperparameter optimization", algorithm 1.
    """
    last = int(np.log(sweep.epochs) / np.log(ETA) + 1e-9)
    sizes = np.array([ceil((last + 1) / (s + 1) * ETA**s) for s in range(last, -1, -1)])
    ends = np.rint(np.cumsum(sizes) / sizes.sum() * len(sweep.final)).astype(int)
    trained = np.zeros(len(sweep.final))
    for bracket, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if end > begin:
            trained += successive_halving(sweep, runs=np.arange(begin, end), first=ETA**bracket)
    return trained


@dataclass(frozen=True, slots=True)
class Ours:
    """A run stops as soon as our decision condemns it.

    Attributes:
        name: Of the decision, in `Sweep.stopped`.
        halving: Whether those that are left after one epoch are halved.
    """

    name: str
    halving: bool = False

    def __call__(self, sweep: Sweep) -> np.ndarray:
        """See `Rule`."""
        trained: np.ndarray = np.minimum(sweep.stopped[self.name], sweep.epochs)
        if self.halving:
            left = np.flatnonzero(trained > 1)
            trained[left] = np.minimum(successive_halving(sweep, runs=left)[left], trained[left])
        return trained


RULES: Mapping[str, Rule] = {
    "no stopping": no_stopping,
    "median rule": median_rule,
    "successive halving": successive_halving,
    "Hyperband": hyperband,
    f"one epoch, then the best {BEST}": one_epoch_then_best,
    KNOWN: Ours(KNOWN),
    NEW: Ours(NEW),
    f"{KNOWN}, then halving": Ours(KNOWN, halving=True),
    f"{NEW}, then halving": Ours(NEW, halving=True),
}


def _best(sweep: Sweep, runs: np.ndarray, epoch: int, count: int) -> np.ndarray:
    """The places of the best of some runs after an epoch."""
    order = np.argsort(-sweep.curves[runs, epoch - 1], kind="stable")
    return np.asarray(runs[order[:count]])

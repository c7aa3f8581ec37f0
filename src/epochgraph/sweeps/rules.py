"""Rules that stop the runs of a sweep early: ours, and the usual ones."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count, takewhile
from math import ceil

import numpy as np

from epochgraph.sweeps.sweep import Forecasts, Sweep

ETA = 3
"""By how much successive halving and Hyperband cut; their usual choice."""

STARTUP = 5
"""Runs that the median rule lets finish before it stops any."""

BEST = 3
"""Runs that "one epoch, then the best" continues."""

WITHOUT = "without graphs"


def by_curves(unseen: str) -> str:
    """What best first with a budget is called where its forecasts are made without graphs."""
    return f"{unseen}, {WITHOUT}"


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


def successive_halving(
    sweep: Sweep, *, runs: np.ndarray | None = None, rungs: Iterable[int] | None = None
) -> np.ndarray:
    """Of the runs the best third goes on at each rung, and those that are left to the end.

    Args:
        sweep: The runs.
        runs: The places of those that take part; None for all.
        rungs: Epochs after which runs are cut; None for those, each three times the one before, with which one run is
            left for the end.

    References:
        Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization".
    """
    trained = np.zeros(len(sweep.final))
    left = np.arange(len(trained)) if runs is None else runs
    for rung in _rungs(len(left), sweep.epochs) if rungs is None else rungs:
        if len(left) > 1:
            trained[left] = rung
            left = _best(sweep, left, rung, max(1, len(left) // ETA))
    trained[left] = sweep.epochs
    return trained


def _rungs(runs: int, epochs: int) -> Iterator[int]:
    cuts = int(np.log(max(1, runs)) / np.log(ETA) + 1e-9)
    first = max(1, round(epochs / ETA**cuts))
    return takewhile(lambda rung: rung < epochs, (first * ETA**number for number in count()))


def hyperband(sweep: Sweep) -> np.ndarray:
    """The runs are dealt, in order, to brackets of successive halving with ever fewer cuts; the last has none.

    A bracket cuts after R / 3^s, ..., R / 9, R / 3 of R epochs. The brackets have the sizes of Hyperband in proportion,
    so that together they are the sweep.

    References:
        Li et al. 2018, "Hyperband: a novel bandit-based approach to hyperparameter optimization", algorithm 1.
    """
    last = int(np.log(sweep.epochs) / np.log(ETA) + 1e-9)
    sizes = np.array([ceil((last + 1) / (s + 1) * ETA**s) for s in range(last, -1, -1)])
    ends = np.rint(np.cumsum(sizes) / sizes.sum() * len(sweep.final)).astype(int)
    trained = np.zeros(len(sweep.final))
    for cuts, begin, end in zip(range(last, -1, -1), [0, *ends[:-1]], ends, strict=True):
        rungs = [max(1, round(sweep.epochs / ETA**left)) for left in range(cuts, 0, -1)]
        trained += successive_halving(sweep, runs=np.arange(begin, end), rungs=rungs)
    return trained


def our_decision(sweep: Sweep, *, unseen: str) -> np.ndarray:
    """A run stops as soon as it is condemned: no good end is expected of it.

    Args:
        sweep: The runs.
        unseen: What the predictor has not seen of them, one of `Sweep.forecasts`.
    """
    predicted = sweep.forecasts[unseen]
    condemned = np.minimum(predicted.epochs[predicted.stop.argmax(axis=1)], sweep.epochs)
    return np.where(predicted.stop.any(axis=1), condemned, float(sweep.epochs))


def beside_the_best(sweep: Sweep, *, unseen: str) -> np.ndarray:
    """A run stops as soon as it is not expected to reach the best of those that finished before.

    Args:
        sweep: The runs.
        unseen: What the predictor has not seen of them, one of `Sweep.forecasts`.

    References:
        Domhan et al. 2015, "Speeding up automatic hyperparameter optimization of deep neural networks by extrapolation
        of learning curves", section 3.2 (predictive termination), with our intervals.
    """
    predicted, best = sweep.forecasts[unseen], -np.inf
    trained = no_stopping(sweep)
    for run in range(len(trained)):
        hopeless = predicted.upper[run] < best
        if hopeless.any():
            trained[run] = min(predicted.epochs[hopeless.argmax()], sweep.epochs)
        else:
            best = max(best, sweep.curves[run, -1])
    return trained


def best_first(sweep: Sweep, *, unseen: str, budget: float | None = None) -> np.ndarray:
    """All runs are begun; then the one that may still become the best goes on, till it is told of anew or has finished.

    As in `beside_the_best` runs stop that are not expected to reach the best of those that finished, but no run is
    finished only because it came early. Runs have to be put aside and taken up again, as in successive halving.

    Args:
        sweep: The runs.
        unseen: What the predictor has not seen of them, one of `Sweep.forecasts`.
        budget: The epochs that may be spent on all runs together, enough for all to be begun and one to finish: they go
            on as long as the next step can be paid, whatever is expected. If then none has finished, to finish the one
            that was trained for longest can still be paid. None to go on as long as a run may become the best.
    """
    best, trained = -np.inf, np.full(len(sweep.final), sweep.first)
    for run, epoch, upper in _most_hopeful(sweep.forecasts[unseen], sweep.epochs):
        if budget is None:
            over = upper < best
        else:
            kept_back = 0.0 if best > -np.inf else sweep.epochs - epoch  # for the first that finishes
            over = trained.sum() - trained[run] + epoch + kept_back > budget
        if over:
            break
        trained[run] = epoch
        if epoch == sweep.epochs:
            best = max(best, sweep.curves[run, -1])
    return trained


def _most_hopeful(predicted: Forecasts, epochs: int) -> Iterator[tuple[int, float, float]]:
    """Again and again the run that may end highest, the epoch to which it goes on, and how high it may end."""
    looks = int((predicted.epochs < epochs).sum())  # what is told at the end comes too late
    uppers, forecasts = -predicted.upper, -predicted.forecast  # a heap has its least first
    hopes = [(uppers[run, 0], forecasts[run, 0], run, 1) for run in range(len(uppers))]
    heapify(hopes)
    while hopes:
        upper, _, run, look = heappop(hopes)
        if look < looks:
            heappush(hopes, (uppers[run, look], forecasts[run, look], run, look + 1))
        yield run, float(predicted.epochs[look]) if look < looks else epochs, -upper


def accuracy_then_best(sweep: Sweep) -> np.ndarray:
    """The third with the best validation accuracy at first go on for an epoch, and the best of them to the end."""
    return _then_best(sweep, sweep.early, sweep.curves[:, 0])


def forecast_then_best(sweep: Sweep, *, unseen: str) -> np.ndarray:
    """The third of which most is expected at first go on for an epoch, and the best of them by then to the end.

    Args:
        sweep: The runs.
        unseen: What the predictor has not seen of them, one of `Sweep.forecasts`.
    """
    predicted = sweep.forecasts[unseen]
    return _then_best(sweep, predicted.forecast[:, 0], predicted.forecast[:, np.searchsorted(predicted.epochs, 1)])


def _then_best(sweep: Sweep, at_first: np.ndarray, after_one: np.ndarray) -> np.ndarray:
    trained = np.full(len(sweep.final), sweep.first)
    third = np.argsort(-at_first, kind="stable")[: max(1, round(len(trained) / ETA))]
    trained[third] = 1
    trained[third[np.argsort(-after_one[third], kind="stable")[:BEST]]] = sweep.epochs
    return trained


NO_STOPPING = "no stopping"
ACCURACY = f"validation accuracy, then the best {BEST}"
USUAL: Mapping[str, Rule] = {
    NO_STOPPING: no_stopping,
    "median rule": median_rule,
    "successive halving": successive_halving,
    "Hyperband": hyperband,
    f"one epoch, then the best {BEST}": one_epoch_then_best,
    ACCURACY: accuracy_then_best,
}
STOPPING = tuple(name for name in USUAL if name != NO_STOPPING)
"""The usual rules that stop runs, whose epochs best first is given."""

DECISION, FORECAST, FIRST = "our decision", "our forecast beside the best so far", "our forecast, best first"
HALVING = f"our forecast, then the best {BEST}"
OURS = {DECISION: our_decision, FORECAST: beside_the_best, FIRST: best_first, HALVING: forecast_then_best}


def rules(sweep: Sweep) -> Mapping[str, Rule]:
    """All that can be replayed, by name: the usual ones, and ours for all that is told."""
    ours = {
        f"{name}, {unseen}": partial(rule, unseen=unseen) for unseen in sweep.forecasts for name, rule in OURS.items()
    }
    return {**USUAL, **ours}


def with_budget(sweep: Sweep, budget: float) -> Mapping[str, np.ndarray]:
    """The epochs of each run by best first with a budget, for all that is told, with graphs and by curves alone."""
    curves = replace(sweep, forecasts=sweep.from_curves)
    return {
        name: best_first(seen, unseen=unseen, budget=budget)
        for unseen in sweep.forecasts
        for seen, name in ((sweep, unseen), (curves, by_curves(unseen)))
    }


def _best(sweep: Sweep, runs: np.ndarray, epoch: int, kept: int) -> np.ndarray:
    """The places of the best of some runs after an epoch."""
    order = np.argsort(-sweep.curves[runs, epoch - 1], kind="stable")
    return np.asarray(runs[order[:kept]])

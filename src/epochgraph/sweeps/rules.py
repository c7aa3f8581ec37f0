"""Rules that stop the runs of a sweep early: ours, and the common ones."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count, takewhile
from math import ceil

import numpy as np

from epochgraph.sweeps.sweep import Forecasts, Sweep

ETA = 3
"""The factor by which successive halving and Hyperband cut: the usual choice."""

STARTUP = 5
"""How many runs the median rule lets finish before it stops any."""

BEST = 3
"""How many runs "one epoch, then the best" continues."""

WITHOUT = "without graphs"


def by_curves(unseen: str) -> str:
    """The name of best first with a budget if its forecasts are made without graphs."""
    return f"{unseen}, {WITHOUT}"


Rule = Callable[[Sweep], np.ndarray]
"""A sweep -> the number of epochs that each of its runs is trained for."""


def no_stopping(sweep: Sweep) -> np.ndarray:
    """Every run to its end."""
    return np.full(len(sweep.final), float(sweep.epochs))


def median_rule(sweep: Sweep) -> np.ndarray:
    """A run stops when its best value so far is below the median of the finished runs' averages up to that epoch.

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


def first_then_best(sweep: Sweep, best: int) -> np.ndarray:
    """The best after the first epoch, so many of them, go on to the end."""
    trained = np.ones(len(sweep.final))
    trained[_best(sweep, np.arange(len(trained)), 1, best)] = sweep.epochs
    return trained


def one_epoch_then_best(sweep: Sweep) -> np.ndarray:
    """The three best after one epoch go on to the end."""
    return first_then_best(sweep, BEST)


def successive_halving(
    sweep: Sweep, *, runs: np.ndarray | None = None, rungs: Iterable[int] | None = None
) -> np.ndarray:
    """At each rung the best third of the runs goes on; those that remain are trained to the end.

    Args:
        sweep: The runs.
        runs: The positions of those that take part; None for all.
        rungs: Epochs after which runs are cut; None for rungs that triple each time and leave one run at the end.

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
    """The runs are assigned, in order, to brackets of successive halving with ever fewer cuts; the last has none.

    A bracket cuts after R / 3^s, ..., R / 9, R / 3 of R epochs. The sizes of the brackets are in the proportions of
    Hyperband, and add up to the sweep.

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
    """A run stops as soon as the predictor decides so: a good end is not expected.

    Args:
        sweep: The runs.
        unseen: What the predictor had not seen, a key of `Sweep.forecasts`.
    """
    predicted = sweep.forecasts[unseen]
    stopped = np.minimum(predicted.epochs[predicted.stop.argmax(axis=1)], sweep.epochs)
    return np.where(predicted.stop.any(axis=1), stopped, float(sweep.epochs))


def beside_the_best(sweep: Sweep, *, unseen: str) -> np.ndarray:
    """A run stops as soon as its forecast stays below the best finished run so far.

    Args:
        sweep: The runs.
        unseen: What the predictor had not seen, a key of `Sweep.forecasts`.

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
    """All runs are started; then the one that may end best goes on until its next forecast or its end, and so forth.

    As in `beside_the_best`, runs stop that are not expected to reach the best finished run, but no run is finished only
    because it came early. Runs must be paused and resumed, as in successive halving.

    Args:
        sweep: The runs.
        unseen: What the predictor had not seen, a key of `Sweep.forecasts`.
        budget: The epochs to spend on all runs together, enough to start all and finish one: training goes on while the
            next step is within the budget, whatever is forecast. If no run has finished by then, enough is left to
            finish the longest-trained one. None to go on as long as a run may become the best.
    """
    best, trained = -np.inf, np.full(len(sweep.final), sweep.first)
    for run, epoch, upper in _most_hopeful(sweep.forecasts[unseen], sweep.epochs):
        if budget is None:
            over = upper < best
        else:
            kept_back = 0.0 if best > -np.inf else sweep.epochs - epoch  # for the first run that finishes
            over = trained.sum() - trained[run] + epoch + kept_back > budget
        if over:
            break
        trained[run] = epoch
        if epoch == sweep.epochs:
            best = max(best, sweep.curves[run, -1])
    return trained


def _most_hopeful(predicted: Forecasts, epochs: int) -> Iterator[tuple[int, float, float]]:
    """Repeatedly the run that may end highest, the epoch that it goes on to, and how high it may end."""
    looks = int((predicted.epochs < epochs).sum())  # a forecast at the end comes too late
    uppers, forecasts = -predicted.upper, -predicted.forecast  # a heap has its smallest item first
    hopes = [(uppers[run, 0], forecasts[run, 0], run, 1) for run in range(len(uppers))]
    heapify(hopes)
    while hopes:
        upper, _, run, look = heappop(hopes)
        if look < looks:
            heappush(hopes, (uppers[run, look], forecasts[run, look], run, look + 1))
        yield run, float(predicted.epochs[look]) if look < looks else epochs, -upper


def accuracy_then_best(sweep: Sweep) -> np.ndarray:
    """The third with the best early validation accuracy go on for an epoch, the best of these to the end."""
    return _then_best(sweep, sweep.early, sweep.curves[:, 0])


def forecast_then_best(sweep: Sweep, *, unseen: str) -> np.ndarray:
    """The third with the best early forecast go on for an epoch, the best of these to the end.

    Args:
        sweep: The runs.
        unseen: What the predictor had not seen, a key of `Sweep.forecasts`.
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
"""The common rules that stop runs, whose numbers of epochs best first is given."""

DECISION, FORECAST, FIRST = "our decision", "our forecast beside the best so far", "our forecast, best first"
HALVING = f"our forecast, then the best {BEST}"
OURS = {DECISION: our_decision, FORECAST: beside_the_best, FIRST: best_first, HALVING: forecast_then_best}


def rules(sweep: Sweep) -> Mapping[str, Rule]:
    """All rules that can be replayed, by name: the common ones, and ours for each set of forecasts."""
    ours = {
        f"{name}, {unseen}": partial(rule, unseen=unseen) for unseen in sweep.forecasts for name, rule in OURS.items()
    }
    return {**USUAL, **ours}


def with_budget(sweep: Sweep, budget: float) -> Mapping[str, np.ndarray]:
    """The epochs that best first with a budget spends on each run, for each set of forecasts."""
    curves = replace(sweep, forecasts=sweep.from_curves)
    return {
        name: best_first(seen, unseen=unseen, budget=budget)
        for unseen in sweep.forecasts
        for seen, name in ((sweep, unseen), (curves, by_curves(unseen)))
    }


def _best(sweep: Sweep, runs: np.ndarray, epoch: int, kept: int) -> np.ndarray:
    """The positions of the best of some runs after an epoch."""
    order = np.argsort(-sweep.curves[runs, epoch - 1], kind="stable")
    return np.asarray(runs[order[:kept]])

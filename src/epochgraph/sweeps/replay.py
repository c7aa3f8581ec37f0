"""Replays of a recorded sweep: what each rule spends, and what it misses."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from epochgraph.sweeps.rules import STOPPING, rules, with_budget
from epochgraph.sweeps.sweep import Sweep


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule makes of a sweep.

    Attributes:
        rule: Its name.
        budget_of: The rule whose number of epochs it was given; None if it had no budget.
        epochs: The epochs trained, as a share of training all runs to the end.
        regret: How far the end of the run that the rule chooses is below that of the best run.
        good_stopped: The share of the good runs that were stopped; NaN if there are none.
        best_stopped: Whether the best run was stopped.
    """

    rule: str
    budget_of: str | None
    epochs: float
    regret: float
    good_stopped: float
    best_stopped: bool


def replayed(sweep: Sweep, *, threshold: float) -> Iterator[Outcome]:
    """The outcome of every rule, then of best first with no more epochs than each common rule spent.

    Args:
        sweep: Finished runs, with their forecasts.
        threshold: The final accuracy from which on a run is good.
    """
    spent = {name: finishing(sweep, rule(sweep)) for name, rule in rules(sweep).items()}
    for name, trained in spent.items():
        yield outcome(sweep, trained, rule=name, threshold=threshold)
    for other in STOPPING:
        for name, trained in with_budget(sweep, spent[other].sum()).items():
            yield outcome(sweep, finishing(sweep, trained), rule=name, budget_of=other, threshold=threshold)


def finishing(sweep: Sweep, trained: np.ndarray) -> np.ndarray:
    """The epochs that a rule spends on each run; if it stops all of them, the longest-trained one is finished."""
    if trained.max() < sweep.epochs:
        return np.where(np.arange(len(trained)) == trained.argmax(), sweep.epochs, trained)
    return trained


def outcome(sweep: Sweep, trained: np.ndarray, *, rule: str, threshold: float, budget_of: str | None = None) -> Outcome:
    """What was spent on a sweep, and what was missed.

    The rule chooses the run with the best final validation accuracy among those that it finished. Regret compares test
    accuracies, so even training all runs to the end may have some.

    Args:
        sweep: Finished runs.
        trained: The epochs that each of them was trained for; at least one is trained to its end.
        rule: The name of the rule.
        threshold: The final accuracy from which on a run is good.
        budget_of: The rule whose epochs it was given.
    """
    finished, good = trained == sweep.epochs, sweep.final >= threshold
    kept = np.where(finished, sweep.curves[:, -1], -np.inf)
    return Outcome(
        rule=rule,
        budget_of=budget_of,
        epochs=float(trained.sum() / (len(trained) * sweep.epochs)),
        regret=float(sweep.final.max() - sweep.final[kept.argmax()]),
        good_stopped=float((good & ~finished).sum() / good.sum()) if good.any() else np.nan,
        best_stopped=not finished[sweep.final.argmax()],
    )

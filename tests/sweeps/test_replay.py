"""What a rule spends and misses, worked out by hand."""

import numpy as np
import pytest

from epochgraph.sweeps import USUAL, Forecasts, Sweep, outcome, replayed
from epochgraph.sweeps.rules import OURS, STOPPING, WITHOUT

CURVES = np.array([[0.1, 0.5], [0.3, 0.4], [0.2, 0.2]])
FINAL = np.array([0.50, 0.45, 0.20])


def sweep(unseen: str | None = None) -> Sweep:
    flags = np.zeros((3, 1), dtype=bool)
    one = Forecasts(np.array([1.0]), flags, forecast=CURVES[:, :1], upper=np.ones((3, 1)))
    predicted = {} if unseen is None else {unseen: one}
    return Sweep(CURVES, CURVES[:, 0], 1.0, FINAL, predicted, predicted)


def test_an_outcome_by_hand():
    """The best run is stopped after one epoch of two: 0.05 of accuracy are missed; of two good runs one is stopped."""
    found = outcome(sweep(), np.array([1.0, 2.0, 1.0]), rule="mine", threshold=0.4)
    assert found.epochs == pytest.approx(4 / 6)
    assert found.regret == pytest.approx(0.05)
    assert (found.good_stopped, found.best_stopped) == (0.5, True)
    assert (found.rule, found.budget_of) == ("mine", None)


def test_without_good_runs_none_can_be_stopped():
    assert np.isnan(outcome(sweep(), np.full(3, 2.0), rule="mine", threshold=0.9).good_stopped)


def test_the_run_is_chosen_by_its_validation_accuracy_even_if_another_tests_better():
    measured = Sweep(CURVES, CURVES[:, 0], 1.0, FINAL[::-1].copy(), {}, {})
    found = outcome(measured, np.full(3, 2.0), rule="no stopping", threshold=0.4)
    assert found.regret == pytest.approx(0.3)
    assert not found.best_stopped


def test_every_rule_is_replayed_and_best_first_with_the_epochs_of_each_usual_one():
    found = [*replayed(sweep("new"), threshold=0.4)]
    alone = [one.rule for one in found if one.budget_of is None]
    assert alone == [*USUAL, *(f"{name}, new" for name in OURS)]
    budgets = [(one.budget_of, one.rule) for one in found if one.budget_of is not None]
    assert budgets == [(other, name) for other in STOPPING for name in ("new", f"new, {WITHOUT}")]
    assert [one.rule for one in replayed(sweep(), threshold=0.4)] == [*USUAL]


def test_no_stopping_spends_all_and_regrets_nothing_where_both_metrics_agree():
    first = next(replayed(sweep(), threshold=0.4))
    assert (first.rule, first.epochs, first.regret, first.good_stopped, first.best_stopped) == (
        "no stopping",
        1.0,
        0.0,
        0.0,
        False,
    )

"""The rules that stop the runs of a sweep, on sweeps small enough to follow by hand."""

from dataclasses import replace

import numpy as np
import pytest

from epochgraph.sweeps import Forecasts, Sweep, finishing
from epochgraph.sweeps.rules import (
    STOPPING,
    USUAL,
    WITHOUT,
    accuracy_then_best,
    beside_the_best,
    best_first,
    forecast_then_best,
    hyperband,
    median_rule,
    no_stopping,
    one_epoch_then_best,
    our_decision,
    successive_halving,
    with_budget,
)

KNOWN = "new learning rates"
LOOKS = np.array([0.25, 1.0, 2.0])
UNKNOWN = np.empty((0, 3))


def sweep(curves, predicted=None) -> Sweep:
    curves = np.asarray(curves, dtype=float)
    return Sweep(curves, curves[:, 0], 0.25, curves[:, -1], {} if predicted is None else {KNOWN: predicted}, {})


def flat(levels, epochs=9) -> np.ndarray:
    """Runs that are as good after each epoch as at the end."""
    return np.repeat(np.asarray(levels, dtype=float)[:, None], epochs, axis=1)


def test_successive_halving_keeps_the_best_third_for_three_times_as_long():
    trained = successive_halving(sweep(flat([0.1, 0.9, 0.2, 0.3, 0.8, 0.4, 0.5, 0.7, 0.6])))
    assert trained.tolist() == [1, 9, 1, 1, 3, 1, 1, 3, 1]


def test_successive_halving_of_fewer_runs_begins_later():
    assert successive_halving(sweep(flat([0.1, 0.3, 0.2], epochs=12))).tolist() == [4, 12, 4]
    assert successive_halving(sweep(flat([0.1, 0.3, 0.2], epochs=12)), rungs=[1]).tolist() == [1, 12, 1]
    assert successive_halving(sweep(flat([0.1], epochs=12))).tolist() == [12]


def test_successive_halving_judges_by_the_epoch_of_the_rung():
    """The late bloomer is cut, the early one stays, though it ends worst."""
    late, early, middle = [0.1, 0.9, 0.9], [0.8, 0.1, 0.1], [0.2, 0.5, 0.5]
    assert successive_halving(sweep([late, early, middle]), rungs=[1]).tolist() == [1, 3, 1]


def test_hyperband_deals_the_runs_to_brackets_and_trains_each_once():
    trained = hyperband(sweep(flat(np.linspace(0.1, 0.9, 27), epochs=9)))
    # brackets of 9, 5 and 3 runs in proportion: 14, 8 and 5 of 27, whose first rungs are 1, 3 and 9 epochs
    assert trained[:14].min() == 1
    assert trained[14:22].min() == 3
    assert trained[22:].tolist() == [9] * 5
    assert (trained[:14] == 9).sum() == 1
    assert trained[13] == 9


def test_a_bracket_of_hyperband_has_one_cut_less_than_the_one_before():
    """Of 12 epochs they cut after 12 / 9 and 12 / 3, after 12 / 3, and not at all."""
    trained = hyperband(sweep(flat(np.linspace(0.1, 0.9, 27), epochs=12)))
    assert sorted(trained[:14]) == [1] * 10 + [4] * 3 + [12]
    assert sorted(trained[14:22]) == [4] * 6 + [12] * 2
    assert trained[22:].tolist() == [12] * 5


def test_the_median_rule_lets_five_finish_and_compares_with_their_averages():
    curves = [*flat([0.5, 0.5, 0.5, 0.5, 0.5], epochs=3), [0.4, 0.6, 0.6], [0.6, 0.6, 0.6], [0.4, 0.4, 0.4]]
    assert median_rule(sweep(curves)).tolist() == [3, 3, 3, 3, 3, 1, 3, 1]


def test_the_median_rule_never_stops_at_the_end():
    curves = [*flat([0.5] * 5, epochs=3), [0.6, 0.6, 0.1]]
    assert median_rule(sweep(curves)).tolist() == [3] * 6


def test_one_epoch_then_the_best_three():
    assert one_epoch_then_best(sweep(flat([0.1, 0.5, 0.2, 0.4, 0.3], epochs=4))).tolist() == [1, 4, 1, 4, 4]


def test_our_decision_stops_where_it_says_and_nowhere_else():
    predicted = Forecasts(LOOKS, stop=np.array([[1, 0, 0], [0, 0, 0], [0, 1, 1]]) > 0, forecast=UNKNOWN, upper=UNKNOWN)
    assert our_decision(sweep(flat([0.1, 0.2, 0.3]), predicted), unseen=KNOWN).tolist() == [0.25, 9, 1]


def test_a_decision_after_the_end_comes_too_late():
    predicted = Forecasts(np.array([1.0, 5.0]), np.array([[False, True]]), forecast=UNKNOWN, upper=UNKNOWN)
    assert our_decision(sweep(flat([0.1], epochs=3), predicted), unseen=KNOWN).tolist() == [3]


def test_a_run_stops_where_it_cannot_reach_the_best_that_finished():
    """The first has nothing beside it; the second stops; the third never could, but nobody promises it."""
    upper = np.array([[0.1, 0.1, 0.1], [0.9, 0.4, 0.4], [np.inf] * 3, [0.6, 0.6, 0.6], [0.6, 0.6, 0.6]])
    predicted = Forecasts(LOOKS, stop=UNKNOWN, forecast=UNKNOWN, upper=upper)
    trained = beside_the_best(sweep(flat([0.5, 0.2, 0.1, 0.7, 0.6]), predicted), unseen=KNOWN)
    assert trained.tolist() == [9, 1, 9, 9, 0.25]


def test_the_third_of_which_most_is_expected_goes_on_and_then_the_best_three():
    forecast = np.stack([np.linspace(0, 1, 12), -np.arange(12.0), np.zeros(12)], axis=1)
    predicted = Forecasts(LOOKS, stop=UNKNOWN, forecast=forecast, upper=UNKNOWN)
    trained = forecast_then_best(sweep(flat(np.zeros(12)), predicted), unseen=KNOWN)
    assert trained.tolist() == [0.25] * 8 + [9, 9, 9, 1]


def test_the_schedule_of_the_forecast_goes_by_the_validation_accuracy_too():
    made = sweep(flat(np.linspace(0.1, 0.9, 12)))
    assert accuracy_then_best(made).tolist() == [0.25] * 8 + [1, 9, 9, 9]


def test_the_most_hopeful_goes_on_first_and_others_stop_beside_what_it_reached():
    """The third ends at 0.7: the second cannot, by what is told of it after an epoch, nor can the first from the start.

    The fourth is looked at till it is told to reach less than it was; the last, of which nothing is promised, finishes.
    """
    upper = [[0.6, 0.9, 0.9], [0.75, 0.6, 0.9], [0.9, 0.8, 0.8], [0.85, 0.84, 0.65], [np.inf] * 3]
    predicted = Forecasts(LOOKS, stop=UNKNOWN, forecast=np.zeros((5, 3)), upper=np.array(upper))
    trained = best_first(sweep(flat([0.9, 0.9, 0.7, 0.9, 0.1]), predicted), unseen=KNOWN)
    assert trained.tolist() == [0.25, 1, 9, 2, 9]


def test_of_equal_hopes_the_best_forecast_goes_first():
    predicted = Forecasts(
        LOOKS, stop=UNKNOWN, forecast=np.array([[0.2] * 3, [0.6] * 3]), upper=np.array([[0.7, 0.7, 0.5]] * 2)
    )
    assert best_first(sweep(flat([0.9, 0.6]), predicted), unseen=KNOWN).tolist() == [2, 9]


def test_a_budget_is_spent_on_the_most_hopeful_and_one_run_finishes():
    """The first that finishes is paid for beforehand; a step that cannot be paid is the last."""
    upper = np.array([[0.9, 0.9, 0.9], [0.8, 0.8, 0.8], [0.7, 0.7, 0.7]])
    made = sweep(flat([0.9, 0.8, 0.1]), Forecasts(LOOKS, stop=UNKNOWN, forecast=np.zeros((3, 3)), upper=upper))
    assert best_first(made, unseen=KNOWN).tolist() == [9, 0.25, 0.25]
    for budget, trained in ((9.4, [0.25] * 3), (9.5, [9, 0.25, 0.25]), (11.25, [9, 2, 0.25]), (27, [9] * 3)):
        assert best_first(made, unseen=KNOWN, budget=budget).tolist() == trained


def test_a_budget_never_finishes_a_second_run_before_the_first_is_paid_for():
    """The first is put aside after an epoch; from then on either of both may be the one that finishes."""
    upper = np.array([[0.9, 0.5, 0.5], [0.8, 0.8, 0.4]])
    made = sweep(flat([0.9, 0.8]), Forecasts(LOOKS, stop=UNKNOWN, forecast=np.zeros((2, 3)), upper=upper))
    assert best_first(made, unseen=KNOWN, budget=10).tolist() == [1, 2]
    assert best_first(made, unseen=KNOWN, budget=11).tolist() == [9, 2]


@pytest.mark.parametrize("rule", [USUAL[name] for name in STOPPING])
def test_best_first_never_spends_more_than_the_rule_whose_epochs_it_has(rule):
    generator = np.random.default_rng(0)
    for runs in (9, 13, 18):
        for _ in range(20):
            upper = generator.choice([0.2, 0.5, 0.8, np.inf], (runs, 3))
            predicted = Forecasts(LOOKS, stop=UNKNOWN, forecast=generator.choice([0.1, 0.4], (runs, 3)), upper=upper)
            made = sweep(generator.random((runs, 12)), predicted)
            budget = finishing(made, rule(made)).sum()
            spent = finishing(made, best_first(made, unseen=KNOWN, budget=budget))
            assert spent.max() == 12
            assert spent.sum() <= budget


def test_best_first_with_a_budget_is_compared_with_itself_without_graphs():
    predicted = Forecasts(LOOKS, stop=UNKNOWN, forecast=np.zeros((2, 3)), upper=np.array([[0.9] * 3, [0.1] * 3]))
    curves = {KNOWN: replace(predicted, upper=predicted.upper[::-1])}
    trained = with_budget(replace(sweep(flat([0.9, 0.8]), predicted), from_curves=curves), 9.5)
    assert {name: of.tolist() for name, of in trained.items()} == {KNOWN: [9, 0.25], f"{KNOWN}, {WITHOUT}": [0.25, 9]}


def test_what_is_told_of_some_runs_is_theirs():
    rows = np.arange(6.0).reshape(2, 3)
    predicted = Forecasts(LOOKS, stop=rows > 2, forecast=rows, upper=-rows).of(np.array([1]))
    assert (predicted.stop.tolist(), predicted.forecast.tolist(), predicted.upper.tolist()) == (
        [[True] * 3],
        [[3, 4, 5]],
        [[-3, -4, -5]],
    )


@pytest.mark.parametrize("rule", USUAL.values())
def test_no_rule_trains_a_run_for_longer_than_to_its_end(rule):
    generator = np.random.default_rng(0)
    made = sweep(generator.random((27, 12)))
    trained = rule(made)
    assert ((trained > 0) & (trained <= 12)).all()
    assert (trained == 12).any()
    assert trained.sum() <= no_stopping(made).sum()

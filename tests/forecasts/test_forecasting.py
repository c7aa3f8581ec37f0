"""Forecasts of the runs of a sweep."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from epochgraph.errors import SettingError
from epochgraph.forecasts import forecast
from epochgraph.forecasts.moments import as_of
from forecasts.made import diverged, made_run, made_sweep

ENDS = [0.2, 0.9, 0.5, 0.7, 0.3, 0.8, 0.4, 0.6]


@pytest.mark.parametrize("falls", [False, True])
def test_without_finished_runs_the_order_is_forecast_and_no_value(falls):
    predictions = forecast(made_sweep(ENDS, now=1, falls=falls))
    standings = [one.standing for one in predictions]
    assert kendalltau(standings, ENDS).statistic == pytest.approx(1)
    assert {(one.accuracy, one.interval, one.p_good, one.decision) for one in predictions} == {
        (None, None, None, "abstain")
    }
    assert "give a threshold" in predictions[0].reason
    assert predictions[0].direction == ("falls" if falls else "rises")


def test_the_best_of_a_sweep_need_no_threshold_and_the_worst_is_stopped():
    predictions = forecast(made_sweep(ENDS, now=2), best=2)
    chances = np.array([one.p_good for one in predictions])
    assert kendalltau(chances, ENDS).statistic == pytest.approx(1)
    assert predictions[0].decision == "stop"
    assert {predictions[1].decision, predictions[5].decision} == {"continue"}


def test_a_run_of_which_nothing_is_logged_yet_makes_the_others_no_blinder():
    begun = made_sweep(ENDS, now=2)
    young = replace(begun[0], name="young", metrics=begun[0].metrics.iloc[:0, :0])
    young = replace(young, signature=as_of(begun[0], 0).signature)
    alone, beside = forecast(begun, best=2), forecast([*begun, young], best=2)
    assert [one.standing for one in beside[:-1]] == [one.standing for one in alone]
    assert [one.decision for one in beside[:-1]] == [one.decision for one in alone]
    assert beside[-1].decision == "abstain"


def test_finished_runs_give_values_intervals_and_the_chance_to_reach_a_threshold():
    known = made_sweep([0.1, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95])
    predictions = forecast(made_sweep(ENDS, now=2), known=known, threshold=0.6)
    values = np.array([one.accuracy for one in predictions])
    assert np.abs(values - ENDS).max() < 0.15
    for one, end in zip(predictions, ENDS, strict=True):
        assert one.interval is not None
        assert 0 <= one.interval[0] < end < one.interval[1] <= 1
    assert predictions[1].p_good > 0.5 > predictions[0].p_good
    assert predictions[0].threshold == 0.6


def test_a_threshold_says_nothing_before_four_runs_have_finished():
    three = forecast(made_sweep(ENDS, now=2), known=made_sweep([0.3, 0.6, 0.9]), threshold=0.6)
    assert {one.decision for one in three} == {"abstain"}
    assert "3 runs of the sweep have finished, and 4 are needed" in three[0].reason


def test_runs_are_compared_as_they_were_after_the_same_share_of_their_budget():
    """A run at 1 of 8 epochs and others at their ends: what it is compared with is their first epoch."""
    young, old = made_run("young", 0.95, now=1), made_sweep(ENDS)
    (one,) = forecast([young], known=old)
    assert one.standing > 0.8
    longer = [made_run(f"long {place}", end, epochs=16, now=2) for place, end in enumerate(ENDS)]
    (same,) = [p for p in forecast([young, *longer]) if p.run == "young"]
    assert same.standing > 0.8


def test_an_epoch_to_look_at_gives_what_was_known_then():
    sweep = made_sweep(ENDS, noise=0.05)
    cut = forecast([as_of(run, 1) for run in sweep], best=3)
    assert [one.standing for one in forecast(sweep, at=1, best=3)] == [one.standing for one in cut]


def test_weights_that_are_not_finite_stop_a_run_and_count_as_worst_for_the_others():
    sweep = made_sweep(ENDS, now=2)
    sweep[1] = diverged(sweep[1])
    predictions = forecast(sweep)
    assert predictions[1].decision == "stop"
    assert "NaN or infinite at epoch 2" in predictions[1].reason
    assert predictions[5].standing == max(one.standing for one in predictions if one.standing is not None)


def test_runs_that_were_stopped_are_compared_with_but_never_taken_for_ends():
    stopped = [made_run(f"stopped {place}", end, now=4) for place, end in enumerate(ENDS)]
    (one,) = forecast([made_run("new", 0.95, now=1)], known=stopped)
    assert one.accuracy is None
    assert one.standing > 0.8
    assert "no finished runs" in one.notes[0]


def test_a_run_alone_has_no_standing():
    (one,) = forecast([made_run("alone", 0.5, now=2)], best=1)
    assert (one.decision, one.standing) == ("abstain", None)
    assert "4 are needed to compare it with" in one.reason


def test_too_early_is_said():
    predictions = forecast(made_sweep(ENDS, now=0, epochs=64), best=1)
    assert predictions[0].reason == "it has spent less than 1/32 of its budget"


def test_a_finished_run_is_not_forecast():
    predictions = forecast(made_sweep(ENDS), threshold=0.5)
    assert [one.accuracy for one in predictions] == pytest.approx(ENDS)
    assert {one.decision for one in predictions} == {"continue"}


def test_weights_and_settings_alone_stop_nothing():
    sweep = [as_of(run, 2) for run in made_sweep(ENDS)]
    blind = [type(run)(run.name, run.signature, run.metrics.iloc[:, :0].iloc[:0], run.settings) for run in sweep]
    predictions = forecast(blind, best=1)
    assert "stop" not in {one.decision for one in predictions}
    assert kendalltau([one.standing for one in predictions], ENDS).statistic > 0
    assert predictions[0].predictor == "settings and weights"


def test_less_than_was_measured_is_not_promised():
    predictions = forecast(made_sweep(ENDS, now=2), best=2, rate=0.01)
    assert predictions[0].decision == "abstain"
    assert "cannot be promised" in predictions[0].reason


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"best": 0}, "best is 0"),
        ({"best": 1, "threshold": 0.5}, "left out where a threshold is given"),
        ({"budget": -1.0}, "a positive number of epochs"),
        ({"target": "reward"}, "those that all have are"),
        ({"rate": 2.0}, "from 0 to 1"),
    ],
)
def test_wrong_options_are_one_line(how, message):
    with pytest.raises(SettingError, match=message):
        forecast(made_sweep(ENDS, now=1), **how)


def test_a_budget_that_nothing_tells_is_asked_for():
    runs = [type(run)(run.name, run.signature, run.metrics, {}) for run in made_sweep(ENDS, now=1)]
    with pytest.raises(SettingError, match="do not say how many epochs it has in all"):
        forecast(runs)
    assert forecast(runs, budget=8)[1].standing is not None
    assert forecast(runs, known=made_sweep([0.5]))[1].standing is not None

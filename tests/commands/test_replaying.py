"""`replay`: what rules would have made of a finished sweep."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from command_line import refused, succeeded
from epochgraph import replay
from epochgraph.commands.replaying import NO_STOPPING, OURS
from epochgraph.errors import SettingError, UnfinishedRunsError
from epochgraph.forecasts.moments import paced
from epochgraph.forecasts.target import target_of
from epochgraph.predictors import Prediction
from epochgraph.runs import write_run
from epochgraph.sweeps.live import decided, forecast_then_best
from epochgraph.sweeps.steps import stepped, steps_of
from forecasts.made import diverged, made_sweep

ENDS = [0.2, 0.9, 0.5, 0.7, 0.3, 0.8, 0.4, 0.6, 0.1, 0.55]


@pytest.mark.parametrize("falls", [False, True])
def test_curves_that_never_cross_cost_nothing_whichever_way_they_go(falls):
    found = replay(made_sweep(ENDS, falls=falls), orders=2, best=2, jobs=1)
    assert (found.direction, found.target) == (("falls", "test_loss") if falls else ("rises", "test_accuracy"))
    assert found.means["regret"].max() == pytest.approx(0)
    assert found.means.loc[NO_STOPPING, "trained"] == 1
    assert found.means.loc[NO_STOPPING, "good_stopped"] == 0
    assert found.means.loc[OURS, "trained"] < 0.9
    assert found.means.loc["1/10 of the budget, then the best 2", "trained"] < 0.4
    assert found.threshold == pytest.approx(1.2 if falls else 0.8)
    assert "Stopping as Watch decides would have saved" in str(found)


def test_runs_of_other_lengths_are_divided_into_as_many_steps():
    runs = paced([*made_sweep(ENDS[:3]), *made_sweep(ENDS[3:], epochs=16, now=16)])
    target = target_of([one.run for one in runs])
    sweep = stepped(runs, target, steps_of(runs, target))
    assert sweep.curves.shape == (10, 10)  # 8 epochs, a quarter and a half
    np.testing.assert_allclose(sweep.curves[:, -1], ENDS)
    assert (np.diff(sweep.curves) >= 0).all()


def test_a_run_that_diverges_is_the_worst_and_spoils_no_average():
    runs = made_sweep(ENDS)
    metrics = runs[1].metrics.astype(float)
    metrics.iloc[5:, :] = np.inf
    runs[1] = diverged(replace(runs[1], metrics=metrics))
    found = replay(runs, orders=1, jobs=1)
    assert np.isfinite(found.outcomes["regret"]).all()
    assert found.means.loc[NO_STOPPING, "regret"] == pytest.approx(0)


def test_a_run_is_stopped_when_the_forecast_says_so_and_is_never_learned_from_as_finished():
    seen = []

    def says(runs, others):
        (run,) = runs
        now = run.metrics.index[-1]
        seen.append((run.name, now, {one.name: one.settings.get("status") for one in others}))
        decision = "stop" if run.name == "run 0" and now >= 4 else "continue"
        return [Prediction(run.name, None, None, None, decision, "so", None, ())]

    trained = decided(paced(made_sweep(ENDS[:2])), says, 8)
    assert trained.tolist() == [4, 8]
    assert [now for name, now, _ in seen if name == "run 0"] == [1, 2, 3, 4]
    assert {tuple(others.items()) for name, _, others in seen if name == "run 1"} == {(("run 0", "stopped"),)}


def test_the_best_forecasts_after_a_step_go_on():
    def says(runs, others):
        return [Prediction(run.name, None, None, None, "abstain", "", None, (), standing=1 - end) for run, end in
                zip(runs, ENDS, strict=True)]  # fmt: skip

    trained = forecast_then_best(paced(made_sweep(ENDS)), says, 8, best=2)
    assert np.flatnonzero(trained == 8).tolist() == [0, 8]
    assert set(trained) == {1, 8}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"orders": 0}, "orders is 0"),
        ({"rate": 2.0}, "rate is 2"),
        ({"best": 2, "threshold": 0.5}, "one or the other"),
        ({"target": "height"}, "'height'"),
        ({"predictor": "no-such"}, "no-such"),
    ],
)
def test_what_makes_no_sense_is_said(options, said):
    with pytest.raises(SettingError, match=said):
        replay(made_sweep(ENDS), jobs=1, **options)


def test_few_runs_unfinished_ones_and_bare_logs_are_refused():
    with pytest.raises(SettingError, match="at least 5 finished runs"):
        replay(made_sweep(ENDS[:4]))
    stopped = [*made_sweep(ENDS), *made_sweep([0.5], now=2)]
    stopped[-1] = replace(stopped[-1], name="young")
    with pytest.raises(UnfinishedRunsError, match="young"):
        replay(stopped)
    found = replay(stopped, unfinished="leave-out", orders=1, jobs=1)
    assert found.runs == 10
    assert "'young'" in found.notes[0]
    bare = [replace(run, metrics=run.metrics.iloc[[-1]]) for run in made_sweep(ENDS)]
    with pytest.raises(SettingError, match="at least 3 times"):
        replay(bare)


def test_the_shipped_predictors_abstain_on_what_they_do_not_know(tmp_path):
    found = replay(made_sweep(ENDS), orders=1, predictor="shipped", jobs=1)
    assert found.means.loc["epochgraph, shipped", "trained"] == 1


def test_on_the_command_line(tmp_path):
    for run in made_sweep(ENDS):
        write_run(run, tmp_path / "store" / f"{run.name}.parquet")
    printed = succeeded("replay", tmp_path / "store", "--best", "2", "--orders", "2", "-o", tmp_path / "replay.png")
    assert "median rule" in printed
    assert (tmp_path / "replay.png").read_bytes().startswith(b"\x89PNG")
    rows = json.loads(succeeded("replay", tmp_path / "store", "--orders", "1", "--json"))
    assert {"rule", "trained", "regret", "good_stopped", "best_stopped"} == rows[0].keys()
    assert "at least 5 finished runs" in refused("replay", tmp_path / "store" / "run 0.parquet")


def test_the_same_seed_gives_the_same_table_in_one_process_or_two():
    alone, together = (replay(made_sweep(ENDS), orders=2, jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(alone.outcomes, together.outcomes)

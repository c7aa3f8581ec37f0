"""`predict` for the runs of a sweep: which of them are compared, and with what."""

import json
from dataclasses import replace

import pytest

from command_line import succeeded
from epochgraph import predict
from epochgraph.errors import SettingError
from epochgraph.predictors.shipped import EXTRACTION
from epochgraph.runs import write_run
from forecasts.made import made_sweep

ENDS = [0.2, 0.9, 0.5, 0.7, 0.3, 0.8, 0.4, 0.6]
SETTINGS = {**EXTRACTION.settings(), "optimizer": "AdamW"}


def sweep(now):
    return made_sweep(ENDS, now=now, settings=SETTINGS)


def test_runs_of_a_kind_that_no_shipped_predictor_knows_are_compared():
    found = predict(sweep(now=2))
    assert all(one.standing is not None for one in found)
    assert "better than" in str(found)
    assert found[0].decision == "abstain"


def test_the_most_hopeful_run_stands_first():
    assert predict(sweep(now=2), hopeful_first=True)[0].run == "run 1"


def test_known_runs_are_learned_from_and_the_best_need_no_threshold():
    found = predict(sweep(now=2), known=sweep(now=8), best=2)
    assert found[1].accuracy is not None
    assert found[0].decision == "stop"
    assert found[1].decision == "continue"


def test_a_predictor_of_ones_own_does_not_compare():
    with pytest.raises(SettingError, match="left out where the runs of a sweep are compared"):
        predict(sweep(now=2), predictor="mine.skops", best=2)


def test_what_cannot_be_compared_is_said_where_it_was_asked_for():
    unknown = [replace(run, settings={**SETTINGS, "epochs": None}) for run in sweep(now=2)]
    with pytest.raises(SettingError, match="how many epochs it has in all"):
        predict(unknown, best=2)
    assert predict(unknown, best=2, budget=8)[1].standing is not None


def test_a_sweep_on_the_command_line(tmp_path):
    for name, now in (("store", 2.0), ("finished", 8.0)):
        for run in sweep(now):
            write_run(run, tmp_path / name / f"{run.name}.parquet")
    printed = succeeded("predict", tmp_path / "store", "--known", tmp_path / "finished", "--best", "2", "--json")
    decisions = {one["run"]: one["decision"] for one in json.loads(printed)}
    assert decisions["run 0"] == "stop"
    assert decisions["run 1"] == "continue"

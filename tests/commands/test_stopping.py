"""The demo of stopping early, on a small sweep of its own."""

import numpy as np
import pytest

from epochgraph.commands.replaying import NO_STOPPING, OURS, TREES, replay
from epochgraph.commands.stopping import Ranking, StoppingDemonstration, demonstrate_stopping, midway, ranked
from epochgraph.errors import ZooError
from forecasts.made import made_sweep

RECIPE = """
kind = "sweeps"
name = "two"
seed = 1
varied = 0.5
about = "Two small sweeps."
[[families]]
name = "digits"
sweeps = 2
runs = 6
epochs = 3
tasks = ["digits"]
architectures = ["mlp"]
optimizers = ["SGD-momentum", "AdamW"]
[families.space]
data_share = [0.2]
"""


def test_sweeps_are_trained_replayed_and_shown_and_none_is_trained_again(tmp_path):
    recipe = tmp_path / "two.toml"
    recipe.write_text(RECIPE)
    seen = []
    found = demonstrate_stopping(str(recipe), out=tmp_path / "demo", workers=2, progress=seen.append)
    assert [*found.sweeps] == ["digits, SGD-momentum", "digits, AdamW"]
    assert {*found.table["rule"]} >= {NO_STOPPING, TREES, OURS, "one step of the budget, then the best 3"}
    assert (found.table[found.table["rule"] == NO_STOPPING]["trained"] == 1).all()
    for path in found.pages.values():
        assert path.read_text().startswith("<!doctype html>")
        assert '"status":"running"' in path.read_text()
    page = str(found)
    assert "12 runs in 2 sweeps" in page
    assert "Kendall's tau" in page
    before = {path: path.stat().st_mtime_ns for path in found.runs.iterdir()}
    assert len(before) == 12
    demonstrate_stopping(str(recipe), out=tmp_path / "demo", workers=2)
    assert {path: path.stat().st_mtime_ns for path in found.runs.iterdir()} == before
    with pytest.raises(ZooError, match="another recipe"):
        demonstrate_stopping("sweeps-without-files", out=tmp_path / "demo", workers=1)


def test_midway_half_of_the_runs_have_finished_and_the_others_have_spent_a_quarter():
    found = midway(made_sweep([0.2, 0.9, 0.5, 0.7, 0.3, 0.8]))
    assert [one.settings.get("status") for one in found] == [None] * 3 + ["running"] * 3
    assert [float(one.metrics.index[-1]) for one in found] == [8, 8, 8, 2, 2, 2]


def test_curves_that_never_cross_rank_the_runs_as_they_end():
    found = ranked(made_sweep([0.2, 0.9, 0.5, 0.7, 0.3, 0.8, 0.4, 0.6]))
    assert found.metric == pytest.approx(1)
    assert found.forecast > 0.8
    assert np.isfinite(found.weights)


def test_a_rule_that_is_cheaper_at_no_more_regret_is_named(tmp_path):
    one = replay(made_sweep([0.2, 0.9, 0.5, 0.7, 0.3, 0.8, 0.4, 0.6, 0.1, 0.55]), orders=1, jobs=1)
    found = StoppingDemonstration({"made": one}, {"made": Ranking(1.0, 0.9, 0.2)}, {}, tmp_path)
    assert "Cheaper at no more regret here: " in str(found)  # curves that never cross: any cut is free
    assert "tau 0.20, the validation metric of that moment with 1.00" in str(found)

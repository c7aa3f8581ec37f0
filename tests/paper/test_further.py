"""What further features tell, from files beside the populations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.measures import SUMMARIES
from epochgraph.runs import read_stored_runs, write_runs
from paper import further as module
from paper.further import ALL, BOTH, FOLDER, compared_candidates, further
from paper.populations import Population

ZOOS = Path(__file__).parents[2] / "zoos"
NAME = "lenet-cifar10-reduced"
FILE = ZOOS / FOLDER / f"{NAME}.parquet"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"{FILE} is missing: a checkout has it")


@pytest.fixture(scope="module")
def lenets(populations) -> Population:
    return populations[NAME]


def test_the_further_features_are_of_the_published_runs(lenets):
    """The fluctuation of a layer is the standard deviation of its degrees, which the population has."""
    published = {run.name: run.signature for run in lenets.runs}
    runs = read_stored_runs(FILE)
    assert {run.name for run in runs} == set(published)
    for run in runs:
        signature = published[run.name].up_to(5)
        assert run.signature.times.tolist() == signature.times.tolist()
        for part in ("input", "features.0", "classifier.6"):
            column = run.signature.names.index(f"layer_fluctuation/part:{part}/mean")
            expected = signature.values[:, signature.names.index(f"degree/part:{part}/std")]
            np.testing.assert_allclose(run.signature.values[:, column], expected, rtol=1e-5)
        assert {name.partition("/")[0] for name in run.signature.names} >= {s.__name__ for s in SUMMARIES}


def test_errors_and_paired_differences(lenets, monkeypatch):
    monkeypatch.setattr(module, "COMPARED_EPOCHS", (0.0, 1.0))
    monkeypatch.setattr(module, "REPEATS", 1)
    few = replace(lenets, runs=lenets.runs[::2])
    other = replace(lenets, name="without further features", source=lenets.source.with_name("other.parquet"))
    result = further([other, few], jobs=1)
    errors, differences = result.tables.values()
    assert errors.index.tolist() == [candidate.name for candidate in compared_candidates()]
    assert errors.columns.tolist() == ["epoch 0", "epoch 1"]
    assert errors.loc["degree", "epoch 0"] == "-"
    assert errors.loc["spectral gap, levels", "epoch 0"] != "-"
    means = result.scores[result.scores["epoch"] == 1].groupby("candidate")["error"].mean()
    assert errors.loc["neural persistence", "epoch 1"] == f"{means['neural persistence']:.1f}"
    assert means["neural persistence"] < means["mean accuracy"]
    added = means[f"both with {ALL}"] - means[BOTH]
    cell = differences.loc[f"{BOTH}: with {ALL} less without", "epoch 1"]
    assert cell.strip("*").startswith(f"{added:+.1f} [")
    assert result.figure is not None
    assert len(result.figure.axes[0].lines) == 2 + len(SUMMARIES)


def test_scores_do_not_depend_on_the_number_of_processes(lenets, monkeypatch):
    monkeypatch.setattr(module, "COMPARED_EPOCHS", (0.0,))  # so there are no changes to draw or compare
    few = replace(lenets, runs=lenets.runs[::2])
    monkeypatch.setattr(module, "_drawn", lambda *_: None)
    monkeypatch.setattr(module, "_differences", lambda _: pd.DataFrame())
    alone, together = (further([few], jobs=jobs).scores for jobs in (1, 2))
    pd.testing.assert_frame_equal(alone, together)


@pytest.mark.parametrize("source", [None, Path("nowhere/lenets.parquet")])
def test_without_a_file_there_is_nothing_to_tell(lenets, source):
    with pytest.raises(SettingError, match="further features"):
        further([replace(lenets, source=source)], jobs=1)


def test_snapshots_of_other_times_are_refused(lenets, tmp_path):
    run = read_stored_runs(FILE)[0]
    later = replace(run.signature, times=run.signature.times + 0.5)
    (tmp_path / FOLDER).mkdir()
    write_runs([replace(run, signature=later)], tmp_path / FOLDER / f"{NAME}.parquet")
    with pytest.raises(UnreadableFileError, match="other snapshots"):
        further([replace(lenets, source=tmp_path / f"{NAME}.parquet")], jobs=1)


def test_levels_are_no_changes():
    runs = read_stored_runs(FILE)
    levels = {candidate.name: candidate for candidate in compared_candidates()}["spectral gap, levels"]
    assert levels.inputs(runs, 0).columns.tolist() == ["spectral_gap/graph/value@0"]
    assert levels.inputs(runs, 0.25).columns.tolist() == [f"spectral_gap/graph/value@{time}" for time in (0.125, 0.25)]

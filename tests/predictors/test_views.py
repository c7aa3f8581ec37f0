"""What predictors look at: on runs of a published population, and on signatures that are worked out by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epochgraph.predictors import Candidate, learned, without_graphs
from epochgraph.predictors.views import changes_between_epochs, folded, pooled_changes
from epochgraph.runs import Run, read_stored_runs
from populations import assert_only_the_past_is_seen, with_features

ZOO = Path(__file__).parents[2] / "zoos" / "alexnet-cifar10-reduced.parquet"


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    if not ZOO.exists():
        pytest.skip(f"{ZOO} is missing: a checkout has it")
    return read_stored_runs(ZOO)[:12]


CANDIDATES = (
    *without_graphs("classification"),
    Candidate("changes of graphs", pooled_changes(), learned("classification", "trees")),
)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_nothing_is_seen_of_what_comes_after_the_epoch(runs, candidate):
    assert_only_the_past_is_seen(candidate, runs)


def test_changes_leave_out_the_start_and_the_parameters(runs):
    columns = pooled_changes()(runs, 1).columns
    assert all("_since_" in name and not name.startswith("parameter:") for name in columns)
    assert {name.rpartition("@")[2] for name in columns} == {"0.125", "0.25", "0.5", "1"}


WHOLE, DEEP, BEFORE = (
    "degree/graph/mean_since_initial",
    "degree/depth:0/std_since_initial",
    "degree/graph/mean_since_previous",
)
NO_CHANGES = ("degree/graph/mean", "last_layer/mean")
NOT_POOLED = tuple(
    f"{place}/mean_since_initial" for place in ("unrolled_degree/graph", "folded/degree/graph", "degree/part:fc")
)


def test_changes_of_the_whole_graph_and_of_depths_are_pooled():
    runs = [with_features([NO_CHANGES[0], WHOLE, *NOT_POOLED, DEEP, NO_CHANGES[1], BEFORE], times=(0, 0.5, 1))]
    expected = {
        f"{WHOLE}@0.5": [11.0],
        f"{DEEP}@0.5": [51.0],
        f"{BEFORE}@0.5": [71.0],
        f"{WHOLE}@1": [12.0],
        f"{DEEP}@1": [52.0],
        f"{BEFORE}@1": [72.0],
    }
    pd.testing.assert_frame_equal(pooled_changes()(runs, 1), pd.DataFrame(expected))


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0.25, {f"{WHOLE}@0.25": 1, f"{DEEP}@0.25": 11}),
        (0.5, {f"{WHOLE}@0.5": 2, f"{DEEP}@0.5": 12}),
        (1, {f"{WHOLE}@1": 3, f"{DEEP}@1": 13}),
        (2, {f"{WHOLE}@1": 3, f"{DEEP}@1": 13, f"{WHOLE}@2": 4, f"{DEEP}@2": 14, f"{BEFORE}@2": 24}),
    ],
)
def test_between_epochs_only_whole_ones_are_compared(epoch, expected):
    """After the first epoch the previous snapshot is a fraction's, which not every network keeps."""
    runs = [with_features([WHOLE, DEEP, BEFORE, *NOT_POOLED, *NO_CHANGES], times=(0, 0.25, 0.5, 1, 2, 3))]
    assert changes_between_epochs(runs, epoch).to_dict("records") == [expected]


def test_folded_features_take_the_place_of_the_others():
    run = with_features(["degree/graph/mean", "last_layer/mean", "folded/degree/graph/mean", "folded/degree/graph/std"])
    signature = folded(run).signature
    assert signature.names == ("degree/graph/mean", "degree/graph/std")
    assert signature.values.tolist() == [[20, 30], [21, 31]]
    assert signature.times.tolist() == [0, 1]
    assert (folded(run).name, folded(run).metrics is run.metrics) == (run.name, True)


def test_a_run_with_nothing_to_fold_stays_as_it_is():
    run = with_features(["degree/graph/mean", "last_layer/mean"])
    assert folded(run).signature.names == run.signature.names
    np.testing.assert_array_equal(folded(run).signature.values, run.signature.values)

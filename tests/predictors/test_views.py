"""What predictors look at: on runs of a published population, and on signatures that are worked out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError
from epochgraph.predictors import Candidate, from_weights, learned, without_graphs
from epochgraph.predictors.views import (
    changes_between_epochs,
    folded,
    last_layer_weights,
    pooled_changes,
    statistics_of,
)
from epochgraph.runs import Recording, Run, read_stored_runs
from epochgraph.signature import Signature
from populations import population

ZOO = Path(__file__).parents[2] / "zoos" / "alexnet-cifar10-reduced.parquet"


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    if not ZOO.exists():
        pytest.skip(f"{ZOO} is missing: a checkout has it")
    return read_stored_runs(ZOO)[:12]


def cut(run: Run, epoch: float) -> Run:
    """The run as it was known after an epoch."""
    recordings = {
        name: Recording(recording.times[recording.times <= epoch], recording.values[recording.times <= epoch])
        for name, recording in run.recordings.items()
    }
    return replace(run, signature=run.signature.up_to(epoch), metrics=run.metrics.loc[:epoch], recordings=recordings)


CANDIDATES = (
    *without_graphs("classification"),
    *from_weights("classification", "svm"),
    Candidate("changes of graphs", pooled_changes(), learned("classification", "trees")),
)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_nothing_is_seen_of_what_comes_after_the_epoch(runs, candidate):
    seen = candidate.inputs(runs, 3)
    pd.testing.assert_frame_equal(seen, candidate.inputs([cut(run, 3) for run in runs], 3))
    assert len(seen) == len(runs)
    assert candidate.estimator(0).fit(seen, np.arange(12) % 2).predict(seen).shape == (12,)


def test_the_papers_signature_is_five_statistics_at_each_whole_epoch(runs):
    table = statistics_of("degree")(runs, 3)
    names = [f"degree/graph/{name}" for name in ("median", "mean", "std", "skewness", "kurtosis")]
    assert table.columns.tolist() == [f"{name}@{epoch}" for epoch in (1, 2, 3) for name in names]
    signature = runs[0].signature
    place = signature.times.tolist().index(2)
    assert table["degree/graph/std@2"][0] == signature.values[place, signature.names.index("degree/graph/std")]


def test_smoothing_begins_with_the_first_epoch(runs):
    plain = statistics_of("degree")(runs, 2)
    linear = statistics_of("degree", smoothing="linear")(runs, 2)
    exponential = statistics_of("degree", smoothing="exponential", alpha=0.25)(runs, 2)
    first, second = plain["degree/graph/mean@1"], plain["degree/graph/mean@2"]
    np.testing.assert_allclose(linear["degree/graph/mean@1"], first)
    np.testing.assert_allclose(linear["degree/graph/mean@2"], (first + 2 * second) / 3)
    np.testing.assert_allclose(exponential["degree/graph/mean@2"], 0.25 * second + 0.75 * first)


def test_views_of_weights_have_the_papers_sizes(runs):
    """This AlexNet has 128 neurons before the last layer, and eight layers of weights and biases."""
    sizes = {candidate.name: candidate.inputs(runs, 2).shape[1] for candidate in from_weights("classification", "svm")}
    assert sizes["last layer, flattened SVM"] == 128 * 10 + 10
    assert sizes["last layer, 7 aggregators SVM"] == 2 * 7
    assert sizes["last layer, 5 aggregators SVM"] == sizes["unrolled degree SVM"] == 2 * 5
    assert sizes["every layer, 7 aggregators SVM"] == 2 * 7 * 16
    assert sizes["every layer, variance SVM"] == 2 * 16


def test_the_last_layer_is_the_latest_that_is_recorded(runs):
    recording = runs[0].recordings["last_layer"]
    latest = recording.values[recording.times.tolist().index(2)]
    np.testing.assert_array_equal(last_layer_weights(runs, 2.5).to_numpy()[0], latest)
    without = replace(runs[0], recordings={})
    with pytest.raises(SettingError, match="recorded with their last layer up to epoch 2"):
        last_layer_weights([without], 2)
    longer = Recording(recording.times, np.pad(recording.values, ((0, 0), (0, 5))))
    with pytest.raises(SettingError, match="of one number of weights"):
        last_layer_weights([runs[0], replace(runs[1], recordings={"last_layer": longer})], 2)


def test_changes_leave_out_the_start_and_the_parameters(runs):
    columns = pooled_changes()(runs, 1).columns
    assert all("_since_" in name and not name.startswith("parameter:") for name in columns)
    assert {name.rpartition("@")[2] for name in columns} == {"0.125", "0.25", "0.5", "1"}


def test_features_that_no_run_has_are_an_error():
    with pytest.raises(SettingError, match="recorded with features named 'unheard_of/graph"):
        statistics_of("unheard_of")(population(2, epochs=3), 2)


def with_features(names, times=(0, 1)):
    """A run whose feature number f is 10 * f + s at snapshot number s."""
    values = np.arange(float(len(times)))[:, None] + 10 * np.arange(float(len(names)))
    signature = Signature(np.array(times, dtype=float), tuple(names), values, np.zeros(len(times), dtype=bool))
    return replace(population(1)[0], signature=signature)


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

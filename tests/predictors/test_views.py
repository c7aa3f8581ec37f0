"""What predictors look at, on runs of a published population."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError
from epochgraph.predictors import Candidate, from_weights, learned, without_graphs
from epochgraph.predictors.views import changes, last_layer_weights, mean_of_training_losses, statistics_of
from epochgraph.runs import Recording, Run, read_stored_runs
from populations import population

ZOO = Path(__file__).parents[2] / "zoos" / "alexnet-cifar10-reduced.parquet"
pytestmark = pytest.mark.skipif(not ZOO.exists(), reason=f"{ZOO} is missing: a checkout has it")


@pytest.fixture(scope="module")
def runs() -> list[Run]:
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
    Candidate("changes of centralities", changes("eigenvector_centrality"), learned("classification", "trees")),
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


def test_changes_leave_out_the_start_and_the_parameters(runs):
    columns = changes("eigenvector_centrality", "eigenvalue")(runs, 1).columns
    assert all("_since_" in name and name.startswith(("eigenvector_centrality", "eigenvalue")) for name in columns)
    assert {name.rpartition("@")[2] for name in columns} == {"0.125", "0.25", "0.5", "1"}


def test_features_that_no_run_has_are_an_error():
    with pytest.raises(SettingError, match="recorded with features named 'unheard_of/graph"):
        statistics_of("unheard_of")(population(2, epochs=3), 2)


def test_the_mean_of_losses_is_worked_out_by_hand():
    losses = pd.DataFrame({"train_loss": [4.0, 2.0, 1.0]}, pd.Index([1.0, 2.0, 3.0], name="epoch"))
    run = replace(population(2, epochs=3)[0], metrics=losses)
    found = mean_of_training_losses([run], 3, decay=0.5)
    assert found["mean_of_training_losses"].tolist() == [(0.5 * (0.5 * 4 + 0.5 * 2) + 0.5 * 1)]

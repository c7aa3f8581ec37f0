"""What only the paper's tables look at: on runs of a published population, and on signatures worked out by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError
from epochgraph.runs import Recording, Run, read_stored_runs
from paper.candidates import baker, from_weights, general
from paper.views import last_layer_weights, learning_curve_with_differences, statistics_of
from populations import assert_only_the_past_is_seen, population

ZOO = Path(__file__).parents[2] / "zoos" / "alexnet-cifar10-reduced.parquet"


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    if not ZOO.exists():
        pytest.skip(f"{ZOO} is missing: a checkout has it")
    return read_stored_runs(ZOO)[:12]


CANDIDATES = (*from_weights("classification", "svm"), baker("classification"), *general("classification"))


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_nothing_is_seen_of_what_comes_after_the_epoch(runs, candidate):
    assert_only_the_past_is_seen(candidate, runs)


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


def test_features_that_no_run_has_are_an_error():
    with pytest.raises(SettingError, match="recorded with features of measure 'unheard_of', scope 'graph'"):
        statistics_of("unheard_of")(population(2, epochs=3), 2)


def curve(accuracies, settings) -> Run:
    """A run with these validation accuracies after its first epochs."""
    epochs = pd.Index(np.arange(1.0, 1 + len(accuracies)), name="epoch")
    metrics = pd.DataFrame({"validation_accuracy": accuracies}, epochs, dtype=float)
    return replace(population(1)[0], metrics=metrics, settings=settings)


def test_differences_are_worked_out_by_hand():
    runs = [
        curve([1, 3, 8, 9], settings={"learning_rate": 0.1, "dropout": 0.5, "seed": 1}),
        curve([2, 2, 2, 9], settings={"learning_rate": 0.2, "dropout": 0.5, "seed": 2}),
    ]
    expected = {
        "validation_accuracy@1": [1.0, 2.0],
        "validation_accuracy@2": [3.0, 2.0],
        "validation_accuracy@3": [8.0, 2.0],
        "difference_of_validation_accuracy@2": [2.0, 0.0],
        "difference_of_validation_accuracy@3": [5.0, 0.0],
        "second_difference_of_validation_accuracy@3": [3.0, 0.0],
        "learning_rate": [0.1, 0.2],
    }
    pd.testing.assert_frame_equal(learning_curve_with_differences(runs, 3), pd.DataFrame(expected))


@pytest.mark.parametrize(("epoch", "differences"), [(1, 0), (2, 1), (3, 3)])
def test_after_few_epochs_there_are_few_differences(epoch, differences):
    runs = [curve([1, 3, 8], settings={"learning_rate": rate}) for rate in (0.1, 0.2)]
    table = learning_curve_with_differences(runs, epoch)
    assert len(table.filter(like="difference_of").columns) == differences
    assert table.shape == (2, epoch + differences + 1)
    assert table.notna().all(axis=None)

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.errors import FeatureMismatchError, SettingError
from epochgraph.predictors import feature_table, labels, run_table
from epochgraph.predictors.tables import of_epochs, selected_table
from epochgraph.runs import Run
from epochgraph.signature import Signature
from populations import exploded, population, signatures


def signature(times, names=("a", "b"), offset=0.0):
    values = offset + np.arange(float(len(times) * len(names))).reshape(len(times), len(names))
    return Signature(np.array(times, dtype=float), tuple(names), values, np.zeros(len(times), dtype=bool))


def test_a_row_is_a_run_and_a_column_a_feature_at_a_time():
    table = feature_table([signature([0, 0.5]), signature([0, 0.5], offset=10.0)])
    assert list(table) == ["a@0", "b@0", "a@0.5", "b@0.5"]
    assert table.to_numpy().tolist() == [[0, 1, 2, 3], [10, 11, 12, 13]]


def test_later_epochs_are_not_looked_at():
    runs = [signature([0, 1, 2]), signature([0, 1])]
    assert list(feature_table(runs, up_to=1.5)) == ["a@0", "b@0", "a@1", "b@1"]


def test_diverged_snapshots_stay_missing():
    table = feature_table([exploded(run, 2) for run in signatures(population(2))])
    assert table.filter(regex="@[01]$").notna().all(axis=None)
    assert table.filter(regex="@[23]$").isna().all(axis=None)


def test_the_error_names_what_a_signature_lacks():
    with pytest.raises(
        FeatureMismatchError, match=r"signature 1 .* has 2 features, and 2 of the 4 .*: a@1, b@1"
    ) as caught:
        feature_table([signature([0, 1]), signature([0])])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes
    with pytest.raises(FeatureMismatchError, match=r"signature 0 .*: c@0"):
        feature_table([signature([0]), signature([0], names=("a", "b", "c"))])
    with pytest.raises(FeatureMismatchError, match=r"signature 0 .*: a@3"):
        selected_table([signature([0, 1])], ["a@0", "a@3"])


def test_columns_can_be_selected_from_more_features_and_times():
    assert selected_table([signature([0, 1, 2])], ["b@1", "a@0"]).to_numpy().tolist() == [[3, 0]]


def run(losses, diverged_from=np.inf):
    index = pd.Index(np.arange(1.0, 1 + len(losses)), name="epoch")
    metrics = pd.DataFrame({"train_loss": losses}, index, dtype=float)
    return Run("run", exploded(signature(range(1 + len(losses))), diverged_from), metrics, {})


def test_what_is_known_of_a_run_is_its_features_and_metrics():
    table = run_table([run([3, 2, 1]), run([6, 5])], ["train_loss@2", "b@1", "a@0"])
    pd.testing.assert_frame_equal(
        table, pd.DataFrame({"train_loss@2": [2.0, 5.0], "b@1": [3.0, 3.0], "a@0": [0.0, 0.0]})
    )


def test_a_metric_may_be_missing_only_of_a_run_that_has_diverged():
    table = run_table([run([3, np.nan, np.nan], diverged_from=2)], ["train_loss@1", "train_loss@2", "a@2"])
    assert table.isna().to_numpy().tolist() == [[False, True, True]]
    with pytest.raises(FeatureMismatchError, match=r"run 'run' .*: train_loss@2"):
        run_table([run([3, 2]), run([3, np.nan, np.nan], diverged_from=3)], ["train_loss@1", "train_loss@2"])
    with pytest.raises(FeatureMismatchError, match=r"run 'run' .*: validation_accuracy@1"):
        run_table([run([3, 2])], ["a@1", "validation_accuracy@1"])


COLUMNS = ["a@0", "a@0.25", "a@0.333333", "a_since_previous@0.25", "a@1", "a_since_previous@1", "b@1.5", "b@2"]


@pytest.mark.parametrize(
    ("epoch", "since", "expected"),
    [
        (0.25, 0, ["a@0.25", "a_since_previous@0.25"]),
        (0.25, 2, ["a@0.25"]),
        (1 / 3, 0, ["a@0.333333"]),
        (0, 0, ["a@0"]),
        (2, 0, ["a@1", "a_since_previous@1", "b@2"]),
        (2, 1, ["a@1", "a_since_previous@1", "b@2"]),
        (2, 2, ["a@1", "b@2"]),
    ],
)
def test_columns_of_whole_epochs_or_of_a_moment_are_chosen(epoch, since, expected):
    table = pd.DataFrame([range(len(COLUMNS))], columns=COLUMNS)
    chosen = of_epochs(table, epoch, since_previous_from=since)
    pd.testing.assert_frame_equal(chosen, table[expected])


def test_epochs_that_no_signature_records_are_refused():
    with pytest.raises(SettingError, match=r"up_to is 3, but must be at most 2"):
        feature_table([signature([1, 2])], up_to=3)
    with pytest.raises(SettingError, match=r"up_to is 0.5"):
        feature_table([signature([1, 2])], up_to=0.5)
    with pytest.raises(SettingError, match="up_to is 3"):
        feature_table([signature([])], up_to=3)
    with pytest.raises(SettingError, match="at least one signature"):
        feature_table([])


@given(st.lists(st.floats(0, 100), min_size=2, unique=True), st.data())
def test_labels_are_one_from_the_threshold_on(accuracies, data):
    threshold = data.draw(st.sampled_from(sorted(accuracies)[1:]))
    assert labels(accuracies, threshold).tolist() == [int(accuracy >= threshold) for accuracy in accuracies]


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.95, 40])
def test_a_threshold_outside_of_the_accuracies_names_their_range(threshold):
    with pytest.raises(SettingError, match=r"of the 3 accuracies \(from 0.1 to 0.9\)"):
        labels([0.5, 0.1, 0.9], threshold)


def test_labels_need_accuracies():
    with pytest.raises(SettingError, match="of the 0 accuracies"):
        labels([], 40)
    with pytest.raises(SettingError, match="accuracy is unknown"):
        labels([0.1, np.nan, 0.9], 0.5)

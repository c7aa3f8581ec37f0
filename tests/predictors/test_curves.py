from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError
from epochgraph.predictors.curves import (
    hyper_parameters,
    learning_curve,
    learning_curve_of_epochs,
    mean_of_training_losses,
    nothing,
    sum_of_training_losses,
    validation_accuracy,
    validation_curve,
)
from epochgraph.runs import Run
from populations import population

FIRST, SECOND = population(2, epochs=3)


def run(*, times=None, settings=None, **metrics):
    count = len(next(iter(metrics.values())))
    epochs = pd.Index(np.arange(1.0, 1 + count) if times is None else times, name="epoch", dtype=float)
    return Run("run", FIRST.signature, pd.DataFrame(metrics, epochs, dtype=float), settings or {})


def curves(accuracies, losses, **options):
    return run(validation_accuracy=accuracies, train_loss=losses, **options)


def test_curves_hold_what_was_measured_so_far():
    runs = [run(validation_accuracy=[np.nan, 3, 4]), run(validation_accuracy=[np.nan, np.nan, 5])]
    pd.testing.assert_frame_equal(
        validation_curve(runs, 3.5),
        pd.DataFrame({"validation_accuracy@2": [3, np.nan], "validation_accuracy@3": [4.0, 5.0]}),
    )
    assert validation_accuracy(runs, 2.5).to_numpy()[0].tolist() == [3]


def test_a_diverged_loss_is_no_small_sum():
    sums = sum_of_training_losses([run(train_loss=[1, 2, 3]), run(train_loss=[1, np.nan, 3])], 2)
    assert sums["sum_of_training_losses"].tolist()[0] == 3
    assert sums["sum_of_training_losses"].isna().tolist() == [False, True]


def test_the_mean_of_losses_is_worked_out_by_hand():
    found = mean_of_training_losses([run(train_loss=[4, 2, 1])], 3, decay=0.5)
    assert found["mean_of_training_losses"].tolist() == [(0.5 * (0.5 * 4 + 0.5 * 2) + 0.5 * 1)]


def test_the_learning_curve_is_accuracies_and_losses():
    runs = [curves([0.25, 0.5, 0.75], [2, 1, 0.5]), curves([0.1, 0.2, np.nan], [3, 4, np.nan])]
    pd.testing.assert_frame_equal(
        learning_curve(runs, 2),
        pd.DataFrame(
            {
                "validation_accuracy@1": [0.25, 0.1],
                "validation_accuracy@2": [0.5, 0.2],
                "train_loss@1": [2.0, 3.0],
                "train_loss@2": [1.0, 4.0],
            }
        ),
    )


def test_settings_are_known_where_runs_differ_in_them():
    runs = [replace(FIRST, settings={"rate": 0.1, "name": "a", "seed": 1}), replace(SECOND, settings={"rate": 0.2})]
    pd.testing.assert_frame_equal(hyper_parameters(runs, 0), pd.DataFrame({"rate": [0.1, 0.2]}))
    pd.testing.assert_frame_equal(hyper_parameters(runs[:1], 0), nothing(runs[:1], 0))


@pytest.mark.parametrize(
    ("epoch", "times"),
    [(0.25, ["0.25"]), (0.5, ["0.5"]), (1 / 3, ["0.333333"]), (1, ["1"]), (2, ["1", "2"]), (2.5, ["1", "2"])],
)
def test_whole_epochs_are_kept_and_fractions_only_of_the_moment(epoch, times):
    known = [0.25, 1 / 3, 0.5, 1, 1.5, 2, 2.5]
    one = curves(np.arange(7), -np.arange(7), times=known)
    table = learning_curve_of_epochs([one], epoch)
    assert table.columns.tolist() == [
        f"{name}@{time}" for name in ("validation_accuracy", "train_loss") for time in times
    ]
    places = [[f"{time:g}" for time in known].index(time) for time in times]
    assert table.to_numpy().tolist() == [[*places, *(-place for place in places)]]


def test_missing_metrics_are_named():
    with pytest.raises(SettingError, match="with 'validation_accuracy', which run 'run' lacks"):
        validation_curve([FIRST, run(train_loss=[1])], 2)
    with pytest.raises(SettingError, match="with 'train_loss', which run 'run' lacks"):
        learning_curve([FIRST, run(validation_accuracy=[1])], 2)
    with pytest.raises(SettingError, match=r"epoch is 0.5, but must be late enough .* 'validation_accuracy'"):
        validation_curve([FIRST, SECOND], 0.5)

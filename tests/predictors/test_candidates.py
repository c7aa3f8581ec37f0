import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError
from epochgraph.predictors import standard_candidates
from epochgraph.predictors.views import sum_of_training_losses, validation_accuracy, validation_curve
from epochgraph.runs import Run
from populations import population

FIRST, SECOND = population(2, epochs=3)


def run(**metrics):
    epochs = pd.Index(np.arange(1.0, 1 + len(next(iter(metrics.values())))), name="epoch")
    return Run("run", FIRST.signature, pd.DataFrame(metrics, epochs, dtype=float), {})


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_candidate_sees_what_comes_after_the_epoch(task):
    runs = population(6, epochs=4)
    cut = [Run(r.name, r.signature.up_to(2), r.metrics.loc[:2], r.settings) for r in runs]
    for candidate in standard_candidates(task):
        pd.testing.assert_frame_equal(candidate.inputs(runs, 2), candidate.inputs(cut, 2))
        assert len(candidate.inputs(runs, 2)) == 6


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_candidate_fits_and_predicts(task):
    runs = population(12)
    y = np.arange(12) % 2 if task == "classification" else np.arange(12.0)
    for candidate in standard_candidates(task):
        inputs = candidate.inputs(runs, 2)
        assert candidate.estimator(7).fit(inputs, y).predict(inputs).shape == (12,)


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


def test_missing_metrics_are_named():
    with pytest.raises(SettingError, match="with 'validation_accuracy', which run 'run' lacks"):
        validation_curve([FIRST, run(train_loss=[1])], 2)
    with pytest.raises(SettingError, match=r"epoch is 0.5, but must be late enough .* 'validation_accuracy'"):
        validation_curve([FIRST, SECOND], 0.5)

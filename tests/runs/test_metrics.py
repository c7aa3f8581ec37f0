"""Names of metrics: what they are called here, and which way they improve."""

import pytest

from epochgraph.errors import SettingError
from epochgraph.runs import direction_for, direction_of
from epochgraph.runs.metrics import alike


@pytest.mark.parametrize(
    "name",
    [
        "train_loss",
        "val_loss",
        "loss",
        "test_error",
        "error_rate",
        "perplexity",
        "ppl",
        "RMSE",
        "valMAE",
        "eval/wer",
        "NLL",
    ],
)
def test_losses_fall(name):
    assert direction_of(name) == "falls"


@pytest.mark.parametrize(
    "name",
    [
        "test_accuracy",
        "val_acc",
        "macro-F1",
        "MulticlassF1Score",
        "ROC_AUC",
        "val_auroc",
        "top5",
        "metrics/mAP50(B)",
        "R2",
    ],
)
def test_accuracies_rise(name):
    assert direction_of(name) == "rises"


@pytest.mark.parametrize(
    "name", ["reward", "score", "fid", "neg_log_loss", "negative_mse", "top1_error", "accuracy_loss", "x", ""]
)
def test_what_a_name_does_not_say_is_asked(name):
    assert direction_of(name) is None
    with pytest.raises(SettingError, match="rises or falls"):
        direction_for(name, None)
    assert direction_for(name, "falls") == "falls"


def test_what_somebody_may_mean_is_named():
    known = ["top5", "train_accuracy", "valid_acc", "val_loss", "lr"]
    assert alike("validation_accuracy", known) == ["valid_acc", "train_accuracy"]
    assert alike("train_loss", known) == ["val_loss"]

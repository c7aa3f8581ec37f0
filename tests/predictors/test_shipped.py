"""The predictors that come with the package."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from command_line import epochgraph, succeeded
from epochgraph import chain
from epochgraph.errors import SettingError
from epochgraph.predictors import predict_runs
from epochgraph.predictors.shipped import (
    EXTRACTION,
    SHIPPED_EPOCHS,
    SITUATIONS,
    shipped_prediction,
    shipped_predictor,
    stored_predictor,
)
from epochgraph.predictors.shipped.applicability import why_not_applicable
from epochgraph.runs import Run, read_stored_runs
from epochgraph.zoo import LeNet
from populations import exploded

ZOO = Path(__file__).parents[2] / "zoos" / "lenet-cifar10-reduced.parquet"


def grown(model: LeNet, epoch: int) -> dict[str, torch.Tensor]:
    return {name: tensor * (1 + 1e-4 * epoch) for name, tensor in model.state_dict().items()}


def predict(*arguments: object) -> str:
    return succeeded("predict", *arguments)


def lenet_run(*, until: int, losses: bool = True) -> Run:
    """Three epochs of a network that hardly learns."""
    torch.manual_seed(0)
    model = LeNet(classes=10, image_size=32)
    snapshots = [grown(model, epoch) for epoch in range(until + 1)]
    signature = EXTRACTION.signature(snapshots, chain(model.state_dict()), times=[float(e) for e in range(until + 1)])
    epochs = pd.Index(np.arange(1.0, until + 1), name="epoch")
    columns = {"validation_accuracy": 0.1, "train_loss": 2.3} if losses else {"test_accuracy": 0.1}
    return Run("mine", signature, pd.DataFrame(columns, index=epochs), EXTRACTION.settings())


def test_there_is_one_for_each_situation_and_epoch_with_its_card():
    card = (Path(__file__).parents[2] / "src/epochgraph/predictors/shipped/README.md").read_text()
    for situation, epoch in product(SITUATIONS, SHIPPED_EPOCHS):
        predictor = stored_predictor(situation, epoch)
        assert predictor.up_to == epoch
        assert predictor.task == "regression"
        assert predictor.extraction == EXTRACTION.settings()
        assert predictor.calibration is not None
        assert any(column.startswith("train_loss") for column in predictor.columns) == ("curve" in situation)
        assert f"| {situation}@{epoch:g} | " in card
        assert f"{predictor.trained_on['runs']} networks on CIFAR-10" in card


def test_an_accuracy_in_percent_is_refused():
    run = lenet_run(until=2)
    with pytest.raises(SettingError, match=r"'mine'.*10\.0.*a fraction"):
        shipped_predictor(replace(run, metrics=run.metrics.assign(validation_accuracy=10.0)))


def test_the_one_that_sees_most_is_taken():
    assert shipped_predictor(lenet_run(until=4)).times == (0.0, 1.0, 2.0, 3.0)
    blind = shipped_predictor(lenet_run(until=2, losses=False))
    assert blind.times == (0.0, 1.0, 2.0)
    assert not any("accuracy" in column for column in blind.columns)


def test_a_run_without_its_beginning_is_refused():
    run = lenet_run(until=3)
    late = replace(run, signature=replace(run.signature, times=run.signature.times + 1))
    with pytest.raises(SettingError, match=r"the first epoch of run 'mine' is '1', but must be 0: changes are since"):
        shipped_predictor(late)
    between = replace(run, signature=replace(run.signature, times=run.signature.times / 2))
    with pytest.raises(SettingError, match=r"is \[1.5\], but must be whole ones after the first"):
        shipped_predictor(between)
    with pytest.raises(SettingError, match=r"is \[0.0\], but must be .* one of 0.25, 0.5, 1, 2, 3, 5\.$"):
        shipped_predictor(replace(run, signature=run.signature.up_to(0)))


@pytest.mark.skipif(not ZOO.exists(), reason=f"{ZOO} is missing: a checkout has it")
def test_they_know_the_runs_that_they_were_fitted_on():
    runs = read_stored_runs(ZOO)
    predicted = [predict_runs(shipped_predictor(run), [run])[0] for run in runs]
    truth = np.array([run.final_accuracy() for run in runs])
    accuracies = np.array([one.accuracy for one in predicted])
    assert np.abs(accuracies - truth).mean() < 0.04
    stopped = np.array([one.decision == "stop" for one in predicted])
    assert not (stopped & (truth >= 0.4)).any()
    assert {one.times[-1] for one in predicted} == {5.0}
    decided = [shipped_prediction(run) for run in runs]  # a zoo's runs are known to be of the right kind
    assert [one.decision for one in decided] == [one.decision for one in predicted]
    assert {one.predictor for one in decided} == {"weights-and-curve@5"}
    assert stopped.sum() > 20


def test_predict_needs_nothing_but_checkpoints(tmp_path):
    """The command line, as in the README: a folder of checkpoints, and metrics beside them."""
    torch.manual_seed(0)
    model = LeNet(classes=10, image_size=32)
    for epoch in range(3):
        torch.save(grown(model, epoch), tmp_path / f"epoch_{epoch}.pt")
    (tmp_path / "metrics.csv").write_text("epoch,train_loss,validation_accuracy\n1,2.3,0.1\n2,2.3,0.1\n")
    predicted = json.loads(predict(tmp_path, "--json", "--threshold", "0.5"))
    assert predicted["times"] == [0, 1, 2]
    assert predicted["threshold"] == 0.5
    assert 0.05 < predicted["accuracy"] < 0.3
    assert predicted["interval"][0] <= predicted["accuracy"] <= predicted["interval"][1]
    assert predicted["p_good"] < 0.3
    assert predicted["decision"] in {"stop", "abstain"}
    assert predicted["reason"]
    assert "A good end is a final accuracy of 0.4 or more." in predict(tmp_path)


def test_predict_takes_a_run_with_gaps_if_asked_to(tmp_path):
    torch.manual_seed(0)
    model = LeNet(classes=10, image_size=32)
    for epoch in (0, 1, 2, 4):
        torch.save(grown(model, epoch), tmp_path / f"epoch_{epoch}.pt")
    result = epochgraph("predict", tmp_path)
    assert (result.returncode, "checkpoint 2 is followed by 4" in result.stderr) == (2, True)
    assert json.loads(predict(tmp_path, "--allow-gaps", "--json"))["times"] == [0, 1, 2]


KNOWN = {
    "optimizer": "SGD",
    "momentum": 0.9,
    "schedule": "constant",
    "task": "image classification",
    "classes": 10,
}


@pytest.mark.parametrize(
    "settings",
    [
        KNOWN,
        KNOWN | {"weight_decay": 0.0, "nesterov": False, "warmup_steps": 0, "pretrained": False, "learning_rate": 0.1},
        {"optim": "torch.optim.SGD", "momentum": "0.9", "lr_scheduler": None, "dataset": "CIFAR-10"},
        {"Optimizer": "sgd", "momentum": 0.9, "lr_schedule": "none", "dataset": "mnist", "task": "classification"},
        {
            "optimizer": "sgd",
            "momentum": 0.90,
            "scheduler": "ConstantLR",
            "task": "Image_Classification",
            "num_labels": 10.0,
        },
        {
            "recipe": "a",
            "scale": "b",
            "architecture": "c",
            "data": "CIFAR-10 (JPEG)",
            "threshold": 0.4,
            "momentum": 0.9,
        },
    ],
)
def test_runs_of_the_known_kind_are_decided_about(settings):
    assert why_not_applicable(settings) is None


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"optimizer": "AdamW"}, "optimiser: AdamW"),
        ({"optimizer": "torch.optim.RMSprop"}, "optimiser: torch.optim.RMSprop"),
        ({"opt": "lion"}, "optimiser: lion"),
        ({"momentum": 0.0}, "momentum: 0.0"),
        ({"schedule": "cosine"}, "schedule: cosine"),
        ({"lr_scheduler": "StepLR"}, "schedule: StepLR"),
        ({"task": "regression"}, "task: regression"),
        ({"task": "text classification"}, "task: text classification"),
        ({"classes": 100}, "number of classes: 100"),
        ({"num_classes": "2"}, "number of classes: 2"),
        ({"weight_decay": 0.0005}, "weight decay: 0.0005"),
        ({"nesterov": True}, "Nesterov momentum: True"),
        ({"warmup_epochs": 5}, "warm-up: 5"),
        ({"pretrained": True}, "start: True"),
        ({"pretrained": "imagenet"}, "start: imagenet"),
        ({"from_scratch": False}, "start: False"),
    ],
)
def test_runs_of_another_kind_are_not(other, found):
    assert found in why_not_applicable(KNOWN | other)


@pytest.mark.parametrize("name", [*KNOWN])
def test_what_settings_do_not_name_is_not_guessed(name):
    reason = why_not_applicable({key: value for key, value in KNOWN.items() if key != name})
    assert f"settings.json does not say {name}, and" in reason


def test_other_data_have_another_number_of_classes():
    settings = {name: value for name, value in KNOWN.items() if name not in ("task", "classes")}
    assert why_not_applicable(settings | {"data": "cifar10"}) is None
    assert "does not say task, classes" in why_not_applicable(settings | {"data": "CIFAR-100"})
    zoo = {"recipe": "a", "scale": "b", "architecture": "c", "data": "Tiny ImageNet, 100 classes", "threshold": 0.05}
    assert "does not say classes" in why_not_applicable(zoo | {"momentum": 0.9})
    assert "optimiser: adamw" in why_not_applicable(zoo | {"momentum": 0.9, "optimizer": "adamw"})


def of_kind(run, **settings):
    return replace(run, settings=run.settings | KNOWN | settings)


def test_of_another_kind_nothing_is_decided_and_the_reason_says_so():
    run = lenet_run(until=2)
    predicted = shipped_prediction(of_kind(run, optimizer="adam"))
    assert predicted.decision == "abstain"
    assert "optimiser: adam" in predicted.reason
    assert "epochgraph fit" in predicted.reason
    assert predicted.accuracy == predict_runs(shipped_predictor(run), [run])[0].accuracy
    assert "does not say optimizer" in shipped_prediction(run).reason


def test_weights_alone_stop_no_run_unless_they_may():
    """At the first epoch the weights alone have a limit; this network hardly moves."""
    run = of_kind(lenet_run(until=1, losses=False))
    predicted, allowed = shipped_prediction(run), shipped_prediction(run, weights_alone=True)
    assert (predicted.decision, allowed.decision) == ("abstain", "stop")
    assert "--weights-alone" in predicted.reason
    assert predicted.predictor == allowed.predictor == "weights@1"
    assert predicted.metrics == {}
    assert "the metrics have no validation_accuracy, but test_accuracy" in predicted.notes[0]


def test_what_the_curve_lacks_is_named():
    run = lenet_run(until=3)
    assert shipped_prediction(run).metrics == {"validation_accuracy": (1.0, 2.0, 3.0), "train_loss": (1.0, 2.0, 3.0)}
    assert shipped_prediction(run).notes == ()

    def note(metrics):
        predicted = shipped_prediction(replace(run, metrics=metrics))
        assert predicted.predictor == "weights@3"
        return predicted.notes[0]

    renamed = run.metrics.rename(columns={"validation_accuracy": "val_acc_ema"})
    assert "the metrics have no validation_accuracy, but val_acc_ema" in note(renamed)
    infinite, missing = run.metrics.copy(), run.metrics.copy()
    infinite.loc[2, "train_loss"], missing.loc[[1, 3], "validation_accuracy"] = np.inf, np.nan
    assert "train_loss is infinite at epoch 2" in note(infinite)
    assert "validation_accuracy is NaN or missing at epoch 1, 3" in note(missing)
    assert "train_loss is NaN or missing at epoch 3" in note(run.metrics.loc[:2])
    assert "there are no metrics" in note(run.metrics.iloc[:0, :0])


@pytest.mark.parametrize("until", [0, 2, 7])
def test_a_run_that_has_diverged_at_any_time_is_stopped_whatever_its_kind(until):
    """Also where no predictor fits: of the start alone, or without a start."""
    run = lenet_run(until=until)
    diverged = replace(run, signature=exploded(run.signature, float(until)))
    late = replace(diverged, signature=replace(diverged.signature, times=diverged.signature.times + 1))
    for one in (diverged, late, of_kind(diverged)):
        predicted = shipped_prediction(one)
        assert predicted.decision == "stop"
        assert "NaN or infinite at epoch" in predicted.reason

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
from epochgraph.predictors.shipped import EPOCHS, EXTRACTION, SITUATIONS, shipped_predictor, stored_predictor
from epochgraph.runs import Run, read_stored_runs
from epochgraph.zoo import LeNet

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
    for situation, epoch in product(SITUATIONS, EPOCHS):
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
    told = [predict_runs(shipped_predictor(run), [run])[0] for run in runs]
    truth = np.array([run.final_accuracy() for run in runs])
    accuracies = np.array([one.accuracy for one in told])
    assert np.abs(accuracies - truth).mean() < 0.04
    stopped = np.array([one.decision == "stop" for one in told])
    assert not (stopped & (truth >= 0.4)).any()
    assert {one.times[-1] for one in told} == {5.0}


def test_predict_needs_nothing_but_checkpoints(tmp_path):
    """The command line, as in the README: a folder of checkpoints, and metrics beside them."""
    torch.manual_seed(0)
    model = LeNet(classes=10, image_size=32)
    for epoch in range(3):
        torch.save(grown(model, epoch), tmp_path / f"epoch_{epoch}.pt")
    (tmp_path / "metrics.csv").write_text("epoch,train_loss,validation_accuracy\n1,2.3,0.1\n2,2.3,0.1\n")
    told = json.loads(predict(tmp_path, "--json", "--threshold", "0.5"))
    assert told["times"] == [0, 1, 2]
    assert told["threshold"] == 0.5
    assert 0.05 < told["accuracy"] < 0.3
    assert told["interval"][0] <= told["accuracy"] <= told["interval"][1]
    assert told["p_good"] < 0.3
    assert told["decision"] in {"stop", "abstain"}
    assert told["reason"]
    assert "A good end is a final accuracy of 0.4 or more." in predict(tmp_path)


def test_predict_takes_a_run_with_gaps_if_asked_to(tmp_path):
    torch.manual_seed(0)
    model = LeNet(classes=10, image_size=32)
    for epoch in (0, 1, 2, 4):
        torch.save(grown(model, epoch), tmp_path / f"epoch_{epoch}.pt")
    result = epochgraph("predict", tmp_path)
    assert (result.returncode, "checkpoint 2 is followed by 4" in result.stderr) == (2, True)
    assert json.loads(predict(tmp_path, "--allow-gaps", "--json"))["times"] == [0, 1, 2]

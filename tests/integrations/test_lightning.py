"""With the real library, on a real small model."""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from epochgraph import chain
from epochgraph.errors import SettingError
from epochgraph.extraction import extraction
from epochgraph.predictors import Prediction
from epochgraph.runs import Run, read_stored_run
from epochgraph.runs.ends import unfinished

pytest.importorskip("lightning", reason="lightning is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightning.pytorch as pl
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger

    from epochgraph.integrations.lightning import ForecastCallback

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own, of workers, of devices and of what it imports
EPOCHS = 4


class Module(pl.LightningModule):
    def __init__(self, rate: float = 0.1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
        self.criterion = nn.CrossEntropyLoss()
        self.example_input_array = torch.zeros(1, 4)
        self.kill_at = None

    def training_step(self, batch, index):
        if self.kill_at == self.current_epoch:
            os.kill(os.getpid(), signal.SIGKILL)
        loss = self.criterion(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, index):
        self.log("val_acc", (self.net(batch[0]).argmax(1) == batch[1]).float().mean())

    def on_train_epoch_end(self):
        self.log("late", float(self.current_epoch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.net.parameters(), lr=self.hparams.rate, momentum=0.9)


def data() -> DataLoader:
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(x, (x.sum(1) > 0).long()), batch_size=16)


def fitted(folder: Path, callback: ForecastCallback, *, resume=None, kill_at=None, **options) -> pl.Trainer:
    torch.manual_seed(0)
    module = Module()
    module.kill_at = kill_at
    options = {"max_epochs": EPOCHS, "logger": CSVLogger(folder, name="logs"), **options}
    callbacks = [callback, ModelCheckpoint(folder / "checkpoints", save_last=True, save_top_k=-1)]
    trainer = pl.Trainer(
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        callbacks=callbacks,
        **options,
    )
    trainer.fit(module, data(), data(), ckpt_path=resume)
    return trainer


def stored(store: Path, run: str = "a") -> Run:
    return read_stored_run(store / f"{run}.parquet")


def saying(decision: str, epoch: float = 0):
    def says(runs, known):
        now = runs[0].signature.times[-1] >= epoch
        said = (0.3, (0.2, 0.4), 0.1, decision if now else "continue", "so", 0.5, ())
        return [Prediction(runs[0].name, *said)]

    return says


def test_a_training_is_watched_in_one_line_and_equals_its_checkpoints(tmp_path):
    trainer = fitted(tmp_path, ForecastCallback(tmp_path / "store"))
    run = stored(tmp_path / "store", "logs-version_0")
    assert run.signature.times.tolist() == [0, 1, 2, 3, 4]
    assert run.metrics.index.tolist() == [1, 2, 3, 4]
    assert sorted(run.metrics) == ["late", "train_loss", "validation_accuracy"]
    assert run.metrics["late"].tolist() == [0, 1, 2, 3]
    assert not run.metrics.isna().any(axis=None)
    assert run.settings["rate"] == 0.1
    assert run.settings["epochs"] == EPOCHS
    assert not unfinished([run])
    paths = sorted((tmp_path / "checkpoints").glob("epoch=*.ckpt"))
    checkpoints = [torch.load(path, weights_only=False)["state_dict"] for path in paths]
    afterwards = extraction(run.settings).signature(
        [{k.removeprefix("net."): v for k, v in checkpoint.items()} for checkpoint in checkpoints],
        chain(Module().net),
        times=range(1, 5),
    )
    alone = [place for place, name in enumerate(run.signature.names) if "_since_" not in name]
    np.testing.assert_array_equal(run.signature.values[1:, alone], afterwards.values[:, alone])
    logged = {"degree/mean", "centrality/mean", "weights/relative_change_since_initial"}
    assert logged <= trainer.callback_metrics.keys()
    assert logged <= set(Path(trainer.logger.log_dir, "metrics.csv").read_text().splitlines()[0].split(","))


def test_the_decision_stops_the_trainer_only_if_asked(tmp_path):
    shadow = ForecastCallback(tmp_path, run="shadow", predictor=saying("stop", 2))
    assert fitted(tmp_path, shadow).current_epoch == EPOCHS
    assert shadow.answer.account.saved == 2
    acting = ForecastCallback(tmp_path, run="acting", predictor=saying("stop", 2), stop=True)
    trainer = fitted(tmp_path, acting)
    assert trainer.current_epoch == 2
    assert trainer.callback_metrics["forecast"] == pytest.approx(0.3)
    run = stored(tmp_path, "acting")
    assert run.signature.times.tolist() == [0, 1, 2]
    assert "stopped" in unfinished([run])["acting"]


def test_metrics_of_earlier_epochs_are_not_recorded_again(tmp_path):
    fitted(tmp_path, ForecastCallback(tmp_path, run="a"), check_val_every_n_epoch=2)
    assert stored(tmp_path).metrics["validation_accuracy"].isna().tolist() == [True, False, True, False]


def test_a_killed_training_is_resumed_and_ends_in_the_same_record(tmp_path):
    fitted(tmp_path / "whole", ForecastCallback(tmp_path / "whole", run="a"))
    code = (
        "import sys; from pathlib import Path; from integrations import test_lightning as t;"
        "folder = Path(sys.argv[1]); t.fitted(folder, t.ForecastCallback(folder, run='a'), kill_at=2)"
    )
    path = os.pathsep.join([str(Path(__file__).parent.parent), *sys.path])
    command = [sys.executable, "-W", "ignore", "-c", code, tmp_path / "killed"]
    killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert unfinished([stored(tmp_path / "killed")])
    last = tmp_path / "killed" / "checkpoints" / "last.ckpt"
    fitted(tmp_path / "killed", ForecastCallback(tmp_path / "killed", run="a"), resume=last)
    found, whole = stored(tmp_path / "killed"), stored(tmp_path / "whole")
    np.testing.assert_array_equal(found.signature.values, whole.signature.values)
    assert found.metrics.equals(whole.metrics[[*found.metrics]])
    assert dict(found.settings) == dict(whole.settings)


def test_a_checkpoint_that_is_moved_elsewhere_brings_the_record_along(tmp_path):
    first = ForecastCallback(tmp_path / "here", run="a")
    fitted(tmp_path / "here", first)
    third = next((tmp_path / "here" / "checkpoints").glob("epoch=2-*.ckpt"))
    fitted(tmp_path / "there", ForecastCallback(tmp_path / "there"), resume=third)
    found, whole = stored(tmp_path / "there"), stored(tmp_path / "here")
    assert found.signature.times.tolist() == whole.signature.times.tolist()
    known = [not name.endswith("_since_initial") for name in found.signature.names]
    np.testing.assert_array_equal(found.signature.values[:, known], whole.signature.values[:, known])


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(SettingError, match="no logger whose version"):
        fitted(tmp_path, ForecastCallback(tmp_path), logger=False)
    with pytest.raises(SettingError, match=r"network is 'model', but must be .*: net, criterion"):
        fitted(tmp_path, ForecastCallback(tmp_path, run="a", network="model"))

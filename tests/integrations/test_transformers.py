"""With the real library, on a real small language model."""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from epochgraph.predictors import Prediction
from epochgraph.runs import Run, read_stored_run
from epochgraph.runs.ends import unfinished

pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("accelerate", reason="accelerate is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

    from epochgraph.integrations.transformers import SIDECAR, ForecastCallback

pytestmark = pytest.mark.filterwarnings("ignore")
EPOCHS = 3


class Tokens(torch.utils.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        tokens = torch.randint(0, 32, (8,), generator=torch.Generator().manual_seed(index))
        return {"input_ids": tokens, "labels": tokens}


class Killed(TrainerCallback):
    """Ends the process as SIGKILL does, in the middle of training."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args, state, control, **_):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def trained(
    folder: Path, callback: ForecastCallback, *, kill_at=None, resume=None, prepare=None, logger=None, **options
) -> Trainer:
    torch.manual_seed(0)
    config = GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=32, n_positions=16, resid_pdrop=0, embd_pdrop=0)
    options = {"eval_strategy": "epoch", "save_strategy": "epoch", "num_train_epochs": EPOCHS, **options}
    arguments = TrainingArguments(
        output_dir=str(folder / "output"),
        per_device_train_batch_size=4,
        logging_strategy="epoch",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=0,
        **options,
    )
    callbacks = [*([logger] if logger else []), callback, *([Killed(kill_at)] if kill_at else [])]
    trainer = Trainer(
        GPT2LMHeadModel(config), arguments, train_dataset=Tokens(), eval_dataset=Tokens(), callbacks=callbacks
    )
    if prepare is not None:
        prepare(trainer)
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def stored(store: Path, run: str = "output") -> Run:
    return read_stored_run(store / f"{run}.parquet")


def stops(runs, known):
    now = runs[0].signature.times[-1] >= 2
    decision = "stop" if now else "continue"
    said = {"target": "validation_loss", "direction": "falls"}
    return [Prediction(runs[0].name, 3.0, (2.9, 3.1), 0.1, decision, "so", 2.5, (), **said)]


def test_a_training_is_watched_in_one_line(tmp_path):
    trainer = trained(tmp_path, ForecastCallback(tmp_path / "store"))
    run = stored(tmp_path / "store")
    assert run.signature.times.tolist() == [0, 1, 2, 3]
    assert run.metrics.index.tolist() == [1, 2, 3]
    assert {"train_loss", "validation_loss"} <= set(run.metrics)
    assert not [name for name in run.metrics if "runtime" in name or "per_second" in name]
    assert run.settings["learning_rate"] == pytest.approx(5e-5)
    assert run.settings["clock"] == "epochs"
    assert not unfinished([run])
    assert "degree/mean" in {name for entry in trainer.state.log_history for name in entry}


class Logger(TrainerCallback):
    """What stands for TensorBoard and its like: it is shown what the trainer logs."""

    def __init__(self) -> None:
        self.seen: dict[str, list[float]] = {}

    def on_log(self, args, state, control, logs=None, **_):
        for name, value in (logs or {}).items():
            self.seen.setdefault(name, []).append(value)


@pytest.mark.parametrize("evaluates", ["epoch", "no"])
def test_the_loggers_of_a_trainer_are_given_forecast_and_features_if_asked(tmp_path, evaluates):
    logger, callback = Logger(), ForecastCallback(tmp_path, predictor=stops)
    trained(tmp_path, callback, prepare=callback.report_to, logger=logger, eval_strategy=evaluates)
    assert len(logger.seen["degree/mean"]) >= EPOCHS
    assert logger.seen["forecast"][0] == 3.0
    assert stored(tmp_path).signature.times.tolist() == [0, 1, 2, 3]


def test_two_processes_of_torchrun_leave_one_run(tmp_path):
    code = (
        "import sys; from pathlib import Path; from integrations import test_transformers as t;"
        "folder = Path(sys.argv[1]); t.trained(folder, t.ForecastCallback(folder, predictor=t.stops, stop=True),"
        "ddp_backend='gloo', save_strategy='no')"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    path = os.pathsep.join([str(Path(__file__).parent.parent), *sys.path])
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [*command, script, tmp_path], env=environment, check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    run = stored(tmp_path)
    assert run.signature.times.tolist() == [0, 1, 2]
    assert "stopped" in unfinished([run])["output"]


def test_the_decision_stops_the_trainer_only_if_asked(tmp_path):
    shadow = ForecastCallback(tmp_path, run="shadow", predictor=stops)
    assert trained(tmp_path, shadow).state.epoch == EPOCHS
    assert shadow.answer.account.saved == 1
    acting = ForecastCallback(tmp_path, run="acting", predictor=stops, stop=True)
    assert trained(tmp_path, acting).state.epoch == 2
    assert "stopped" in unfinished([stored(tmp_path, "acting")])["acting"]


def test_steps_are_the_clock_where_the_budget_is_of_steps(tmp_path):
    options = {"max_steps": 6, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "no"}
    trained(tmp_path, ForecastCallback(tmp_path), **options)
    run = stored(tmp_path)
    assert run.signature.times.tolist() == [0, 2, 4, 6]
    assert run.settings["epochs"] == 6
    assert run.settings["clock"] == "steps"
    assert not unfinished([run])


def test_without_evaluation_each_epoch_is_watched_with_its_loss(tmp_path):
    trained(tmp_path, ForecastCallback(tmp_path), eval_strategy="no", save_strategy="no")
    run = stored(tmp_path)
    assert run.signature.times.tolist() == [0, 1, 2, 3]
    assert run.metrics["train_loss"].notna().all()


def test_a_killed_training_is_resumed_and_ends_in_the_same_record(tmp_path):
    trained(tmp_path / "whole", ForecastCallback(tmp_path / "whole"))
    code = (
        "import sys; from pathlib import Path; from integrations import test_transformers as t;"
        "folder = Path(sys.argv[1]); t.trained(folder, t.ForecastCallback(folder), kill_at=10)"
    )
    path = os.pathsep.join([str(Path(__file__).parent.parent), *sys.path])
    command = [sys.executable, "-W", "ignore", "-c", code, tmp_path / "killed"]
    killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert unfinished([stored(tmp_path / "killed")])
    assert (tmp_path / "killed" / "output" / "checkpoint-4" / SIDECAR).exists()
    earlier = str(tmp_path / "killed" / "output" / "checkpoint-4")  # not even the last one
    trained(tmp_path / "killed", ForecastCallback(tmp_path / "killed"), resume=earlier)
    found, whole = stored(tmp_path / "killed"), stored(tmp_path / "whole")
    np.testing.assert_array_equal(found.signature.values, whole.signature.values)
    assert found.metrics.equals(whole.metrics)
    assert dict(found.settings) == dict(whole.settings)

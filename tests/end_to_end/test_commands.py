"""The command line as a user has it: in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from epochgraph.runs import read_stored_run

MODEL = """
from torch import nn

from epochgraph.runs import read_stored_run

def build():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 8), nn.ReLU(), nn.Linear(8, 3)
    )

def fails():
    raise ValueError("no such thing")
"""


def epochgraph(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from epochgraph.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd, timeout=300)


def succeeded(*arguments: object, cwd: Path | None = None) -> str:
    result = epochgraph(*arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(*arguments: object, cwd: Path | None = None) -> str:
    """The one line of an error of the input."""
    result = epochgraph(*arguments, cwd=cwd)
    assert result.returncode == 2, (result.returncode, result.stderr)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    return result.stderr


def model() -> nn.Module:
    scope: dict = {}
    exec(MODEL, scope)  # noqa: S102 - the text above
    return scope["build"]()


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """Twelve runs of four checkpoints; the faster the weights grow, the better a run ends."""
    root = tmp_path_factory.mktemp("sweep")
    (root / "mymodels.py").write_text(MODEL)
    for number in range(12):
        torch.manual_seed(number)
        network, folder, growth = model(), root / "runs" / f"run{number}", 1 + number / 12
        folder.mkdir(parents=True)
        for epoch in range(4):
            state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            if number % 2:
                torch.save({"state_dict": state, "epoch": epoch}, folder / f"epoch_{epoch}.pt")
            else:
                save_file(state, folder / f"epoch_{epoch}.safetensors")
            with torch.no_grad():
                for parameter in network.parameters():
                    parameter.mul_(growth)
        rows = [f"{epoch},{number / 12 * epoch / 3},{number / 12 * epoch / 3},{1 / (epoch + 1)}" for epoch in range(4)]
        header = "epoch,validation_accuracy,test_accuracy,train_loss"
        (folder / "metrics.csv").write_text("\n".join([header, *rows]))
        (folder / "settings.json").write_text(json.dumps({"learning_rate": 0.1 * (number // 2)}))
    return root


@pytest.fixture(scope="module")
def topology(sweep) -> Path:
    path = sweep / "topology.json"
    checkpoint = sweep / "runs" / "run0" / "epoch_0.safetensors"
    succeeded("inspect", checkpoint, "--model", "mymodels:build", "--input", "1,1,8,8", "--save", path, cwd=sweep)
    return path


@pytest.fixture(scope="module")
def store(sweep, topology) -> Path:
    runs = sorted((sweep / "runs").iterdir())
    succeeded("extract", *runs, "-o", sweep / "store", "--topology", topology, "--change", "initial")
    return sweep / "store"


def test_help_teaches_every_command():
    page = succeeded("--help")
    for command in ("demo", "inspect", "extract", "fit", "predict", "evaluate"):
        assert command in page
        assert "Usage" in succeeded(command, "--help")
    assert succeeded("--version").strip() == "0.1.0"


def test_inspect_shows_the_graph(sweep, topology):
    checkpoint = sweep / "runs" / "run1" / "epoch_3.pt"
    page = succeeded("inspect", checkpoint, "--topology", topology)
    assert "16 nodes" in page
    assert "100.0% of all parameters" in page
    document = json.loads(succeeded("inspect", checkpoint, "--topology", topology, "--json", "--top", "2"))
    assert document["epoch"] == 3
    assert [part["nodes"] for part in document["parts"]] == [1, 4, 8, 3]
    assert document["edges"] == 4 + 32 + 24
    assert document["coverage"] == {"share": 1.0, "left_out": []}
    assert len(document["most_central"]) == 2
    assert sum(part["share_of_centrality"] for part in document["parts"]) == pytest.approx(1)


def test_inspect_needs_no_model_for_a_chain(sweep):
    document = json.loads(succeeded("inspect", sweep / "runs" / "run1", "--json"))
    assert document["nodes"] == 16
    assert document["path"].endswith("epoch_3.pt")


def test_extracting_again_leaves_what_is_there(sweep, topology, store):
    before = {file: file.stat().st_mtime_ns for file in store.iterdir()}
    assert len(before) == 12
    runs = sorted((sweep / "runs").iterdir())
    result = epochgraph("extract", *runs, "-o", store, "--topology", topology, "--change", "initial")
    assert "12 were there already" in result.stderr
    assert {file: file.stat().st_mtime_ns for file in store.iterdir()} == before


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_from_finished_runs_to_a_prediction(sweep, topology, store, tmp_path, task):
    predictor = tmp_path / "predictor.skops"
    options = ("--method", "trees", "--threshold", "0.45", "--up-to", "1", "--task", task)
    succeeded("fit", store, "-o", predictor, *options)
    told = json.loads(succeeded("predict", store, "-p", predictor, "--json"))
    assert len(told) == 12
    assert [prediction["good"] for prediction in told[2:4] + told[9:]] == [False, False, True, True, True]
    checkpoints = sweep / "runs" / "run11"
    (alone,) = json.loads(succeeded("predict", checkpoints, "-p", predictor, "--topology", topology, "--json"))
    assert alone == next(prediction for prediction in told if prediction["run"] == "run11")
    assert "good" in succeeded("predict", store / "run11.parquet", "-p", predictor)


def test_evaluate_compares_with_what_needs_no_graph(store):
    scores = json.loads(succeeded("evaluate", store, "--threshold", "0.45", "--up-to", "1", "--repeats", "2", "--json"))
    names = {score["candidate"] for score in scores}
    assert {"majority class", "validation accuracy", "signature SVM", "signature MLP"} <= names
    best = [s["mean"] for s in scores if (s["candidate"], s["measure"]) == ("signature trees", "accuracy")]
    assert best[0] > 0.8
    page = succeeded("evaluate", store, "--task", "regression", "--up-to", "2", "--repeats", "1", "--folds", "3")
    assert "Kendall" in page


def test_errors_of_the_input_are_one_line(sweep, topology, store, tmp_path):
    assert "no such file" in refused("inspect", tmp_path / "nothing.pt")
    (tmp_path / "page.pt").write_text("<html></html>")
    assert "page.pt" in refused("inspect", tmp_path / "page.pt")
    checkpoint = sweep / "runs" / "run1" / "epoch_3.pt"
    assert "separated by commas" in refused(
        "inspect", checkpoint, "--model", "mymodels:build", "--input", "32x32", cwd=sweep
    )
    assert "no such thing" in refused(
        "inspect", checkpoint, "--model", "mymodels:fails", "--input", "1,1,8,8", cwd=sweep
    )
    assert "--input" in refused("inspect", checkpoint, "--model", "mymodels:build", cwd=sweep)
    assert "left out where --topology" in refused("inspect", checkpoint, "--model", "a:b", "--topology", topology)
    assert "measures" in refused("extract", sweep / "runs" / "run0", "-o", tmp_path / "s", "--measures", "betweenness")
    assert "different names" in refused(
        "extract", sweep / "runs" / "run0", sweep / "runs" / "run0" / ".." / "run0", "-o", tmp_path
    )
    assert "--threshold" in refused("fit", store, "-o", tmp_path / "p", "--up-to", "1", "--task", "classification")
    assert "threshold" in refused("evaluate", store, "--up-to", "1")
    assert "nothing.skops" in refused("predict", store, "-p", tmp_path / "nothing.skops")
    assert not (tmp_path / "s").exists()


def test_a_diverged_checkpoint_is_an_error_to_inspect_and_a_record_to_extract(sweep, tmp_path):
    folder = tmp_path / "diverged"
    folder.mkdir()
    state = model().state_dict()
    torch.save(state, folder / "epoch_0.pt")
    state["4.weight"].fill_(torch.nan)
    torch.save(state, folder / "epoch_1.pt")
    assert "'4.weight' has 1152 NaN or infinite values" in refused("inspect", folder / "epoch_1.pt")
    succeeded("extract", folder, "-o", tmp_path / "store")


def test_a_damaged_table_of_metrics_is_one_line(sweep, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save(model().state_dict(), folder / "epoch_0.pt")
    (folder / "metrics.csv").write_text("epoch,loss\n0,many")
    assert "metrics.csv" in refused("extract", folder, "-o", tmp_path / "store")
    (folder / "metrics.csv").unlink()
    (folder / "settings.json").write_text("[1]")
    assert "settings.json" in refused("extract", folder, "-o", tmp_path / "store")


def test_an_unwritable_place_is_one_line_and_nothing_is_lost(sweep, topology, tmp_path):
    (tmp_path / "file").write_text("in the way")
    run = sweep / "runs" / "run0"
    assert "cannot be written" in refused("extract", run, "-o", tmp_path / "file", "--topology", topology)
    assert (tmp_path / "file").read_text() == "in the way"


def test_the_demo_ends_with_a_table_and_a_picture(tmp_path):
    page = succeeded("demo", "-o", tmp_path, "--runs", "20", "--epochs", "12", "--workers", "2")
    assert "20 networks on handwritten digits" in page
    assert "majority class" in page
    assert "signature SVM" in page
    assert (tmp_path / "digits-12-epochs" / "demo.png").stat().st_size > 50_000
    assert len(list((tmp_path / "digits-12-epochs" / "runs").glob("*.parquet"))) == 20
    assert "at least 20" in refused("demo", "-o", tmp_path, "--runs", "3")


def test_an_interrupted_demo_says_so_and_keeps_what_is_finished(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from epochgraph.cli import main; main()",
        "demo",
        "-o",
        str(tmp_path),
        "--epochs",
        "4",
    ]
    runs = tmp_path / "digits-4-epochs" / "runs"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        for _ in range(600):
            if len(list(runs.glob("*.parquet"))) >= 2 or process.poll() is not None:
                break
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does it: to the workers too
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "what is finished is kept" in errors
    assert 2 <= len(list(runs.iterdir())) < 60
    assert all(read_stored_run(path).name for path in runs.iterdir())

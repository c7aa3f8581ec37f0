"""The command line as a user has it."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from command_line import COMMAND, epochgraph, refused, succeeded, waited_for
from epochgraph import __version__
from epochgraph.extraction import Extraction
from epochgraph.predictors import SignatureRegressor, fitted, read_predictor
from epochgraph.predictors.curves import learning_curve_of_epochs
from epochgraph.predictors.views import Concatenated, signature_so_far
from epochgraph.runs import Run, read_stored_run, read_stored_runs, write_run
from populations import population

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
    for command in ("demo", "inspect", "extract", "pack", "fit", "predict", "evaluate"):
        assert command in page
        assert "Usage" in succeeded(command, "--help")
    assert succeeded("--version").strip() == __version__


def test_inspect_shows_the_graph(sweep, topology):
    checkpoint = sweep / "runs" / "run1" / "epoch_3.pt"
    page = succeeded("inspect", checkpoint, "--topology", topology)
    assert "16 nodes" in page
    assert "100.0% of all parameters" in page
    document = json.loads(succeeded("inspect", checkpoint, "--topology", topology, "--json", "--top", "2"))
    assert document["epoch"] == 3
    assert [part["nodes"] for part in document["parts"]] == [1, 4, 8, 3]
    assert document["edges"] == 4 + 32 + 24
    assert document["coverage"] == {"share": 1.0, "rung": "torch.export", "left_out": []}
    assert len(document["most_central"]) == 2
    assert sum(part["share_of_centrality"] for part in document["parts"]) == pytest.approx(1)


def test_wires_are_said_by_hand(sweep, tmp_path):
    """The last layer skips the one before it; the file keeps that for other commands."""
    checkpoint = sweep / "runs" / "run1" / "epoch_3.pt"
    options = ("--top", "0", "--json", "--save", tmp_path / "net.json", "--wire")
    document = json.loads(succeeded("inspect", checkpoint, *options, "6.weight=0", "--wire", "6.weight=more@4>6"))
    assert [part["name"] for part in document["parts"]] == ["more", "input", "0", "4", "6"]
    assert next(part["reads"] for part in document["parts"] if part["name"] == "6") == ["0", "more"]
    assert document["coverage"]["rung"] == "declared by the user: 6.weight"
    again = json.loads(succeeded("inspect", checkpoint, "--topology", tmp_path / "net.json", "--top", "0", "--json"))
    assert again["parts"] == document["parts"]
    assert "such as head.weight=block.3" in refused("inspect", checkpoint, "--wire", "6.weight")
    assert "Did you mean '6.weight'" in refused("inspect", checkpoint, "--wire", "6.wait=0")


def test_inspect_needs_no_model_for_a_chain(sweep):
    document = json.loads(succeeded("inspect", sweep / "runs" / "run1", "--json"))
    assert document["nodes"] == 16
    assert document["path"].endswith("epoch_3.pt")


def test_little_memory_gives_the_same_graph_and_signature(sweep, topology, store, tmp_path):
    checkpoint = sweep / "runs" / "run1" / "epoch_3.pt"
    pages = [
        json.loads(succeeded("inspect", checkpoint, "--topology", topology, "--json", *options))
        for options in ((), ("--memory", "0 B"))
    ]
    assert pages[0]["most_central"][0]["index"] == pages[1]["most_central"][0]["index"]
    run = sweep / "runs" / "run1"
    options = ("--topology", topology, "--change", "initial", "--memory", "1.5kB")
    succeeded("extract", run, "-o", tmp_path / "s", *options)
    expected, found = (read_stored_run(folder / "run1.parquet").signature for folder in (store, tmp_path / "s"))
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5, atol=1e-6)
    assert "--memory is '2 apples'" in refused("inspect", checkpoint, "--memory", "2 apples")


def test_extracting_again_leaves_what_is_there(sweep, topology, store):
    before = {file: file.stat().st_mtime_ns for file in store.iterdir()}
    assert len(before) == 12
    runs = sorted((sweep / "runs").iterdir())
    result = epochgraph("extract", *runs, "-o", store, "--topology", topology, "--change", "initial")
    assert "12 were there already" in result.stderr
    assert {file: file.stat().st_mtime_ns for file in store.iterdir()} == before


def test_stored_runs_are_packed_into_one_file(store, tmp_path):
    page = succeeded("pack", store, "-o", tmp_path / "sweep.parquet", "--up-to", "1")
    runs, packed = read_stored_runs(store), read_stored_runs(tmp_path / "sweep.parquet")
    assert f"{len(runs)} runs" in page
    assert [run.name for run in packed] == [run.name for run in runs]
    for run, kept in zip(runs, packed, strict=True):
        assert kept.signature.times.tolist() == [0, 1]
        np.testing.assert_array_equal(kept.signature.values, run.signature.up_to(1).values.astype(np.float32))
        assert kept.final_accuracy() == run.final_accuracy()
    assert "name of a .parquet file" in refused("pack", store, "-o", tmp_path / "sweep.csv")


def test_measures_of_parts_and_of_the_whole_graph_are_extracted_and_learnt_from(sweep, topology, tmp_path):
    runs = sorted((sweep / "runs").iterdir())
    measures = "neural_persistence,spectral_gap"
    out = tmp_path / "store"
    succeeded("extract", *runs, "-o", out, "--topology", topology, "--measures", measures, "--change", "initial")
    names = read_stored_runs(out)[0].signature.names
    assert names[:2] == ("neural_persistence/graph/mean", "spectral_gap/graph/value")
    succeeded("fit", out, "-o", tmp_path / "told.skops", "--up-to", "1")
    predicted = json.loads(
        succeeded("predict", runs[0], "-p", tmp_path / "told.skops", "--topology", topology, "--json")
    )
    assert predicted["run"] == runs[0].name


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_from_finished_runs_to_a_prediction(sweep, topology, store, tmp_path, task):
    """Six of the twelve runs end well: enough for a promise about one in five, and for none about one in twenty."""
    predictor = tmp_path / "predictor.skops"
    options = ("--method", "trees", "--threshold", "0.45", "--up-to", "1", "--task", task)
    succeeded("fit", store, "-o", predictor, *options)
    predicted = json.loads(succeeded("predict", store, "-p", predictor, "--rate", "0.2", "--json"))
    assert [one["run"] for one in predicted] == [f"run{number}" for number in range(12)]
    by_name = {one["run"]: one for one in predicted}
    assert [by_name[f"run{number}"]["decision"] for number in (0, 1, 10, 11)] == [
        "stop",
        "stop",
        "continue",
        "continue",
    ]
    assert max(by_name[f"run{number}"]["p_good"] for number in range(4)) < 0.5
    assert min(by_name[f"run{number}"]["p_good"] for number in range(9, 12)) > 0.5
    assert {(one["accuracy"] is None, one["interval"]) for one in predicted} == {(task == "classification", None)}
    checkpoints = ("predict", sweep / "runs" / "run11", "-p", predictor, "--topology", topology, "--json")
    assert json.loads(succeeded(*checkpoints, "--rate", "0.2")) == by_name["run11"]
    unsure = json.loads(succeeded(*checkpoints))
    assert unsure["decision"] == "abstain"
    assert "the 6 known runs with a good end are too few" in unsure["reason"]


MANY = population(60, signal=0.5, curve=0.5, groups=10)
FEATURES = tuple(
    f"{measure}/graph/{name}" for measure in ("degree", "eigenvector_centrality") for name in ("mean", "std")
)


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Path:
    """Sixty stored runs, with metrics in percent."""
    folder = tmp_path_factory.mktemp("many")
    for run in MANY:
        signature = replace(run.signature, names=FEATURES)
        settings = dict(run.settings) | Extraction().settings()
        write_run(replace(run, signature=signature, settings=settings), folder / f"{run.name}.parquet")
    return folder


@pytest.fixture(scope="module")
def of_many(many, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("fitted") / "many.skops"
    options = ("--up-to", "2", "--threshold", "50", "--groups", "learning_rate", "--curve")
    result = epochgraph("fit", many, "-o", path, *options)
    assert result.returncode == 0, result.stderr
    assert "fitted on 60 runs, whose test_accuracy is from 10 to 90" in " ".join(result.stderr.split())
    return path


def test_one_run_is_an_object_and_several_are_a_list(many, of_many):
    best, worst = (pick(MANY, key=Run.final_accuracy).name for pick in (max, min))
    predicted = json.loads(succeeded("predict", many, "-p", of_many, "--json"))
    assert len(predicted) == 60
    hopes = json.loads(succeeded("predict", many, "-p", of_many, "--hopeful-first", "--json"))
    assert [one["interval"][1] for one in hopes] == sorted((one["interval"][1] for one in predicted), reverse=True)
    good = json.loads(succeeded("predict", many / f"{best}.parquet", "-p", of_many, "--json"))
    assert good == next(one for one in predicted if one["run"] == best)
    told_of = {"run", "accuracy", "interval", "p_good", "decision", "reason", "threshold", "times"}
    assert set(good) == told_of | {"target", "direction", "predictor", "metrics", "notes", "standing"}
    assert good["metrics"] == {"validation_accuracy": [1, 2], "train_loss": [1, 2]}
    assert (good["target"], good["direction"], good["predictor"]) == ("test_accuracy", "rises", str(of_many))
    assert good["interval"][0] <= good["accuracy"] <= good["interval"][1]
    assert good["accuracy"] > 70
    assert good["p_good"] > 0.9
    assert (good["decision"], good["threshold"], good["times"]) == ("continue", 50, [0, 1, 2])
    bad = next(one for one in predicted if one["run"] == worst)
    assert bad["p_good"] < 0.1
    assert bad["decision"] == "stop"
    assert "hardly a run with a good end was predicted below" in bad["reason"]


def test_what_was_learnt_is_what_the_library_learns(many, of_many):
    """The options of `fit` say what is looked at, and what is held out together."""
    found, runs = read_predictor(of_many), read_stored_runs(many)
    table = Concatenated((signature_so_far, learning_curve_of_epochs))(runs, 2)
    expected = fitted(
        SignatureRegressor("trees"),
        table,
        [run.final_accuracy() for run in runs],
        groups=[run.settings["learning_rate"] for run in runs],
        extraction=Extraction().settings(),
        trained_on={},
    )
    assert found.columns == tuple(table.columns)
    assert {"validation_accuracy@1", "train_loss@2", "degree/graph/mean@0"} <= set(found.columns)
    assert found.calibration.predicted.tolist() == expected.calibration.predicted.tolist()
    assert found.extraction == expected.extraction
    assert found.trained_on["runs"] == 60


def test_the_table_of_predictions_is_for_people(many, of_many, tmp_path):
    worst = min(MANY, key=Run.final_accuracy)
    stored = read_stored_run(many / f"{worst.name}.parquet")
    write_run(replace(stored, name="[bold]mine"), tmp_path / "mine.parquet")
    page = succeeded("predict", tmp_path / "mine.parquet", "-p", of_many)
    predicted = json.loads(succeeded("predict", tmp_path / "mine.parquet", "-p", of_many, "--json"))
    row = next(line for line in page.splitlines() if "[bold]mine" in line)
    assert f"{predicted['accuracy']:.3f}" in row
    assert f"{predicted['interval'][0]:.3f} to {predicted['interval'][1]:.3f}" in row
    assert row.split()[-1] == "stop"
    assert "A good end is a final accuracy of 50 or more." in page
    assert page.rstrip().endswith(f"stop: {predicted['reason']}.")
    several = succeeded("predict", many, "-p", of_many, "--threshold", "60")
    assert sum(line.startswith(" run") for line in several.splitlines()) == 60 + 1  # and the head
    assert several.rstrip().endswith("A good end is a final accuracy of 60 or more.")


def test_a_threshold_and_a_rate_are_the_users(many, of_many):
    run = ("predict", many / "run0.parquet", "-p", of_many)
    usual, never, always = (
        json.loads(succeeded(*run, *options, "--json")) for options in ((), ("--threshold", "0"), ("--threshold", "95"))
    )
    assert usual["accuracy"] == never["accuracy"] == always["accuracy"]
    assert never["p_good"] > 0.9
    assert always["p_good"] < 0.1
    assert (never["threshold"], always["threshold"], always["decision"]) == (0, 95, "abstain")
    bold = json.loads(succeeded(*run, "--rate", "1", "--json"))
    assert bold == usual | {"decision": "stop", "reason": bold["reason"]}
    assert "threshold is nan" in refused(*run, "--threshold", "nan")


def test_runs_that_a_predictor_cannot_tell_are_one_line(many, of_many, store, tmp_path):
    predictor = tmp_path / "changes.skops"
    succeeded("fit", store, "-o", predictor, "--up-to", "1", "--threshold", "0.45")
    found = refused("predict", many, "-p", predictor)
    assert "'run0' is 'extracted in another way', but must be extracted with" in found
    assert "change=initial" in found
    run = read_stored_run(many / "run0.parquet")
    write_run(replace(run, signature=run.signature.up_to(1)), tmp_path / "young.parquet")
    assert "up to the same epoch" in refused("predict", tmp_path / "young.parquet", "-p", of_many)
    write_run(replace(run, metrics=run.metrics[["test_accuracy"]]), tmp_path / "unmeasured.parquet")
    assert "validation_accuracy@1" in refused("predict", tmp_path / "unmeasured.parquet", "-p", of_many)


def test_what_cannot_be_fitted_is_one_line(many, tmp_path):
    def found(*options, store=many):
        return refused("fit", store, "-o", tmp_path / "p.skops", "--up-to", "2", *options)

    assert "groups is 'optimizer', but must be a setting of every run" in found("--groups", "optimizer")
    assert "groups is ['0.5'], but must be at least two" in found("--groups", "dropout")
    assert "top5" in found("--target", "top5")
    assert "up_to is 9.0" in found("--up-to", "9")
    two = tmp_path / "two"
    two.mkdir()
    for name in ("run0.parquet", "run1.parquet"):
        shutil.copy(many / name, two)
    assert "the number of runs is 2, but must be at least 3" in found(store=two)
    assert not (tmp_path / "p.skops").exists()


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


@pytest.mark.parametrize(
    ("metrics", "found"),
    [
        ("epoch,loss\n0,2\n1,\n1,1", "epoch 1 has several rows. Give one row an epoch"),
        ("epoch,loss\n0,2\n,1", "1 of its rows have no epoch"),
        ("epoch\n0\n1", "it has no column beside 'epoch'"),
    ],
)
def test_metrics_that_a_run_cannot_have_are_refused_before_anything_is_measured(tmp_path, metrics, found):
    """The last checkpoint is damaged, which only shows once the others have been measured."""
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save(model().state_dict(), folder / "epoch_0.pt")
    (folder / "epoch_1.pt").write_text("<html></html>")
    assert "epoch_1.pt" in refused("extract", folder, "-o", tmp_path / "store")
    (folder / "metrics.csv").write_text(metrics)
    assert f"metrics.csv: {found}" in refused("extract", folder, "-o", tmp_path / "store")
    (folder / "metrics.csv").unlink()
    (folder / "settings.json").write_text("[" * 100_000)
    assert "settings.json: it is no JSON file" in refused("extract", folder, "-o", tmp_path / "store")


def test_a_setting_called_recipe_makes_no_run_of_a_zoo(sweep, topology, tmp_path):
    """Of a zoo's runs both ways are recorded; this one's batch norms are not folded, and the predictor wants that."""
    runs, run = sorted((sweep / "runs").iterdir()), tmp_path / "run"
    shutil.copytree(runs[0], run)
    (run / "settings.json").write_text('{"recipe": "baseline"}')
    succeeded("extract", *runs, "-o", tmp_path / "folded", "--topology", topology, "--fold-batch-norm")
    succeeded("fit", tmp_path / "folded", "-o", tmp_path / "p.skops", "--up-to", "1")
    succeeded("extract", run, "-o", tmp_path / "store", "--topology", topology)
    found = refused("predict", tmp_path / "store" / "run.parquet", "-p", tmp_path / "p.skops")
    assert "extracted in another way" in found


def test_the_folder_that_one_stands_in_has_a_name(sweep, store, topology, tmp_path):
    """Beside its checkpoints lies what a crash has left half written: that makes no store of it."""
    run = tmp_path / "mine"
    shutil.copytree(sweep / "runs" / "run0", run)
    (run / ".half.parquet").write_text("PAR1")
    succeeded("extract", ".", "-o", "../store", "--topology", topology, "--change", "initial", cwd=run)
    assert read_stored_run(tmp_path / "store" / "mine.parquet").name == "mine"
    succeeded("fit", store, "-o", tmp_path / "p.skops", "--up-to", "1")
    options = ("-p", tmp_path / "p.skops", "--topology", topology, "--json")
    assert json.loads(succeeded("predict", ".", *options, cwd=run))["run"] == "mine"


def test_names_too_long_for_the_system_are_one_line(store, tmp_path):
    long = tmp_path / ("x" * 300)
    file = long.with_suffix(".parquet")
    for command in (
        ("evaluate", long, "--threshold", "0.5", "--up-to", "1"),
        ("pack", file, "-o", tmp_path / "packed.parquet"),
        ("predict", long),
        ("predict", file),
        ("extract", long, "-o", tmp_path / "store"),
        ("extract", store, "-o", long),
        ("zoo", "status", long),
        ("zoo", "train", "digits-reduced", "-d", "digits", "-o", long),
    ):
        assert "File name too long" in refused(*command)


def test_links_that_lead_to_themselves_are_one_line(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for command in (
        ("inspect", loop),
        ("extract", loop, "-o", tmp_path / "store"),
        ("predict", loop),
        ("evaluate", loop, "--threshold", "0.5", "--up-to", "1"),
        ("zoo", "status", loop),
        ("zoo", "train", "lenet-cifar10-reduced", "-d", loop, "-o", tmp_path / "zoo"),
    ):
        assert str(loop) in refused(*command)


def test_names_in_brackets_are_no_markup(sweep, tmp_path):
    run = tmp_path / "runs[lr=0.1]"
    shutil.copytree(sweep / "runs" / "run0", run)
    assert str(run / "epoch_3.safetensors") in succeeded("inspect", run)
    shutil.copy(run / "epoch_3.safetensors", run / "best.safetensors")
    result = epochgraph("extract", run, "-o", tmp_path / "store[lr=0.1]")
    assert f"{run / 'best.safetensors'}: skipped" in result.stderr
    assert f"1 runs extracted to {tmp_path / 'store[lr=0.1]'}" in result.stderr


def test_numbers_out_of_range_are_no_traceback(many, sweep, tmp_path):
    for seed in ("-1", "5000000000"):
        for command in (
            ("evaluate", many, "--threshold", "50", "--up-to", "1"),
            ("fit", many, "-o", tmp_path / "p", "--up-to", "1"),
        ):
            result = epochgraph(*command, "--seed", seed)
            assert result.returncode == 2
            assert "Traceback" not in result.stderr
            assert "Invalid value for '--seed'" in result.stderr
    tracing = ("inspect", sweep / "runs" / "run0", "--model", "mymodels:build", "--input")
    for shape in ("1,99999999999999", f"1,{10**20}"):
        assert "fit into the memory" in refused(*tracing, shape, cwd=sweep)


def test_an_epoch_that_is_asked_for_twice_is_evaluated_once(many):
    options = ("--task", "regression", "--repeats", "1", "--folds", "2")
    page = succeeded("evaluate", many, "--up-to", "1", "--up-to", "1.0", *options)
    assert page.count("60 runs, up to epoch 1") == 1


def test_an_unwritable_place_is_one_line_and_nothing_is_lost(sweep, topology, tmp_path):
    (tmp_path / "file").write_text("in the way")
    run = sweep / "runs" / "run0"
    assert "cannot be written" in refused("extract", run, "-o", tmp_path / "file", "--topology", topology)
    assert (tmp_path / "file").read_text() == "in the way"


def test_the_demo_ends_with_a_table_and_a_picture(tmp_path):
    page = succeeded("demo", "digits", "-o", tmp_path, "--runs", "20", "--epochs", "12", "--workers", "2")
    assert "20 networks on handwritten digits" in page
    assert "majority class" in page
    assert "signature SVM" in page
    assert (tmp_path / "digits-12-epochs" / "demo.png").stat().st_size > 50_000
    assert len(list((tmp_path / "digits-12-epochs" / "runs").glob("*.parquet"))) == 20
    assert "at least 20" in refused("demo", "digits", "-o", tmp_path, "--runs", "3")


def test_an_interrupted_demo_says_so_and_keeps_what_is_finished(tmp_path):
    command = [*COMMAND, "demo", "digits", "-o", str(tmp_path), "--epochs", "4"]
    runs = tmp_path / "digits-4-epochs" / "runs"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        waited_for(lambda: len(list(runs.glob("[!.]*.parquet"))) >= 2 or process.poll() is not None)
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does it: to the workers too
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "what is written is kept" in errors
    finished = list(runs.glob("[!.]*"))  # a worker may be ended while it writes to a hidden file, which nobody reads
    assert 2 <= len(finished) < 60
    assert all(read_stored_run(path).name for path in finished)

"""Sweeps as people have them: a damaged file, other names of metrics, losses, runs that were stopped."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from command_line import epochgraph, refused, succeeded
from epochgraph.extraction import Extraction
from epochgraph.runs import read_stored_run, read_stored_runs, write_run
from populations import population

RUNS = 4
FEATURES = tuple(
    f"{measure}/graph/{name}" for measure in ("degree", "eigenvector_centrality") for name in ("mean", "std")
)


@pytest.fixture
def sweep(tmp_path) -> list[Path]:
    folders = []
    for number in range(RUNS):
        torch.manual_seed(number)
        network, folder = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), tmp_path / "runs" / f"run{number}"
        folder.mkdir(parents=True)
        for epoch in range(3):
            torch.save({k: v * (1 + epoch) for k, v in network.state_dict().items()}, folder / f"epoch_{epoch}.pt")
        (folder / "metrics.csv").write_text(f"epoch,loss,val_acc\n1,2,0.{number}\n2,1,0.{number + 1}\n")
        folders.append(folder)
    return folders


def named(result, *names):
    """That a command did what it could, named the rest, and ended with its exit code."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    for name in names:
        assert str(name) in last
    return result


def test_one_damaged_checkpoint_stops_no_other_run(sweep, tmp_path):
    bad = sweep[1] / "epoch_2.pt"
    bad.write_bytes(bad.read_bytes()[:500])
    result = named(epochgraph("extract", *sweep, "-o", tmp_path / "store"), sweep[1])
    assert "3 runs extracted" in result.stderr
    assert f"{bad}: it is damaged" in result.stderr
    assert "1 of 4 runs could not be used, the other 3 are done" in result.stderr
    assert [run.name for run in read_stored_runs(tmp_path / "store")] == ["run0", "run2", "run3"]
    again = named(epochgraph("extract", *sweep, "-o", tmp_path / "store"), sweep[1])
    assert "0 runs extracted" in again.stderr
    assert "3 were there already" in again.stderr
    assert f"{bad}: it is damaged" in refused("extract", sweep[1], "-o", tmp_path / "store")
    bad.unlink()
    assert "1 runs extracted" in epochgraph("extract", *sweep, "-o", tmp_path / "store").stderr


def test_other_troubles_of_one_run_stop_no_other_either(sweep, tmp_path):
    (sweep[0] / "metrics.csv").write_text("epoch,a\n1,2,\n")
    (sweep[1] / "settings.json").write_text("[")
    for file in sweep[2].glob("*.pt"):
        file.unlink()
    result = named(epochgraph("extract", *sweep, tmp_path / "nothing", "-o", tmp_path / "store"), *sweep[:3], "nothing")
    assert "line 2 has 3 fields" in result.stderr
    assert "the other 1 are done" in result.stderr
    assert read_stored_run(tmp_path / "store" / "run3.parquet").name == "run3"


def test_an_option_that_is_wrong_for_all_is_one_line(sweep, tmp_path):
    assert "betweenness" in refused("extract", *sweep, "-o", tmp_path / "store", "--measures", "betweenness")


def test_other_names_are_read_and_told_once(sweep, tmp_path):
    result = epochgraph("extract", *sweep, "-o", tmp_path / "store")
    assert result.stderr.count("its val_acc is read as validation_accuracy") == 1
    metrics = read_stored_run(tmp_path / "store" / "run1.parquet").metrics
    assert metrics.to_dict("list") == {"train_loss": [2, 1], "validation_accuracy": [0.1, 0.2]}
    options = ("--metric", "val_acc=top5", "--force")
    succeeded("extract", sweep[1], "-o", tmp_path / "store", *options)
    assert "top5" in read_stored_run(tmp_path / "store" / "run1.parquet").metrics
    assert "THEIRS=OURS" in refused("extract", sweep[1], "-o", tmp_path / "store", "--metric", "val_acc")
    assert "no column 'acc'" in refused(
        "extract", sweep[1], "-o", tmp_path / "s", "--metric", "acc=validation_accuracy"
    )


def test_the_log_of_lightning_lies_beside_the_folder_of_checkpoints(sweep, tmp_path):
    version = tmp_path / "version_0"
    shutil.copytree(sweep[0], version / "checkpoints")
    (version / "checkpoints" / "metrics.csv").rename(version / "metrics.csv")
    (version / "metrics.csv").write_text("epoch,step,train_loss,val_acc\n0,9,2,\n0,9,,0.1\n1,19,1,\n1,19,,0.2\n")
    succeeded("extract", version / "checkpoints", "-o", tmp_path / "store")
    (run,) = read_stored_runs(tmp_path / "store")
    assert run.metrics.index.tolist() == [1, 2]
    assert run.metrics["validation_accuracy"].tolist() == [0.1, 0.2]


def test_a_store_that_is_not_what_is_asked_for_says_so(sweep, tmp_path):
    (sweep[0] / "metrics.csv").unlink()
    out = ("-o", tmp_path / "store")
    succeeded("extract", *sweep, *out)
    other = refused("extract", *sweep, *out, "--change", "initial")
    assert "extracted with other options: change '', not 'initial'. Give `--force`" in other
    (sweep[0] / "metrics.csv").write_text("epoch,loss\n1,2\n")
    came = named(epochgraph("extract", *sweep, *out), sweep[0])
    assert "metrics.csv has come or changed since it was extracted. Give `--force`" in came.stderr
    assert "1 of 4 runs" in came.stderr
    (sweep[1] / "settings.json").write_text('{"learning_rate": 0.1}')
    assert "settings.json has come" in refused("extract", sweep[1], *out)
    shutil.copy(sweep[2] / "epoch_2.pt", sweep[2] / "epoch_3.pt")
    assert "it has the checkpoints up to epoch 2, and there are 4 now" in refused("extract", sweep[2], *out)
    succeeded("extract", *sweep, *out, "--force")
    succeeded("extract", *sweep, *out)
    shutil.rmtree(sweep[3])  # what is stored is all that there is
    succeeded("extract", *sweep, *out)


@pytest.fixture(scope="module")
def losses(tmp_path_factory) -> Path:
    """Sixty stored runs of which a loss is known, and no accuracy: it ends between 0.1 and 0.9."""
    folder = tmp_path_factory.mktemp("losses")
    for run in population(60, curve=0.5, groups=10):
        metrics = 1 - run.metrics / 100
        metrics = metrics.drop(columns="train_loss").set_axis(["validation_loss", "test_loss"], axis="columns")
        signature = replace(run.signature, names=FEATURES)
        settings = dict(run.settings) | Extraction().settings()
        write_run(replace(run, signature=signature, metrics=metrics, settings=settings), folder / f"{run.name}.parquet")
    return folder


def test_a_loss_is_learned_the_right_way_round(losses, tmp_path):
    options = ("--target", "test_loss", "--threshold", "0.5", "--up-to", "2", "--look-at", "validation_loss")
    result = epochgraph("fit", losses, "-o", tmp_path / "p.skops", *options)
    assert result.returncode == 0, result.stderr
    assert "the lower, the better" in result.stderr
    predicted = json.loads(succeeded("predict", losses, "-p", tmp_path / "p.skops", "--hopeful-first", "--json"))
    ends = {run.name: run.final_accuracy("test_loss") for run in read_stored_runs(losses)}
    stopped = [ends[one["run"]] for one in predicted if one["decision"] == "stop"]
    assert len(stopped) > 10
    assert min(stopped) > 0.5
    assert np.mean([ends[one["run"]] for one in predicted[:10]]) < 0.25
    assert all(one["interval"][0] <= one["accuracy"] <= one["interval"][1] for one in predicted)
    assert predicted[0]["metrics"] == {"validation_loss": [1, 2]}
    assert (predicted[0]["target"], predicted[0]["direction"]) == ("test_loss", "falls")
    page = succeeded("predict", losses / "run0.parquet", "-p", tmp_path / "p.skops")
    assert "predicted test_loss" in page
    assert "A good end is a final test_loss of 0.5 or less." in page


def test_a_target_whose_direction_is_not_certain_is_asked_for(losses, tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    for run in read_stored_runs(losses):
        write_run(
            replace(run, metrics=run.metrics.add_suffix("_x").set_axis(["a", "score"], axis=1)),
            folder / f"{run.name}.parquet",
        )
    options = ("fit", folder, "-o", tmp_path / "p.skops", "--up-to", "1", "--target", "score", "--threshold", "0.5")
    assert "the direction of the target is 'score', but must be given" in refused(*options)
    succeeded(*options, "--direction", "falls")
    predicted = json.loads(succeeded("predict", folder, "-p", tmp_path / "p.skops", "--json"))
    assert {one["direction"] for one in predicted} == {"falls"}


def test_any_target_is_evaluated_and_what_cannot_be_compared_is_named(losses):
    options = ("--up-to", "2", "--repeats", "1", "--folds", "3", "--json")
    result = epochgraph("evaluate", losses, "--target", "test_loss", "--threshold", "0.4", *options)
    assert result.returncode == 0, result.stderr
    assert "left out, as not all runs have validation_accuracy: validation accuracy" in result.stderr
    assert "as not all runs have train_loss: sum of training losses" in result.stderr
    scores = {(s["candidate"], s["measure"]): s["mean"] for s in json.loads(result.stdout)}
    assert scores["signature trees", "accuracy"] > 0.8
    own = json.loads(succeeded("evaluate", losses, "--target", "validation_loss", "--task", "regression", *options))
    assert {"latest validation_loss", "validation_loss so far"} <= {score["candidate"] for score in own}
    assert "must be a metric of run 'run0'" in refused("evaluate", losses, "--task", "regression", *options)


def test_runs_that_were_stopped_are_no_ends_to_learn_from(losses, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(losses, store)
    run = read_stored_run(store / "run7.parquet")
    early = run.metrics.loc[:1].assign(test_loss=0.4)
    write_run(replace(run, metrics=early), store / "run7.parquet")
    about = ("--target", "test_loss", "--up-to", "1")
    fit = ("fit", store, "-o", tmp_path / "p.skops", *about)
    assert "run 'run7' ends at epoch 1, others at 3" in refused(*fit)
    assert not (tmp_path / "p.skops").exists()
    assert "run 'run7' ends at epoch 1" in refused("evaluate", store, *about, "--threshold", "0.5")
    left = epochgraph(*fit, "--unfinished", "leave-out")
    assert (left.returncode, "fitted on 59 runs" in left.stderr, "'run7'" in left.stderr) == (0, True, True)
    assert "fitted on 60 runs" in epochgraph(*fit, "--unfinished", "take").stderr


def test_one_stored_run_that_is_damaged_stops_no_command(losses, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(losses, store)
    (store / "run5.parquet").write_bytes(b"PAR1")
    fitting = ("--target", "test_loss", "--up-to", "1")
    result = named(epochgraph("fit", store, "-o", tmp_path / "p.skops", *fitting), "run5.parquet")
    assert "fitted on 59 runs" in result.stderr
    predicted = named(epochgraph("predict", store, "-p", tmp_path / "p.skops", "--json"), "run5.parquet")
    assert len(json.loads(predicted.stdout)) == 59
    named(epochgraph("pack", store, "-o", tmp_path / "all.parquet"), "run5.parquet")
    assert len(read_stored_runs(tmp_path / "all.parquet")) == 59
    options = ("--task", "regression", "--repeats", "1", "--folds", "2", *fitting)
    assert "59 runs, up to epoch 1" in named(epochgraph("evaluate", store, *options), "run5.parquet").stdout


def test_a_run_that_a_predictor_cannot_tell_stops_no_other(losses, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(losses, store)
    succeeded("fit", store, "-o", tmp_path / "p.skops", "--target", "test_loss", "--up-to", "2")
    run = read_stored_run(store / "run5.parquet")
    write_run(replace(run, signature=run.signature.up_to(1)), store / "run5.parquet")
    result = named(epochgraph("predict", store, "-p", tmp_path / "p.skops", "--json"), "run5")
    assert "run 'run5' has 12 features, and 4 of the 12 expected are not among them" in result.stderr
    assert len(json.loads(result.stdout)) == 59

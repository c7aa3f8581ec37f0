"""Folders of checkpoints as the command line reads them."""

from pathlib import Path

import torch
from torch import nn

from command_line import refused, succeeded
from epochgraph.runs import read_stored_run


def written(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    for name in names:
        torch.save(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).state_dict(), folder / name)
    return folder


def test_epochs_from_says_which_number_is_the_epoch(tmp_path):
    run, store = written(tmp_path / "run", "3-0.8.pt", "5-0.9.pt", "9-0.7.pt"), tmp_path / "store"
    for command in (["inspect", run], ["extract", run, "-o", store], ["predict", run]):
        assert "--epochs-from '{epoch}-{_}.pt'" in refused(*command)
    assert ", epoch 9:" in succeeded("inspect", run, "--epochs-from", "{epoch}-{_}.pt")
    succeeded("extract", run, "-o", store, "--allow-gaps", "--epochs-from", "{epoch}-{_}.pt")
    assert read_stored_run(store / "run.parquet").signature.times.tolist() == [3, 5, 9]
    assert "--epochs-from is '{epoch}.pt'" in refused("inspect", run, "--epochs-from", "{epoch}.pt")


def test_runs_of_one_name_and_metrics_in_the_folder_above(tmp_path):
    for name in ("a", "b"):
        written(tmp_path / name / "version_0" / "checkpoints", "epoch=0.ckpt", "epoch=1.ckpt")
        (tmp_path / name / "version_0" / "metrics.csv").write_text(f"epoch,test_accuracy\n1,0.1\n2,0.{ord(name)}\n")
    store = tmp_path / "store"
    succeeded("extract", tmp_path / "a" / "version_0", tmp_path / "b" / "version_0" / "checkpoints", "-o", store)
    assert read_stored_run(store / "a-version_0.parquet").metrics["test_accuracy"].tolist() == [0.1, 0.97]
    assert read_stored_run(store / "b-version_0.parquet").metrics["test_accuracy"].tolist() == [0.1, 0.98]

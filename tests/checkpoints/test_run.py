"""A folder becomes a run: time order, laziness, one architecture, no silent gaps."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from epochgraph.checkpoints import CheckpointRun, read_run
from epochgraph.errors import (
    CheckpointMismatchError,
    EpochgraphError,
    MissingCheckpointError,
    UnknownEpochsError,
    UnreadableFileError,
)


def write(folder: Path, *names: str, shape: tuple[int, ...] = (2, 2)) -> None:
    """Write one small checkpoint a name; its values are its place in the list."""
    for value, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {"fc.weight": torch.full(shape, float(value))}
        (save_file if name.endswith(".safetensors") else torch.save)(state, path)


def test_checkpoints_come_in_time_order(tmp_path):
    write(tmp_path, "epoch_10.pt", "epoch_0.pt", "epoch_5.safetensors", "last.ckpt", "notes.txt")
    run = read_run(str(tmp_path))
    assert run.path == tmp_path
    assert run.epochs == (0.0, 5.0, 10.0)
    assert [checkpoint.epoch for checkpoint in run] == [0.0, 5.0, 10.0]
    assert [checkpoint["fc.weight"][0, 0].item() for checkpoint in run] == [1, 2, 0]
    assert [path.name for path in run.files] == ["epoch_0.pt", "epoch_5.safetensors", "epoch_10.pt"]
    assert run.skipped == (tmp_path / "last.ckpt",)
    assert run.shapes == {"fc.weight": (2, 2)}


def test_a_run_is_a_sequence(tmp_path):
    write(tmp_path, "epoch_0.pt", "epoch_1.pt", "epoch_2.pt")
    run = read_run(tmp_path)
    assert len(run) == 3
    assert run[-1].epoch == 2.0
    part = run[:2]
    assert isinstance(part, CheckpointRun)
    assert part.epochs == (0.0, 1.0)
    assert [checkpoint.epoch for checkpoint in reversed(run)] == [2.0, 1.0, 0.0]
    with pytest.raises(IndexError):
        run[3]


def test_files_are_opened_only_when_asked_for(tmp_path):
    write(tmp_path, "epoch_0.pt", "epoch_1.pt", "epoch_2.pt")
    (tmp_path / "epoch_1.pt").write_bytes(b"")
    run = read_run(tmp_path)
    assert run[2].epoch == 2.0
    with pytest.raises(UnreadableFileError, match="empty"):
        run[1]


def test_the_time_in_a_run_may_differ_from_that_of_the_name_alone(tmp_path):
    write(tmp_path, "epoch=0-step=100.ckpt", "epoch=0-step=200.ckpt")
    assert [checkpoint.epoch for checkpoint in read_run(tmp_path)] == [100.0, 200.0]


def test_a_single_checkpoint_is_a_run_of_one(tmp_path):
    write(tmp_path, "weights.pt", "other/epoch_7.pt", "alone/model.pt")
    assert [checkpoint.epoch for checkpoint in read_run(tmp_path / "weights.pt")] == [None]
    assert read_run(tmp_path / "other").epochs == (7.0,)
    assert read_run(tmp_path / "other" / "epoch_7.pt").epochs == (7.0,)
    assert read_run(tmp_path / "alone").files == (tmp_path / "alone" / "model.pt",)


def test_folders_of_hugging_face(tmp_path):
    write(tmp_path, "checkpoint-500/model.safetensors", "checkpoint-1000/pytorch_model.bin", "model.safetensors")
    write(tmp_path, "checkpoint-500/rng_state_0.pth", "checkpoint-500/rng_state_1.pth", "training_args.bin")
    write(tmp_path, "logs/epoch_1.pt", "optimizer_3.pt", ".epoch_4-x1.pt", "._checkpoint-7.pt")
    run = read_run(tmp_path)
    assert [path.name for path in run.files] == ["checkpoint-500", "checkpoint-1000"]
    assert run.skipped == (tmp_path / "model.safetensors",)
    assert run[0]["fc.weight"].tolist() == [[0, 0], [0, 0]]
    assert read_run(tmp_path / "checkpoint-500").epochs == (500.0,)


def test_shards_are_no_checkpoints_of_their_own(tmp_path):
    write(tmp_path, "epoch_1.pt", "epoch_2.pt", "model-00001-of-00002.safetensors")
    assert read_run(tmp_path).epochs == (1.0, 2.0)


def test_symbolic_links(tmp_path):
    write(tmp_path, "store/x.pt", "store/y.pt", "run/notes.txt")
    (tmp_path / "run" / "epoch_1.pt").symlink_to(tmp_path / "store" / "x.pt")
    (tmp_path / "run" / "epoch_2.pt").symlink_to(tmp_path / "store" / "y.pt")
    assert [checkpoint["fc.weight"][0, 0].item() for checkpoint in read_run(tmp_path / "run")] == [0, 1]


def test_fractions_come_before_whole_epochs(tmp_path):
    write(tmp_path, *(f"model_{t}.pt" for t in ("3", "0.125", "1", "0.5", "0", "2")))
    assert read_run(tmp_path).epochs == (0.0, 0.125, 0.5, 1.0, 2.0, 3.0)


def test_a_gap_is_an_error_unless_allowed(tmp_path):
    write(tmp_path, "epoch_1.pt", "epoch_2.pt", "epoch_4.pt")
    with pytest.raises(MissingCheckpointError, match=r"checkpoint 2 is followed by 4, but the others are 1 apart"):
        read_run(tmp_path)
    assert read_run(tmp_path, allow_gaps=True).epochs == (1.0, 2.0, 4.0)


def test_another_shape_is_an_error(tmp_path):
    write(tmp_path, "epoch_1.pt", "epoch_2.pt")
    write(tmp_path, "epoch_3.pt", shape=(2, 3))
    run = read_run(tmp_path)
    with pytest.raises(CheckpointMismatchError, match=r"epoch_3.*'fc.weight' has shape \(2, 3\).*\(2, 2\)"):
        list(run)


@pytest.mark.parametrize("changed", [1, 2])
def test_another_set_of_parameters_is_an_error(tmp_path, changed):
    write(tmp_path, "epoch_1.pt", "epoch_2.pt")
    torch.save({"fc.weight": torch.ones(2, 2), "fc.bias": torch.ones(2)}, tmp_path / f"epoch_{changed}.pt")
    run = read_run(tmp_path)
    assert run[0].epoch == 1.0
    with pytest.raises(CheckpointMismatchError, match=r"epoch_2.*'fc.bias' .*is missing"):
        run[1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "it holds no checkpoints"),
        (["notes.txt", "optimizer.pt", "logs/epoch_1.pt"], "it holds no checkpoints"),
        (["a.pt", "b.pt", "c.pt", "d.pt"], r"its 4 checkpoints \(a.pt, b.pt, c.pt, ...\) have no order"),
        (["epoch_3.pt", "epoch_03.ckpt", "epoch_4.pt"], "epoch_03.ckpt and epoch_3.pt have the same time 3"),
    ],
)
def test_folders_that_are_no_run(tmp_path, names, message):
    write(tmp_path, *names)
    with pytest.raises(UnreadableFileError, match=message):
        read_run(tmp_path)


def test_a_path_that_is_nothing(tmp_path):
    with pytest.raises(EpochgraphError, match="there is no such file"):
        read_run(tmp_path / "missing")


def test_the_user_says_where_the_epoch_stands(tmp_path):
    write(tmp_path, "3-0.8.pt", "7-0.9.pt", "12-0.7.pt")
    with pytest.raises(UnknownEpochsError, match="--epochs-from"):
        read_run(tmp_path, allow_gaps=True)
    run = read_run(tmp_path, allow_gaps=True, epochs_from="{epoch}-{_}.pt")
    assert run.epochs == (3.0, 7.0, 12.0)
    assert [checkpoint.epoch for checkpoint in run] == [3.0, 7.0, 12.0]


def test_names_with_metrics_only_have_no_order(tmp_path):
    write(tmp_path, "loss_0.9.pt", "loss_0.5.pt")
    with pytest.raises(UnreadableFileError, match=r"no order: nothing .* --epochs-from 'loss_\{epoch\}.pt'"):
        read_run(tmp_path)

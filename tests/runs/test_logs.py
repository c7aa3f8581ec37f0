"""What training loops write of their metrics: what is read, and what is refused and where."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.runs import LogOptions, log_path, read_log

HEAD = "epoch,train_loss,validation_accuracy\n"


def log(tmp_path, text, *, times=(0.0, 1.0, 2.0, 3.0), name="metrics.csv", steps=False, **options):
    (tmp_path / name).write_text(text)
    return read_log(tmp_path, times, LogOptions(**options), steps=steps)


def refused(tmp_path, text, **options):
    with pytest.raises(UnreadableFileError) as error:
        log(tmp_path, text, **options)
    return str(error.value)


def rows(read):
    return {epoch: row.tolist() for epoch, row in zip(read.metrics.index, read.metrics.to_numpy(), strict=True)}


def test_a_table_is_read_as_it_stands(tmp_path):
    read = log(tmp_path, HEAD + "2,0.5,0.4\n\n1,1e0,\n")
    assert list(read.metrics) == ["train_loss", "validation_accuracy"]
    assert rows(read)[2] == [0.5, 0.4]
    assert rows(read)[1][0] == 1
    assert math.isnan(rows(read)[1][1])
    assert (read.notes, read.path) == ((), tmp_path / "metrics.csv")


def test_without_a_log_there_are_no_metrics(tmp_path):
    read = read_log(tmp_path, [0.0], LogOptions())
    assert (len(read.metrics), list(read.metrics), read.path) == (0, [], None)
    with pytest.raises(UnreadableFileError, match=r"mine\.csv: there is no such file"):
        read_log(tmp_path, [0.0], LogOptions(file="mine.csv"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HEAD + "1,2,0.1\n2,1,0.2,\n", "line 3 has 4 fields, but its header names 3"),
        (HEAD + "1,2,0.1,0.9\n", "line 2 has 4 fields"),
        (HEAD + "1,2,0.1\n2,1\n", "line 3 has 2 fields"),
        ("# of Tuesday\n" + HEAD + "1,2,0.1\n", "line 2 has 3 fields, but its header names 1"),
        (HEAD + "1,2,0.1\n" + HEAD + "2,1,.2\n", "line 3 has 'epoch' as epoch, which is no number"),
        (HEAD + '1,2,"0,1"\n', "line 2 has '0,1' as validation_accuracy"),
        (HEAD + "1,2,10%\n", "line 2 has '10%' as validation_accuracy"),
        (HEAD + "1,2,1_0\n", "line 2 has '1_0' as validation_accuracy"),
        ("epoch;train_loss\n1;2\n", "no column 'epoch', but epoch;train_loss"),
        ("1,2,0.1\n2,1,0.2\n", "no column 'epoch', but 1, 2, 0.1"),
        ("epoch,a,a\n1,2,3\n", "two of its columns are called 'a'"),
        ("epoch,a,\n1,2,3\n", "line 2 has a value in a column without a name"),
        (HEAD + "1,2,0.1\n1,1,0.2\n", "epoch 1 has several rows"),
        (HEAD + ",2,0.1\n", "1 of its rows have no epoch"),
        (HEAD + "nan,2,0.1\ninf,2,0.1\n", "2 of its rows have no epoch"),
        ("", "it is empty"),
        ("epoch\n1\n", "it has no column beside 'epoch'"),
    ],
)
def test_what_has_shifted_or_is_no_number_is_refused_where_it_stands(tmp_path, text, found):
    assert found in refused(tmp_path, text)


def test_a_comma_at_the_end_of_every_line_is_no_column(tmp_path):
    assert rows(log(tmp_path, "epoch,loss_a,\n1,2,\n2,1,\n")) == {1: [2], 2: [1]}


def test_bytes_that_are_no_text_are_refused_and_a_mark_of_their_order_is_passed_over(tmp_path):
    (tmp_path / "metrics.csv").write_bytes(b"epoch,a\n1,\xff\n")
    with pytest.raises(UnreadableFileError, match="no readable text"):
        read_log(tmp_path, [], LogOptions())
    (tmp_path / "metrics.csv").write_bytes("\ufeffepoch,a\r\n1,2\r\n".encode())
    assert rows(read_log(tmp_path, [], LogOptions())) == {1: [2]}


def test_a_column_of_words_is_passed_over_but_no_metric_is(tmp_path):
    read = log(tmp_path, "epoch,when,train_loss\n1,Monday,2\n2,Tuesday,1\n")
    assert list(read.metrics) == ["train_loss"]
    assert read.notes == ("metrics.csv: its column 'when' has no numbers",)
    assert "line 2 has 'many' as loss" in refused(tmp_path, "epoch,loss\n1,many\n")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("val_acc", "validation_accuracy"),
        ("valid_acc", "validation_accuracy"),
        ("valAcc", "validation_accuracy"),
        ("Val Accuracy", "validation_accuracy"),
        ("eval_accuracy", "validation_accuracy"),
        ("accuracy/dev", "validation_accuracy"),
        ("val_acc_epoch", "validation_accuracy"),
        ("val_sparse_categorical_accuracy", "validation_accuracy"),
        ("metrics/accuracy_top1", "validation_accuracy"),
        ("test_acc", "test_accuracy"),
        ("val_loss", "validation_loss"),
        ("eval_loss", "validation_loss"),
        ("loss", "train_loss"),
        ("train/loss", "train_loss"),
        ("training_loss", "train_loss"),
    ],
)
def test_other_names_are_known(tmp_path, theirs, ours):
    read = log(tmp_path, f"epoch,{theirs}\n1,0.5\n")
    assert list(read.metrics) == [ours]
    assert f"its {theirs} is read as {ours}" in read.notes[0]


@pytest.mark.parametrize(
    "name",
    ["val_top5", "val_acc_ema", "accuracy", "acc", "val_f1", "train_loss_step", "loss_box", "val_test_acc", "lr"],
)
def test_names_that_leave_a_doubt_are_kept(tmp_path, name):
    assert list(log(tmp_path, f"epoch,{name}\n1,0.5\n").metrics) == [name]


def test_an_accuracy_beside_one_of_validation_is_that_of_training(tmp_path):
    read = log(tmp_path, "epoch,accuracy,loss,val_accuracy,val_loss\n1,.2,2,.3,1\n")
    assert list(read.metrics) == ["train_accuracy", "train_loss", "validation_accuracy", "validation_loss"]


def test_two_columns_never_get_one_name(tmp_path):
    assert list(log(tmp_path, "epoch,val_acc,valid_acc\n1,.2,.3\n").metrics) == ["val_acc", "valid_acc"]
    both = "epoch,val_acc,validation_accuracy\n1,.2,.3\n"
    assert rows(log(tmp_path, both)) == {1: [0.2, 0.3]}
    assert list(log(tmp_path, both).metrics) == ["val_acc", "validation_accuracy"]


def test_the_user_has_the_last_word(tmp_path):
    text = "epoch,val_acc,dev_acc\n1,.2,.3\n"
    read = log(tmp_path, text, names={"dev_acc": "validation_accuracy"})
    assert read.metrics.to_dict("list") == {"val_acc": [0.2], "validation_accuracy": [0.3]}
    assert "has no column 'top1', but epoch, val_acc" in refused(tmp_path, text, names={"top1": "validation_accuracy"})


LIGHTNING = "epoch,step,train_loss_step,train_loss_epoch,val_acc,test_acc\n" + "".join(
    f"{e},{20 * e + 4},{4 - e},,,\n{e},{20 * e + 9},{2 - e},,,\n"
    f"{e},{20 * e + 19},,,{e / 4},\n{e},{20 * e + 19},,{3 - e},,\n"
    for e in range(3)
)


def test_lightnings_rows_are_joined_and_its_epochs_counted_from_zero(tmp_path):
    """The test after the last pass, to which Lightning gives the next epoch, is of the last pass."""
    read = log(tmp_path, LIGHTNING + "3,60,,,,0.9\n")
    table = read.metrics
    assert table.index.tolist() == [1, 2, 3]
    assert table["train_loss"].tolist() == [3, 2, 1]
    assert table["train_loss_step"].tolist() == [3, 2, 1]  # the mean of what was logged in the epoch
    assert table["validation_accuracy"].tolist() == [0, 0.25, 0.5]
    np.testing.assert_array_equal(table["test_accuracy"], [np.nan, np.nan, 0.9])
    assert "metrics.csv: its epochs count from 0, so 1 is added" in read.notes


def test_a_resumed_lightning_run_is_counted_by_its_steps(tmp_path):
    lines = LIGHTNING.splitlines()
    resumed = "\n".join([lines[0], *(line for line in lines[1:] if not line.startswith("0"))])
    assert log(tmp_path, resumed).metrics.index.tolist() == [2, 3]


def test_a_log_of_two_runs_is_refused(tmp_path):
    lines = LIGHTNING.splitlines()
    assert "step 4 has train_loss_step several times" in refused(tmp_path, "\n".join([*lines, *lines[1:]]))


def test_kerass_epochs_are_counted_from_zero(tmp_path):
    read = log(tmp_path, "epoch,accuracy,loss,val_accuracy,val_loss\n0,.1,2,.2,2\n1,.2,1,NA,1\n2,.3,nan,.4,1\n")
    assert read.metrics.index.tolist() == [1, 2, 3]
    np.testing.assert_array_equal(read.metrics["validation_accuracy"], [0.2, np.nan, 0.4])


def test_yolos_table_has_spaces_and_lies_beside_the_weights(tmp_path):
    text = "   epoch,  train/loss,  metrics/accuracy_top1,  metrics/accuracy_top5,  val/loss\n"
    weights = tmp_path / "weights"
    weights.mkdir()
    (tmp_path / "results.csv").write_text(text + "   0,  2.5,  0.2,  0.6, 2\n   1,  1.5,  0.4,  0.7,  1\n")
    read = read_log(weights, [0.0, 1.0, 2.0], LogOptions())
    assert read.metrics["validation_accuracy"].to_dict() == {1: 0.2, 2: 0.4}
    (tmp_path / "results.csv").write_text(text + "   1,  2.5,  0.2,  0.6, 2\n   2,  1.5,  0.4,  0.7,  1\n")
    assert read_log(weights, [0.0, 1.0, 2.0], LogOptions()).metrics["train_loss"].to_dict() == {1: 2.5, 2: 1.5}


def test_a_log_from_zero_whose_layout_tells_nothing_is_asked_about(tmp_path):
    """Training metrics of epoch 0 are those of the first pass, or somebody measured the untrained network."""
    text = HEAD + "0,2,0.1\n1,1,0.2\n2,1,0.3\n"
    found = refused(tmp_path, text)
    assert "training metrics of epoch 0 and ends at 2, the checkpoints at 3" in found
    assert "--first-pass 0" in found
    assert log(tmp_path, text, first_pass=0).metrics.index.tolist() == [1, 2, 3]
    assert log(tmp_path, text, first_pass=1).metrics.index.tolist() == [0, 1, 2]
    assert log(tmp_path, text, times=(0.0, 1.0, 2.0)).metrics.index.tolist() == [0, 1, 2]
    untrained = HEAD + "0,,0.1\n1,1,0.2\n"
    assert log(tmp_path, untrained).metrics.index.tolist() == [0, 1]


HISTORY = [
    {"loss": 3.0, "epoch": 0.5, "step": 5, "learning_rate": 0.1},
    {"loss": 1.0, "epoch": 1.0, "step": 10, "learning_rate": 0.1},
    {"eval_loss": 1.2, "eval_accuracy": 0.5, "epoch": 1.0, "step": 10},
    {"loss": 0.5, "epoch": 2.0, "step": 20, "learning_rate": 0.1},
    {"eval_loss": 0.9, "eval_accuracy": 0.7, "epoch": 2.0, "step": 20},
    {"eval_loss": 0.1, "eval_accuracy": 0.8, "epoch": 2.0, "step": 20},  # of the best model, loaded in the end
    {"train_runtime": 9.0, "train_loss": 7.0, "epoch": 2.0, "step": 20},
]


def test_transformers_state_is_read_by_epochs_or_by_the_steps_of_its_checkpoints(tmp_path):
    text = json.dumps({"log_history": HISTORY, "best_metric": None})
    table = log(tmp_path, text, name="trainer_state.json").metrics
    assert table.index.tolist() == [0.5, 1, 2]
    assert table["train_loss"].tolist() == [3, 2, 0.5]  # over each whole epoch, the mean
    assert table["validation_accuracy"].to_dict()[2] == 0.7
    steps = log(tmp_path, text, name="trainer_state.json", times=(10.0, 20.0), steps=True).metrics
    assert steps.index.tolist() == [5, 10, 20]
    assert steps["validation_loss"].to_dict()[20] == 0.9


def test_transformers_state_is_taken_from_the_last_checkpoint(tmp_path):
    for step in (9, 10):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": HISTORY[: step - 7]}))
    assert log_path(tmp_path) == tmp_path / "checkpoint-10" / "trainer_state.json"


@pytest.mark.parametrize("text", ["[", "{}", "[1]", '{"log_history": 3}', '{"log_history": [3]}', "[" * 100_000])
def test_a_damaged_state_is_refused(tmp_path, text):
    assert "it has no log_history of numbers" in refused(tmp_path, text, name="trainer_state.json")


def test_steps_are_a_clock_where_checkpoints_have_them(tmp_path):
    text = "step,loss\n99,2\n199,1\n"
    assert log(tmp_path, text, times=(0.0, 100.0, 200.0)).metrics.index.tolist() == [100, 200]
    assert "none of its 2 rows is of the step of a checkpoint" in refused(tmp_path, text, times=(0.0, 1.0, 2.0))


def test_the_log_lies_beside_the_checkpoints_or_beside_their_folder(tmp_path):
    inner = tmp_path / "version_0" / "checkpoints"
    inner.mkdir(parents=True)
    (tmp_path / "version_0" / "metrics.csv").write_text("epoch,a\n1,2\n")
    assert log_path(inner) == Path(tmp_path, "version_0", "metrics.csv")
    (inner / "metrics.csv").write_text("epoch,a\n1,3\n")
    assert log_path(inner) == inner / "metrics.csv"
    other = tmp_path / "version_0" / "other"
    other.mkdir()
    assert log_path(other) is None
    assert log_path(inner, "history.csv") is None


def test_infinity_is_kept_to_be_named(tmp_path):
    assert rows(log(tmp_path, HEAD + "1,inf,0.1\n2,nan,0.1\n"))[1] == [math.inf, 0.1]

"""The time comes from the name: one table of names, one of gaps."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.checkpoints.pattern import times_from
from epochgraph.checkpoints.times import gap, time_of, times
from epochgraph.errors import SettingError, UnknownEpochsError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("epoch=3-step=100.ckpt", 4),
        ("epoch_03.pt", 3),
        ("checkpoint-500", 500),
        ("checkpoint-0.5", 0.5),
        ("model_0.25.pt", 0.25),
        ("net-e12.pth", 12),
        ("resnet50_epoch7.pt", 7),
        ("Model_Epoch_07.PT", 7),
        ("ckpt_ep003.th", 3),
        ("model.epoch.10.bin", 10),
        ("global_step1000.safetensors", 1000),
        ("epoch_4.safetensors.index.json", 4),
        ("epoch_3.best.pt", 3),
        ("12.pt", 12),
        ("epoch=3-val_loss=0.25.ckpt", 4),
        ("val_loss=0.25.ckpt", None),
        ("resnet50.pt", None),
        ("resnet18-5c106cde.pth", None),
        ("last.ckpt", None),
    ],
)
def test_time_of_a_single_name(name, expected):
    assert time_of(Path(name)) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["resnet50_epoch7.pt", "resnet50_epoch8.pt", "resnet50_best.pt"], [7, 8, None]),
        (["resnet50_7.pt", "resnet50_8.pt"], [7, 8]),
        (["net3.pt", "net4.pt"], [3, 4]),
        (["vit_ep300_5.pt", "vit_ep300_10.pt"], [5, 10]),
        (["epoch=0-step=100.ckpt", "epoch=0-step=200.ckpt", "epoch=1-step=300.ckpt"], [100, 200, 300]),
        (["epoch=3-val_loss=0.25.ckpt", "epoch=4-val_loss=0.20.ckpt", "last.ckpt"], [4, 5, None]),
        (["epoch=3.ckpt", "epoch=3-v1.ckpt", "epoch=4.ckpt"], [4, 4, 5]),
        (["epoch_0.pt", "epoch=0-step=391.ckpt", "epoch=1-step=782.ckpt"], [0, 1, 2]),  # Lightning counts from 0
        (["epoch=0.pt", "epoch=1.pt"], [0, 1]),  # others need not
        (["epoch_3.pt", "epoch-03.ckpt"], [3, 3]),
        (["epoch_3_seed1.pt", "epoch_3_seed2.pt"], [3, 3]),
        (["checkpoint-500", "checkpoint-1000", "model.safetensors"], [500, 1000, None]),
        (["a.pt", "b.pt"], [None, None]),
        ([], []),
    ],
)
def test_times_of_a_run(names, expected):
    assert times([Path(name) for name in names]) == expected


@given(values=st.sets(st.integers(0, 10**6), min_size=1), prefix=st.sampled_from(["resnet50_epoch_", "n12-", "e", ""]))
def test_any_set_of_epochs_is_recovered(values, prefix):
    assert times([Path(f"{prefix}{value}.pt") for value in sorted(values)]) == sorted(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([3], None),
        ([0, 10, 20, 30], None),
        ([0, 0.125, 0.25, 0.5, 1, 2, 3], None),
        ([0.5, 2.5, 7.5], None),
        ([1, 2, 4], (2, 4, 1)),
        ([0, 2, 3], (0, 2, 1)),
        ([0, 0.5, 1, 3], (1, 3, 1)),
        ([0, 1, 2, 4, 5, 9], (2, 4, 1)),
        ([0, 5, 12], (5, 12, 5)),
        ([1, 5, 10, 15], None),  # the first epoch, and every fifth
        ([500, 1000, 1500, 1700], None),  # every 500 steps, and the last
        ([500, 1000, 1500, 1750], (500, 1000, 250)),  # may as well have been every 250
    ],
)
def test_gaps(values, expected):
    assert gap([float(value) for value in values]) == expected


@given(start=st.integers(0, 50), step=st.integers(1, 50), count=st.integers(4, 12), data=st.data())
def test_a_missing_checkpoint_is_always_noticed(start, step, count, data):
    values = [float(start + step * n) for n in range(count)]
    assert gap(values) is None
    missing = data.draw(st.integers(1, count - 2))
    before, after, usual = gap(values[:missing] + values[missing + 1 :])
    assert (before, after, usual) == (values[missing - 1], values[missing + 1], step)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # whole numbers that rise by one, or are evenly spaced, beat fractions
        ("model_1_0.41.pth model_2_0.63.pth model_3_0.59.pth model_4_0.70.pth", [1, 2, 3, 4]),
        ("weights.01-1.41.pt weights.02-0.63.pt weights.03-0.59.pt", [1, 2, 3]),
        ("resnet-1-55.3.pth resnet-2-61.pth resnet-3-60.9.pth", [1, 2, 3]),
        ("0.81-1.pt 0.79-2.pt 0.83-3.pt", [1, 2, 3]),
        ("5_0.91_0.3.pt 10_0.93_0.2.pt 15_0.92_0.1.pt", [5, 10, 15]),
        ("model_1_epoch_0.91.pt model_2_epoch_0.93.pt", [1, 2]),
        ("1_391.pt 2_782.pt 3_1173.pt", [1, 2, 3]),
        ("checkpoint_0_0.3.pt checkpoint_1_0.1.pt", [0, 1]),
        # a metric by its word
        ("epoch_1_acc_0.9.pt epoch_2_acc_0.8.pt", [1, 2]),
        ("loss_0.91.pt loss_0.52.pt", [None, None]),
        ("valLoss0.31.pt valLoss0.29.pt", [None, None]),
        ("top1-71.2-3.pt top1-75-4.pt", [3, 4]),
        ("f1_0.8_1.pt f1_0.9_2.pt", [1, 2]),
        ("1-91%.pt 2-93%.pt", [1, 2]),
        ("best_acc=0.91.ckpt epoch=3.ckpt epoch=4.ckpt", [None, 4, 5]),
        # dates and moments
        ("2024-01-31.pt 2024-02-01.pt", [None, None]),
        ("20240131_123045.pt 20240131_133045.pt", [None, None]),
        ("31.01.2024.pt 01.02.2024.pt", [None, None]),
        ("ckpt-1706700000.pt ckpt-1706800000.pt", [None, None]),
        ("model_3_2024-01-31.pt model_4_2024-02-01.pt", [3, 4]),
        ("step_20240131.pt step_20240201.pt", [20240131, 20240201]),
        # what tells a run, a piece of it or a setting
        ("seed1.pt seed2.pt", [None, None]),
        ("fold_1.pt fold_2.pt", [None, None]),
        ("rank0_1.pt rank0_2.pt", [1, 2]),
        ("model-rank3.pt model-rank4.pt", [None, None]),
        ("consolidated.00.pth consolidated.01.pth", [None, None]),
        ("1_of_3.pt 2_of_3.pt", [None, None]),
        ("epoch_1_of_10.pt epoch_2_of_10.pt", [1, 2]),
        ("v1.pt v2.pt", [None, None]),
        ("resnet18.pt resnet34.pt", [None, None]),
        ("hidden_64.pt hidden_128.pt", [None, None]),
        ("lr1e-3_1.pt lr2e-4_2.pt", [1, 2]),
        ("exp-f37072fd-1.pt exp-5c106cde-2.pt", [1, 2]),
        # words behind the number, and thousands
        ("10epochs.pt 20epochs.pt", [10, 20]),
        ("step_10k.pt step_20k.pt", [10_000, 20_000]),
        ("iterations_100.pt iterations_200.pt", [100, 200]),
        # two networks, of which neither is the other's next checkpoint
        ("a_3.pt b_5.pt", [None, None]),
    ],
)
def test_what_a_number_means_is_certain_or_it_is_no_time(names, expected):
    assert times([Path(name) for name in names.split()]) == expected


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        ("3-0.8123.pt 7-0.9.pt 12-0.7911.pt", ["3 (--epochs-from '{epoch}-{_}.pt')", "'{_}-{epoch}.pt'"]),
        ("model_0.41.pth model_0.63.pth", ["may be the epoch or a metric", "0.41 (--epochs-from 'model_{epoch}.pth')"]),
        ("checkpoint_0.41.pth checkpoint_0.63.pth", ["'checkpoint_{epoch}.pth'"]),
        ("1_391.pt 2_782.pt", ["'{epoch}_{_}.pt'", "'{_}_{epoch}.pt'"]),
        ("G_100.pt G_200.pt D_100.pt D_200.pt", ["'G_{epoch}.pt'", "'D_{epoch}.pt'"]),
        ("m_1_1.pt m_1_2.pt m_2_1.pt m_2_2.pt", ["'m_{epoch}_{_}.pt'", "'m_{_}_{epoch}.pt'"]),
    ],
)
def test_doubt_names_every_reading_and_how_to_choose(names, patterns):
    with pytest.raises(UnknownEpochsError) as caught:
        times([Path("run") / name for name in names.split()])
    assert str(caught.value).startswith("run: ")
    assert "\n" not in str(caught.value)
    for pattern in patterns:
        assert pattern in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own
    for pattern in caught.value.args[2]:
        assert any(time is not None for time in times_from(pattern, [Path(name) for name in names.split()]))


def test_a_single_name_in_doubt_has_no_time():
    assert time_of(Path("model_1_0.41.pth")) is None
    assert time_of(Path("2024-01-31.pt")) is None


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        ("weights.{epoch}-{_}.pt", "weights.03-0.59.pt weights.12-0.6.pt best.pt", [3, 12, None]),
        ("{_}_{epoch}.pt", "a_3_4.pt b_5.pt", [4, 5]),
        ("net{epoch}.pt", "net0.25.pt net1.pt", [0.25, 1]),
        ("epoch={epoch}-{_}.ckpt", "epoch=0-loss=0.3.ckpt", [1]),
        ("a+({epoch}).pt", "a+(7).pt", [7]),
    ],
)
def test_a_pattern_says_where_the_epoch_stands(pattern, names, expected):
    assert times_from(pattern, [Path(name) for name in names.split()]) == expected


@pytest.mark.parametrize("pattern", ["weights.pt", "{epoch}-{epoch}.pt", "other_{epoch}.pt"])
def test_a_pattern_that_says_nothing_is_refused(pattern):
    with pytest.raises(SettingError, match="--epochs-from is"):
        times_from(pattern, [Path("weights_1.pt"), Path("weights_2.pt")])


@given(
    epochs=st.lists(st.integers(0, 500), min_size=2, max_size=9, unique=True),
    losses=st.lists(st.floats(0.001, 9, allow_nan=False), min_size=9, max_size=9),
)
def test_a_loss_behind_the_epoch_never_decides_the_order(epochs, losses):
    """Whatever the numbers are: the epochs are found, or the names are in doubt."""
    paths = [Path(f"net_{epoch}_{loss:.4f}.pt") for epoch, loss in zip(epochs, losses, strict=False)]
    try:
        found = times(paths)
    except UnknownEpochsError:
        return
    assert found == epochs

"""The time comes from the name: one table of names, one of gaps."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.checkpoints.times import gap, time_of, times


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

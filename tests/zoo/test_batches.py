"""Batches hold every image once, and each as one of its crops or the mirror image of one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from epochgraph.zoo.batches import cropped, draws, inputs, padded, shuffled_batches


def pixels(count: int, channels: int, size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, channels, size, size), dtype=torch.uint8, generator=generator)


def drawn(images: Tensor, *, padding: int = 0, batch_size: int = 4, flip: bool = False, seed: int = 0):
    labels = torch.arange(len(images))
    generator = torch.Generator().manual_seed(seed)
    return list(
        shuffled_batches(
            padded(images, padding), labels, padding=padding, batch_size=batch_size, flip=flip, generator=generator
        )
    )


def test_black_is_minus_one_and_white_is_one():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert inputs(images).flatten().tolist() == pytest.approx([-1, -0.6, 1], abs=1e-6)


def test_inputs_leave_the_images_as_they_are():
    images = pixels(2, 3, 4)
    before = images.clone()
    inputs(images)
    assert torch.equal(images, before)


@given(st.integers(1, 3), st.integers(1, 5), st.integers(0, 3), st.booleans())
def test_what_is_drawn_is_a_window_of_the_padded_image(channels, size, padding, flip):
    images = pixels(6, channels, size)
    black = functional.pad(images, (padding,) * 4)
    places = range(2 * padding + 1)
    windows = [inputs(black[:, :, row : row + size, column : column + size]) for row in places for column in places]
    windows += [window.flip(-1) for window in windows] if flip else []
    for batch, labels in drawn(images, padding=padding, flip=flip):
        for image, label in zip(batch, labels.tolist(), strict=True):
            assert any(torch.equal(image, window[label]) for window in windows)


def test_every_image_comes_once_with_its_label():
    images = pixels(10, 3, 4)
    batches = drawn(images)
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    order = torch.cat([labels for _, labels in batches])
    assert sorted(order.tolist()) == list(range(10))
    assert order.tolist() != list(range(10))
    assert torch.equal(torch.cat([batch for batch, _ in batches]), inputs(images)[order])


def test_about_half_of_the_images_are_mirrored():
    images = pixels(400, 3, 4)
    mirrored = 0
    for batch, labels in drawn(images, flip=True, batch_size=100):
        for image, original in zip(batch, inputs(images)[labels], strict=True):
            assert torch.equal(image, original) or torch.equal(image, original.flip(-1))
            mirrored += not torch.equal(image, original)
    assert 150 < mirrored < 250


def test_every_crop_is_drawn_about_as_often():
    images = torch.zeros(2700, 1, 3, 3, dtype=torch.uint8)
    images[:, :, 1, 1] = 255  # the bright pixel tells where the crop was
    ((batch, _),) = drawn(images, padding=1, batch_size=2700)
    places = batch.flatten(1).argmax(1).bincount()
    assert len(places) == 9
    assert places.min() > 240
    assert places.max() < 360


def test_batches_are_channels_last():
    """The order of values that makes convolutions faster; nothing else shows it if it is lost."""
    for channels in (1, 3):
        for batch, _ in drawn(pixels(8, channels, 4), padding=1, flip=True):
            assert batch.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("padding", "flip"), [(0, False), (2, True)])
def test_a_batch_may_be_drawn_first_and_made_elsewhere(padding, flip):
    """The same batches, made by operations of which each device has its own."""
    images = pixels(10, 3, 4)
    generator = torch.Generator().manual_seed(1)
    drawn_alone = draws(10, padding=padding, batch_size=4, flip=flip, generator=generator)
    for draw, (batch, labels) in zip(drawn_alone, drawn(images, padding=padding, flip=flip, seed=1), strict=True):
        assert torch.equal(cropped(padded(images, padding), draw, 4), batch)
        assert torch.equal(draw[0], labels)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(9, 4, [4, 4]), (10, 4, [4, 4, 2]), (1, 4, [1]), (3, 1, [1, 1, 1]), (5, 5, [5]), (6, 5, [5])],
)
def test_a_single_image_is_no_last_batch(count, batch_size, sizes):
    """Batch norm cannot normalise one image; if nothing else is wanted or there, it comes nevertheless."""
    assert [len(labels) for _, labels in drawn(pixels(count, 1, 2), batch_size=batch_size)] == sizes


def test_the_generator_decides_on_everything():
    images = pixels(10, 3, 4)
    once, again, other = (drawn(images, padding=2, flip=True, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(once, again, strict=True))
    assert not torch.equal(once[0][0], other[0][0])

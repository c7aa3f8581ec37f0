"""Datasets say what is wrong with them; the digits are split without loss and evenly."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from epochgraph.errors import SettingError
from epochgraph.zoo import Dataset, Split, read_digits
from epochgraph.zoo.datasets import stratified

IMAGES, LABELS = torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 1, 0])


def parts(split: Split) -> tuple[Dataset, Dataset, Dataset]:
    return split.train, split.validation, split.test


def contents(*datasets: Dataset) -> list[tuple[bytes, int]]:
    rows = [(d.images.numpy().reshape(len(d), -1), d.labels.tolist()) for d in datasets]
    return sorted((row.tobytes(), label) for images, labels in rows for row, label in zip(images, labels, strict=True))


def test_the_digits_are_all_there_once():
    digits = load_digits()
    pixels = np.round(digits.images / 16 * 255).astype(np.uint8)
    expected = sorted((image.tobytes(), int(label)) for image, label in zip(pixels, digits.target, strict=True))
    split = read_digits()
    assert contents(*parts(split)) == expected
    assert [len(part) for part in parts(split)] == [1000, 397, 400]


def test_the_digits_are_grey_and_of_ten_classes():
    train = read_digits().train
    assert train.images.shape == (1000, 1, 8, 8)
    assert (train.channels, train.image_size, train.classes) == (1, 8, tuple("0123456789"))
    assert (train.images.min(), train.images.max()) == (0, 255)


def test_every_part_has_its_share_of_every_digit():
    whole = np.bincount(load_digits().target)
    for part in parts(read_digits()):
        share = whole * len(part) / whole.sum()
        assert np.abs(np.bincount(part.labels) - share).max() < 1.5


def test_the_seed_decides_on_the_split():
    assert contents(read_digits(seed=1).test) == contents(read_digits(seed=1).test)
    assert contents(read_digits(seed=1).test) != contents(read_digits(seed=2).test)


def test_held_out_images_keep_their_labels():
    images = torch.arange(40, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    kept, held = stratified(Dataset(images, (images % 4).flatten().long(), tuple("abcd")), 8, seed=3)
    for part, each in ((kept, 8), (held, 2)):
        assert torch.equal(part.labels, (part.images % 4).flatten().long())
        assert torch.bincount(part.labels).tolist() == [each] * 4


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.float(), LABELS, "images is 'torch.float32"),
        (IMAGES[0], LABELS, "images is"),
        (IMAGES[:, :, :1], LABELS, "square"),
        (IMAGES[:0], LABELS[:0], "at least one"),
        (IMAGES, LABELS[:3], "one label for each of the 4 images"),
        (IMAGES, LABELS.int(), "labels is 'torch.int32"),
        (IMAGES, LABELS + 1, "between 0 and 1"),
        (IMAGES, LABELS - 1, "between 0 and 1"),
    ],
)
def test_a_dataset_says_what_does_not_fit(images, labels, message):
    with pytest.raises(SettingError, match=message):
        Dataset(images, labels, ("cat", "dog"))


def test_the_parts_of_a_split_are_alike():
    small, large = Dataset(IMAGES, LABELS, ("cat", "dog")), Dataset(IMAGES.repeat(1, 1, 2, 2), LABELS, ("cat", "dog"))
    with pytest.raises(SettingError, match="image shape of validation"):
        Split(small, large, small)
    with pytest.raises(SettingError, match="classes of test"):
        Split(small, small, Dataset(IMAGES, LABELS, ("cat", "cow")))


def test_a_digest_is_of_images_labels_and_classes():
    split = read_digits()
    assert split.digest() == read_digits().digest()
    other = split.test.images.clone()
    other[-1, 0, 7, 7] += 1
    labels = split.validation.labels.flip(0)
    changed = [
        Split(split.train, split.validation, Dataset(other, split.test.labels, split.test.classes)),
        Split(split.train, Dataset(split.validation.images, labels, split.validation.classes), split.test),
        Split(*(Dataset(part.images, part.labels, tuple("abcdefghij")) for part in parts(split))),
        Split(split.train, split.test, split.validation),
    ]
    assert len({split.digest(), *(one.digest() for one in changed)}) == 5


def test_a_digest_does_not_depend_on_how_images_lie_in_memory():
    split = read_digits()
    mapped = split.train.images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    train = Dataset(mapped, split.train.labels, split.train.classes)
    assert Split(train, split.validation, split.test).digest() == split.digest()

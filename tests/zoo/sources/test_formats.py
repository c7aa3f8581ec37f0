"""Whatever the format and the packing, the same images are the same data set."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from epochgraph.zoo import read_images
from imagesets import (
    CLASSES,
    parts,
    pictures,
    same,
    write_cifar10,
    write_cifar100,
    write_folders,
    write_parquet,
    write_tiny_imagenet,
)

Write = Callable[..., Path]

TREES = {
    "folders": write_folders,
    "cifar-10": write_cifar10,
    "cifar-10, Python 3 for 2": partial(write_cifar10, protocol=2),
    "cifar-10, Python 3": partial(write_cifar10, protocol=4),
    "cifar-100": write_cifar100,
    "tiny imagenet": write_tiny_imagenet,
}
FORMATS = TREES | {
    "parquet": write_parquet,
    "parquet, validation": partial(write_parquet, test="validation"),
    "parquet, valid": partial(write_parquet, test="valid"),
}


@pytest.fixture
def expected(tmp_path):
    return read_images(write_folders(tmp_path / "expected", pictures()))


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_every_format_says_the_same(tmp_path, expected, write):
    split = read_images(write(tmp_path / "set", pictures()))
    assert same(split, expected)
    assert split.train.classes == CLASSES
    assert [len(part) for part in parts(split)] == [27, 3, 12]


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_a_folder_around_it_and_what_is_hidden_change_nothing(tmp_path, expected, write):
    folder = write(tmp_path / "around" / "set", pictures())
    (tmp_path / "around" / ".cache" / "train" / "cat").mkdir(parents=True)
    (folder / ".DS_Store").write_bytes(b"hidden")
    (tmp_path / "around" / "README.md").write_text("about")
    assert same(read_images(tmp_path / "around"), expected)


@pytest.mark.parametrize("write", TREES.values(), ids=TREES)
@pytest.mark.parametrize("form", ["gztar", "zip"])
def test_archives_say_the_same(tmp_path, expected, write, form):
    write(tmp_path / "around" / "set", pictures())
    assert same(read_images(shutil.make_archive(str(tmp_path / "set"), form, tmp_path / "around")), expected)


def test_parquet_files_are_named_one_by_one(tmp_path, expected):
    folder = write_parquet(tmp_path / "set", pictures())
    assert same(read_images(*sorted(folder.iterdir(), reverse=True)), expected)


def test_parquet_files_may_have_their_part_from_their_folder(tmp_path, expected):
    folder = write_parquet(tmp_path / "set", pictures())
    for part in ("train", "test"):
        (folder / part).mkdir()
        for number, file in enumerate(sorted(folder.glob(f"{part}-*"))):
            file.rename(folder / part / f"{number}.parquet")
    assert same(read_images(folder), expected)


# Several paths.


def test_two_halves_of_the_classes_are_one_data_set(tmp_path, expected):
    images = pictures()
    first = write_folders(tmp_path / "first", [image for image in images if image[1] == "cat"])
    second = write_folders(tmp_path / "second", [image for image in images if image[1] != "cat"])
    archive = shutil.make_archive(str(tmp_path / "second"), "xztar", second)
    assert same(read_images(first, archive), expected)
    assert same(read_images(archive, first), expected)


def test_a_class_may_be_in_both(tmp_path, expected):
    images = pictures()
    first = write_folders(tmp_path / "first", [image for image in images if image[2] < 2])
    second = write_parquet(tmp_path / "second", [image for image in images if image[2] >= 2])
    assert same(read_images(first, second), expected)


def test_images_of_one_part_may_all_be_in_one_path(tmp_path, expected):
    """Each path has both parts, but a class is complete only with both paths."""
    images = pictures()
    first = write_folders(tmp_path / "first", [i for i in images if i[0] == "train" or i[1] == "cat"])
    second = write_folders(tmp_path / "second", [i for i in images if i[0] == "test" and i[1] != "cat"])
    (second / "train" / "dog").mkdir(parents=True)
    assert same(read_images(first, second), expected)


def test_a_grey_half_becomes_coloured(tmp_path, write_image):
    images = pictures()
    write_folders(tmp_path / "first", [image for image in images if image[1] != "cat"])
    for part in ("train", "test"):
        for number in range(2):
            write_image(tmp_path / "second" / part / "cat" / f"{number}.png", 7, size=(32, 32), mode="L")
    split = read_images(tmp_path / "first", tmp_path / "second")
    assert split.train.channels == 3
    assert (split.test.images[split.test.labels == CLASSES.index("cat")] == 7).all()
    assert read_images(tmp_path / "second").train.channels == 1


def test_a_link_in_a_circle_is_left_at_some_time(tmp_path, expected):
    folder = write_folders(tmp_path / "set", pictures())
    (folder / "train" / "cat" / "up").symlink_to(folder)
    (folder / "around").symlink_to(folder)
    assert same(read_images(folder), expected)


def test_linked_classes_are_read(tmp_path, expected):
    folder = write_folders(tmp_path / "set", pictures())
    (folder / "train" / "cat").rename(tmp_path / "elsewhere")
    (folder / "train" / "cat").symlink_to(tmp_path / "elsewhere")
    assert same(read_images(folder), expected)

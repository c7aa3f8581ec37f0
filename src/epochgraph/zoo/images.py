"""Labelled images in folders, archives, CIFAR batches or Parquet files -> Split."""

import os
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from epochgraph.errors import SettingError
from epochgraph.zoo.album import Album, catalogue
from epochgraph.zoo.cache import kept
from epochgraph.zoo.datasets import Dataset, Split, stratified
from epochgraph.zoo.decoding import Progress, decoded
from epochgraph.zoo.sources import fingerprint, open_source

HeldOut = Literal["train", "test"]

LEAST = {"train": (2, 1), "test": (1, 2)}
"""Of which images some are held out -> how many each class needs to train and to test: one for every use."""


def read_images(
    *paths: str | os.PathLike[str],
    limit_per_class: int | None = None,
    held_out: HeldOut = "train",
    validation_share: float = 0.1,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Split:
    """Read the images of a data set, from folders or straight from archives.

    The format is recognised by the files, and nothing in them is ever run:

    - `train/<class>/<image>` and `test/<class>/<image>`, or `val` instead of `test`, as
      for `torchvision.datasets.ImageFolder`; if there are both, `val` is not read;
    - CIFAR-10 and CIFAR-100 in their "Python version", `data_batch_1` or `train` and the files beside it;
    - Tiny ImageNet as published, with `val/val_annotations.txt`; its test images have no labels and are not read;
    - Parquet files as on the Hugging Face hub, in a folder or named one by one: `train-*.parquet`, and `test-*.parquet`
      or else `validation-*.parquet`, with a column `image` or `img` and one of integers, `label` or `fine_label`.

    All but the last may be a folder or a .tar, .tar.gz, .tar.xz or .zip archive, with one folder around it all. Hidden
    files are ignored. The images become grey if all of them are, and RGB otherwise. Without a cache only the images in
    use are decoded; with one, all images are decoded once, and then mapped into memory. A compressed tar
    archive is decompressed twice: once to list it, once to read it.

    Args:
        paths: The parts of the data set: several paths are merged, including classes that several have.
        limit_per_class: Use at most that many images of each class for training and validation, and as many for the
            test, evenly spaced in the data set's order (of files: by name); at least 2, all if not given.
        held_out: Which images the validation images are taken from: the training images, or the official test images.
        validation_share: The share of those images that is held out for validation, in (0, 1).
        seed: Random seed that decides which are held out, with the same share of each class.
        cache: Folder of decoded images, found again by the content of the paths, whatever their names.
        progress: Called with the number of decoded images, and the total.

    Returns:
        Disjoint training, validation and test images; the classes are in the order of their names.

    Raises:
        SettingError: An option is out of range, or the images do not fit into memory.
        UnreadableFileError: There is no such path; the archive or an image is damaged, or is none; a part is missing, a
            class has too few images, or an image is not square or not of the same size as the others.
        OutputError: The cache cannot be written.
    """
    places = [Path(path) for path in paths]
    _check(places, limit_per_class, held_out, validation_share)
    made = partial(_album, places, held_out, progress)
    album = made(limit_per_class) if cache is None else kept(Path(cache), fingerprint(places), partial(made, None))
    album.catalogue.check(places[0], LEAST[held_out])
    return _split(album.at(album.catalogue.chosen(limit_per_class)), held_out, validation_share, seed)


def _check(places: list[Path], limit_per_class: int | None, held_out: str, validation_share: float) -> None:
    if not places or len({os.path.realpath(place) for place in places}) < len(places):
        raise SettingError("paths", [str(place) for place in places], "at least one, and each only once")
    if limit_per_class is not None and limit_per_class < 2:
        raise SettingError("limit_per_class", limit_per_class, "at least 2: one image to train, one to validate")
    if held_out not in LEAST:
        raise SettingError("held_out", held_out, f"one of {', '.join(LEAST)}")
    if not 0 < validation_share < 1:
        raise SettingError("validation_share", validation_share, "between 0 and 1")


def _album(places: list[Path], held_out: HeldOut, progress: Progress | None, limit: int | None) -> Album:
    with open_source(places) as source:
        about = catalogue(source)
        about.check(places[0], LEAST[held_out])  # before the time is spent
        return decoded(source, about.chosen(limit), progress)


def _split(album: Album, held_out: HeldOut, validation_share: float, seed: int) -> Split:
    """Hold validation images out of a part; with those to test, the others stay where they are, mapped or not."""
    about = album.catalogue
    images, labels = torch.from_numpy(album.pixels).permute(0, 3, 1, 2), torch.from_numpy(about.labels)
    count = int((~about.test).sum())
    train = Dataset(images[:count], labels[:count], about.classes)
    test = Dataset(images[count:], labels[count:], about.classes)
    if held_out == "test":
        rest, validation = _held_out(test, validation_share, seed)
        return Split(train, validation, rest)
    rest, validation = _held_out(train, validation_share, seed)
    # A copy: otherwise the test images would keep all images in memory, besides the copies of the training images.
    return Split(rest, validation, Dataset(test.images.clone(), test.labels, about.classes))


def _held_out(part: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """The others, and those held out; a stratified split wants room for every class on both sides."""
    classes = len(part.classes)
    return stratified(part, min(max(round(share * len(part)), classes), len(part) - classes), seed=seed)

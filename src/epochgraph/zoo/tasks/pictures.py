"""Images -> tasks: which class an image belongs to, or the image itself."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor
from torch.nn import functional

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo import batches
from epochgraph.zoo.cache import default_cache
from epochgraph.zoo.datasets import Dataset, Split, read_digits
from epochgraph.zoo.images import read_images
from epochgraph.zoo.tasks.files import place
from epochgraph.zoo.tasks.objectives import accuracy, cross_entropy, image_error, image_rmse
from epochgraph.zoo.tasks.task import Examples, Form, Task

ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")
VEHICLES = ("airplane", "automobile", "ship", "truck")

CIFAR = "cifar10-jpeg"
TINY = ("tiny-imagenet-100-part1", "tiny-imagenet-100-part2")

Parts = tuple[Examples, Examples, Examples]


@dataclass(frozen=True, slots=True)
class Counts:
    """Images of each class to train, to validate and to test."""

    train: int
    validation: int
    test: int


def digits() -> Task:
    """The digits of scikit-learn: 1,000 to train."""
    return _classification("Digits (scikit-learn)", _digits(), 10)


def digits_reconstruction() -> Task:
    """The same, to be given back."""
    return _reconstruction("Digits (scikit-learn), reconstruction", _digits())


def cifar10(data: Path | None, name: str, counts: Counts, classes: tuple[str, ...] = ANIMALS + VEHICLES) -> Task:
    """Some classes of CIFAR-10; validation and test images are halves of its official test images.

    Args:
        data: The folder that holds cifar10-jpeg.
        name: What is said after the data set's name.
        counts: Images of each class.
        classes: Names of the classes.
    """
    return _classification(f"CIFAR-10 (JPEG), {name}", _cifar10(data, counts, classes), len(classes))


def cifar10_reconstruction(data: Path | None, counts: Counts) -> Task:
    """Images of all classes of CIFAR-10, to be given back."""
    return _reconstruction("CIFAR-10 (JPEG), reconstruction", _cifar10(data, counts, ANIMALS + VEHICLES))


def tiny_imagenet(data: Path | None, classes: int, counts: Counts) -> Task:
    """The first classes of Tiny ImageNet at half its size; validation images are held out of those to train.

    Args:
        data: The folder that holds the two parts of the first 100 classes.
        classes: How many classes.
        counts: Images of each class.
    """
    paths = [place(data, part) for part in TINY]
    split = read_images(*paths, held_out="test", validation_share=0.5, cache=default_cache())
    if len(split.train.classes) < classes:
        found = f"has {len(split.train.classes)} classes with {paths[1].name}"
        raise UnreadableFileError(paths[0], found, f"This task needs {classes}.")
    chosen = split.train.classes[:classes]
    train = _taken(paths[0], split.train, chosen, 0, counts.train)
    validation = _taken(paths[0], split.train, chosen, counts.train, counts.validation)
    parts = (train, validation, _taken(paths[0], _official(split), chosen, 0, counts.test))
    halved = tuple(Examples(half_size(part.inputs), part.targets) for part in parts)
    return _classification(f"Tiny ImageNet, {classes} classes, 32 x 32", (halved[0], halved[1], halved[2]), classes)


def half_size(images: Tensor) -> Tensor:
    """Stored pixels, each the mean of 2 x 2."""
    return functional.avg_pool2d(images.to(torch.float32), 2).round_().to(torch.uint8)


def _digits() -> Parts:
    split = read_digits()
    train, validation, test = (
        Examples(part.images, part.labels) for part in (split.train, split.validation, split.test)
    )
    return train, validation, test


def _cifar10(data: Path | None, counts: Counts, classes: tuple[str, ...]) -> Parts:
    path = place(data, CIFAR)
    split = read_images(path, held_out="test", validation_share=0.5, cache=default_cache())
    chosen = tuple(sorted(classes))
    return (
        _taken(path, split.train, chosen, 0, counts.train),
        _taken(path, split.validation, chosen, 0, counts.validation),
        _taken(path, split.test, chosen, 0, counts.test),
    )


def _official(split: Split) -> Dataset:
    """All images of the official test set, which was halved."""
    images = torch.cat([split.validation.images, split.test.images])
    return Dataset(images, torch.cat([split.validation.labels, split.test.labels]), split.test.classes)


def _taken(path: Path, dataset: Dataset, classes: tuple[str, ...], start: int, count: int) -> Examples:
    """Of each class `count` images from `start` on, in a fixed random order; classes are numbered as they are named."""
    missing = [name for name in classes if name not in dataset.classes]
    if missing:
        raise UnreadableFileError(path, f"has no class {missing[0]!r}", "Check that it is this task's data set.")
    chosen = [_of_class(path, dataset, name, start, count) for name in classes]
    targets = torch.arange(len(classes)).repeat_interleave(count)
    return Examples(dataset.images[torch.cat(chosen)].contiguous(), targets)


def _of_class(path: Path, dataset: Dataset, name: str, start: int, count: int) -> Int64[Tensor, "chosen"]:
    places = np.flatnonzero(dataset.labels.numpy() == dataset.classes.index(name))
    if len(places) < start + count:
        found = f"has {len(places)} images of class {name!r}"
        raise UnreadableFileError(path, found, f"This task needs {start + count} of each class.")
    order = np.random.default_rng(0).permutation(places)
    return torch.from_numpy(np.sort(order[start : start + count]))


def _classification(name: str, parts: Parts, classes: int) -> Task:
    train, validation, test = parts
    return Task(
        name=name,
        form=Form(kind="image", inputs=tuple(train.inputs.shape[1:]), outputs=(classes,)),
        train=train,
        validation=validation,
        test=test,
        loss=cross_entropy,
        metric=accuracy(classes),
        prepared=batches.inputs,
    )


def _reconstruction(name: str, parts: Parts) -> Task:
    train, validation, test = (Examples(part.inputs, part.inputs) for part in parts)
    shape = tuple(train.inputs.shape[1:])
    return Task(
        name=name,
        form=Form(kind="image", inputs=shape, outputs=shape),
        train=train,
        validation=validation,
        test=test,
        loss=image_error,
        metric=image_rmse(train.inputs, test.inputs),
        prepared=batches.inputs,
    )

"""Images -> tasks: predict the class of an image, or reconstruct the image."""

import hashlib
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
from torch import Tensor
from torch.nn import functional

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo import batches
from epochgraph.zoo.cache import default_cache
from epochgraph.zoo.datasets import Dataset, Split, read_digits
from epochgraph.zoo.images import read_images
from epochgraph.zoo.sources import fingerprint
from epochgraph.zoo.tasks.files import PARTS, Arrays, place, remembered, tensors
from epochgraph.zoo.tasks.objectives import accuracy, cross_entropy, image_error, image_rmse
from epochgraph.zoo.tasks.task import Draw, Examples, Form, Task

ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")
VEHICLES = ("airplane", "automobile", "ship", "truck")

CIFAR = "cifar10-jpeg"
TINY = ("tiny-imagenet-100-part1", "tiny-imagenet-100-part2")

Parts = tuple[Examples, Examples, Examples]


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of training, validation and test images of each class."""

    train: int
    validation: int
    test: int


def digits() -> Task:
    """The digits of scikit-learn, 1,000 of them for training."""
    return classification("Digits (scikit-learn)", _digits(), 10)


def digits_reconstruction() -> Task:
    """The same, to be reconstructed."""
    return _reconstruction("Digits (scikit-learn), reconstruction", _digits())


def cifar10(data: Path | None, name: str, counts: Counts, classes: tuple[str, ...] = ANIMALS + VEHICLES) -> Task:
    """Some classes of CIFAR-10; validation and test images are halves of its official test images.

    Args:
        data: The folder that holds cifar10-jpeg.
        name: What to add to the data set's name.
        counts: Images of each class.
        classes: Names of the classes.
    """
    return classification(f"CIFAR-10 (JPEG), {name}", _cifar10(data, counts, classes), len(classes))


def cifar10_reconstruction(data: Path | None, counts: Counts) -> Task:
    """Images of all classes of CIFAR-10, to be reconstructed."""
    return _reconstruction("CIFAR-10 (JPEG), reconstruction", _cifar10(data, counts, ANIMALS + VEHICLES))


def tiny_imagenet(data: Path | None, classes: int, counts: Counts) -> Task:
    """The first classes of Tiny ImageNet at half size; validation images are held out from the training images.

    Args:
        data: The folder that holds the two parts of the first 100 classes.
        classes: How many classes.
        counts: Images of each class.
    """
    paths = [place(data, part) for part in TINY]
    marks = [TINY, classes, astuple(counts), PIL.__version__, fingerprint(paths)]
    found = tensors(remembered(marks, lambda: _tiny_imagenet(paths, classes, counts)))
    train, validation, test = (Examples(found[part], found[f"{part} classes"]) for part in PARTS)
    return classification(f"Tiny ImageNet, {classes} classes, 32 x 32", (train, validation, test), classes)


def half_size(images: Tensor) -> Tensor:
    """Stored pixels, each the mean of 2 x 2."""
    return functional.avg_pool2d(images.to(torch.float32), 2).round_().to(torch.uint8)


def _digits() -> Parts:
    return parts(read_digits())


def parts(split: Split) -> Parts:
    """The images of a split as examples."""
    train, validation, test = (
        Examples(part.images, part.labels) for part in (split.train, split.validation, split.test)
    )
    return train, validation, test


def _cifar10(data: Path | None, counts: Counts, classes: tuple[str, ...]) -> Parts:
    path = place(data, CIFAR)
    split = read_images(path, held_out="test", validation_share=0.5, cache=default_cache())
    return _chosen(path, (split.train, split.validation, split.test), tuple(sorted(classes)), counts)


def _tiny_imagenet(paths: list[Path], classes: int, counts: Counts) -> Arrays:
    split = read_images(*paths, held_out="test", validation_share=0.5, cache=default_cache())
    if len(split.train.classes) < classes:
        found = f"has {len(split.train.classes)} classes with {paths[1].name}"
        raise UnreadableFileError(paths[0], found, f"This task needs {classes}.")
    sources = (split.train, split.train, _official(split))
    parts = dict(zip(PARTS, _chosen(paths[0], sources, split.train.classes[:classes], counts), strict=True))
    targets = {f"{name} classes": part.targets.numpy() for name, part in parts.items()}
    return {name: half_size(part.inputs).numpy() for name, part in parts.items()} | targets


def _official(split: Split) -> Dataset:
    """All images of the official test set, which was halved."""
    images = torch.cat([split.validation.images, split.test.images])
    return Dataset(images, torch.cat([split.validation.labels, split.test.labels]), split.test.classes)


def _chosen(path: Path, sources: tuple[Dataset, Dataset, Dataset], classes: tuple[str, ...], counts: Counts) -> Parts:
    """Images of some classes, numbered in the order of `classes`; duplicates, in any class, are used once."""
    missing = [name for name in classes if name not in sources[0].classes]
    if missing:
        raise UnreadableFileError(path, f"has no class {missing[0]!r}", "Check that it is this task's data set.")
    used: set[bytes] = set()
    train, validation, test = (
        _taken(path, source, classes, count, used) for source, count in zip(sources, astuple(counts), strict=True)
    )
    return train, validation, test


def _taken(path: Path, source: Dataset, classes: tuple[str, ...], count: int, used: set[bytes]) -> Examples:
    chosen = torch.tensor([number for name in classes for number in _of_class(path, source, name, count, used)])
    targets = torch.arange(len(classes)).repeat_interleave(count)
    return Examples(source.images[chosen].contiguous(), targets)


def _of_class(path: Path, source: Dataset, name: str, count: int, used: set[bytes]) -> list[int]:
    """Images of a class in their order, chosen at random among the unused ones, which are then marked as used."""
    places = np.flatnonzero(source.labels.numpy() == source.classes.index(name))
    found: list[int] = []
    for number in np.random.default_rng(0).permutation(places).tolist():
        if len(found) == count:
            break
        mark = hashlib.blake2b(source.images[number].numpy().tobytes(), digest_size=16).digest()
        if mark not in used:
            used.add(mark)
            found.append(number)
    if len(found) < count:
        said = f"has {len(found)} different images of class {name!r} that no other part needs"
        raise UnreadableFileError(path, said, f"This task needs {count}.")
    return sorted(found)


def classification(name: str, parts: Parts, classes: int, *, draw: Draw | None = None) -> Task:
    """Classify images.

    Args:
        name: The name of the task.
        parts: Stored training, validation and test images, with the number of each one's class.
        classes: How many classes there are.
        draw: One pass over the training images; None for a plain shuffle.
    """
    train, validation, test = parts
    return Task(
        name=name,
        form=Form(kind="image", inputs=tuple(train.inputs.shape[1:]), outputs=(classes,)),
        train=train,
        validation=validation,
        test=test,
        loss=cross_entropy,
        metric=accuracy(classes),
        draw=draw,
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

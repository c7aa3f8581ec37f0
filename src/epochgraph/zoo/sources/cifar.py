"""CIFAR-10 and CIFAR-100 as published for Python: pickles of pixels and labels, read without running anything."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from epochgraph.checkpoints.pickles import Made, Named, read_pickle
from epochgraph.errors import UnreadableFileError, UnsafeCheckpointError
from epochgraph.zoo.archives import FileTree
from epochgraph.zoo.sources.files import content, names
from epochgraph.zoo.sources.image_set import Content, ImageSet, ImageSource, LabelledImage

SIDE = 32

LARGEST_BATCH = 2**28
"""Bytes of one batch; the largest, the training images of CIFAR-100, has 155 million."""

ADVICE = "Fetch it again from its source."

Values = UInt8[np.ndarray, "height width channels"]


@dataclass(frozen=True, slots=True)
class Edition:
    """How one of the two data sets calls its files and what is in them.

    Attributes:
        train: Files of training images.
        test: File of test images.
        meta: File of the classes.
        names: Key of the classes' names there.
        labels: Key of the labels in the other files.
    """

    train: tuple[str, ...]
    test: str
    meta: str
    names: str
    labels: str


EDITIONS = (
    Edition(tuple(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta", "label_names", "labels"),
    Edition(("train",), "test", "meta", "fine_label_names", "fine_labels"),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The images of one file.

    Attributes:
        pixels: Values from 0 to 255.
        labels: Index of each image's class.
    """

    pixels: UInt8[np.ndarray, "images height width channels"]
    labels: list[int]


def cifar_set(path: Path, tree: FileTree) -> ImageSet | None:
    """Find the batches, if this is CIFAR-10 or CIFAR-100 in its Python version.

    Returns:
        The images, with the fine labels of CIFAR-100; None if it is something else.

    Raises:
        UnreadableFileError: A batch is missing; from `source`, one is damaged, or its pickle asks for a function that
            could run code.
    """
    found = names(tree)
    files = {parts[0]: name for parts, name in found.files.items() if len(parts) == 1}
    edition = next((edition for edition in EDITIONS if {edition.meta, edition.train[0]} <= files.keys()), None)
    if edition is None:
        return None
    needed = (*edition.train, edition.test, edition.meta)
    for file in needed:
        if file not in files:
            raise UnreadableFileError(path / found.root, f"has no file {file}", ADVICE)
    used = {file: files[file] for file in needed}
    return ImageSet(list(used.values()), partial(_source, path, tree, found.root, used, edition))


def _source(path: Path, tree: FileTree, root: str, files: Mapping[str, str], edition: Edition) -> ImageSource:
    """Read all batches. The pixels, 180 MB, are kept: they are not compressed, so there is nothing to put off."""
    file_of = {name: file for file, name in files.items()}
    pickles = {file_of[name]: _pickle(path, tree, name) for name in tree.files if name in file_of}  # in their order
    classes = _classes(pickles[edition.meta], edition, path / files[edition.meta])
    images: list[LabelledImage] = []
    pixels: list[Values] = []
    for file in (*edition.train, edition.test):
        batch = _batch(pickles.pop(file), edition, len(classes), path / files[file])
        names_ = (f"{files[file]}/image {row}" for row in range(len(batch.labels)))
        labels = (classes[label] for label in batch.labels)
        images += [LabelledImage(path, *of, file == edition.test) for of in zip(names_, labels, strict=True)]
        pixels.extend(batch.pixels)

    def contents(wanted: Collection[int]) -> Iterator[tuple[int, Content]]:
        for index in wanted:
            yield index, Image.fromarray(pixels[index])

    return ImageSource(classes, images, (str(Path(root, "train")), str(Path(root, "test"))), contents)


def _pickle(path: Path, tree: FileTree, name: str) -> dict[str, object]:
    """The dictionary that a pickle describes; nothing in it is imported, called or built."""
    data = content(path, tree, name, at_most=LARGEST_BATCH)
    try:
        root = read_pickle(BytesIO(data), path / name).root
    except UnsafeCheckpointError as error:
        found = f"the pickle asks for {error.args[1]}, which can run code; nothing was executed"
        raise UnreadableFileError(path / name, found, "Do not trust this file; fetch the original.") from error
    if not isinstance(root, dict):
        raise UnreadableFileError(path / name, "is a pickle, but not one of CIFAR", ADVICE)
    return root


def _classes(meta: dict[str, object], edition: Edition, file: Path) -> list[str]:
    found = meta.get(edition.names)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise UnreadableFileError(file, f"has no list {edition.names!r} of the classes' names", ADVICE)
    return found


def _batch(document: dict[str, object], edition: Edition, classes: int, file: Path) -> Batch:
    """Read one batch, in which each image is a row: all red values, all green, all blue."""
    labels, raw = document.get(edition.labels), _values(document.get("data"))
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < classes for label in labels):
        raise UnreadableFileError(file, f"has no list {edition.labels!r} of numbers below {classes}", ADVICE)
    if raw is None or len(raw) != len(labels) * 3 * SIDE * SIDE:
        found = f"its 'data' is not one row of {3 * SIDE * SIDE} bytes for each of its {len(labels)} labels"
        raise UnreadableFileError(file, found, ADVICE)
    pixels = np.frombuffer(raw, np.uint8).reshape(-1, 3, SIDE, SIDE)
    return Batch(pixels.transpose(0, 2, 3, 1), labels)


def _values(node: object) -> bytes | None:
    """The bytes of an array that the pickle describes; None if it is no array of bytes, row by row."""
    match node:
        case Made(Named(maker), _, (_, tuple(), Made(Named("numpy.dtype"), ("u1" | "|u1", *_)), False, raw)):
            return _bytes(raw) if maker.endswith(".multiarray._reconstruct") else None
    return None


def _bytes(raw: object) -> bytes | None:
    """Bytes, as pickles of Python 2, of Python 3 and of Python 3 for Python 2 write them."""
    match raw:
        case bytes():
            return raw
        case str() if raw.isascii() or max(raw) <= "\xff":
            return raw.encode("latin-1")
        case Made(Named("_codecs.encode"), (str() as text, "latin1")):
            return _bytes(text)
    return None

"""All images of a data set, before and after they are decoded."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.sources import ImageSource

Indices = Int64[np.ndarray, "chosen"]
Flags = Bool[np.ndarray, "images"]
Pixels = UInt8[np.ndarray, "images height width channels"]


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """What is known about images before they are decoded: training images first, each part class by class.

    Attributes:
        classes: Names of the classes, sorted.
        labels: Index of each image's class.
        test: Whether it is one of the official test images.
        names: Each image's path within its folder or archive.
        parts: Where the training and the test images are, for errors.
    """

    classes: tuple[str, ...]
    labels: Int64[np.ndarray, "images"]
    test: Flags
    names: tuple[str, ...]
    parts: tuple[str, str]

    def check(self, path: Path, least: tuple[int, int]) -> None:
        """Refuse classes with too few images, and a data set without any.

        Args:
            path: The data set, for the error.
            least: How many images each class needs to train, and to test.

        Raises:
            UnreadableFileError: A class has fewer, or there is no class.
        """
        if not self.classes:
            raise UnreadableFileError(path, "has no images", "Give some to train, and some to test.")
        for test, (part, needed) in enumerate(zip(self.parts, least, strict=True)):
            counts = np.bincount(self.labels[self.test == test], minlength=len(self.classes))
            for name, count in zip(self.classes, counts.tolist(), strict=True):
                if count < needed:
                    found = f"has {count} image{'s' * (count != 1)} of its class"
                    raise UnreadableFileError(path / part / name, found, f"Every class needs at least {needed} there.")

    def chosen(self, limit: int | None) -> Indices:
        """At most `limit` images of each class and part, evenly spaced: neighbours in a folder are often alike."""
        groups = [
            np.flatnonzero((self.test == test) & (self.labels == label))
            for test in (False, True)
            for label in range(len(self.classes))
        ]
        return np.concatenate([g[_spread(len(g), len(g) if limit is None else min(limit, len(g)))] for g in groups])

    def at(self, indices: Indices) -> "Catalogue":
        """The same for some of the images."""
        names = tuple(self.names[index] for index in indices.tolist())
        return Catalogue(self.classes, self.labels[indices], self.test[indices], names, self.parts)


def _spread(count: int, chosen: int) -> Indices:
    return np.arange(chosen) * count // max(chosen, 1)


def catalogue(source: ImageSource) -> Catalogue:
    """List the images of a data set."""
    classes = tuple(source.classes)
    places = {name: place for place, name in enumerate(classes)}
    return Catalogue(
        classes,
        np.array([places[image.label] for image in source.images], np.int64),
        np.array([image.test for image in source.images], np.bool_),
        tuple(image.name for image in source.images),
        source.parts,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """Decoded images.

    Attributes:
        catalogue: What was known of them before.
        pixels: Values from 0 to 255; of one channel only if all images are grey.
        grey: Whether each is grey in its file.
    """

    catalogue: Catalogue
    pixels: Pixels
    grey: Flags

    def at(self, indices: Indices) -> "Album":
        """Some of the images, in ascending order; grey if all of these are. Choosing all images copies nothing."""
        if len(indices) == len(self.pixels):
            return self
        grey = self.grey[indices]
        pixels = self.pixels[indices, :, :, :1] if grey.all() else self.pixels[indices]
        return Album(self.catalogue.at(indices), pixels, grey)

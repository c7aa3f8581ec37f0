"""Images in memory, split into training, validation and test images."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from epochgraph.errors import SettingError

DIGITS = "digits"
"""The name of the data set that needs no file, in recipes and for `zoo train --data`."""

DIGESTED = 4096
"""The number of images that a digest copies at a time, as they may be mapped from a file in another order."""

Images = UInt8[Tensor, "images channels height width"]
Labels = Int64[Tensor, "images"]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Square images, all of one size, and the class of each.

    Attributes:
        images: Pixels from 0 to 255.
        labels: Index of each image's class.
        classes: Names of the classes.

    Raises:
        SettingError: The images are not such a tensor, or the labels do not fit the images or the classes.
    """

    images: Images
    labels: Labels
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = tuple(self.images.shape)
        if self.images.dtype != torch.uint8 or len(shape) != 4 or shape[2] != shape[3] or not len(self):
            expected = "a uint8 tensor of at least one square image, shaped (images, channels, height, width)"
            raise SettingError("images", f"{self.images.dtype} {shape}", expected)
        if self.labels.dtype != torch.int64 or self.labels.shape != shape[:1]:
            found = f"{self.labels.dtype} {tuple(self.labels.shape)}"
            raise SettingError("labels", found, f"an int64 tensor with one label for each of the {shape[0]} images")
        lowest, highest = int(self.labels.min()), int(self.labels.max())
        if lowest < 0 or highest >= len(self.classes):
            raise SettingError("labels", (lowest, highest), f"between 0 and {len(self.classes) - 1}, one for a class")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """Channels of every image."""
        return self.images.shape[1]

    @property
    def image_size(self) -> int:
        """Height and width of every image."""
        return self.images.shape[2]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Three disjoint sets of images.

    Attributes:
        train: What the network learns from.
        validation: Held out from the training or the test images: the learning curve is measured on it.
        test: Measures how good the final network is, and is used for nothing else.

    Raises:
        SettingError: The three differ in their classes or in the shape of their images.
    """

    train: Dataset
    validation: Dataset
    test: Dataset

    def __post_init__(self) -> None:
        for name, other in (("validation", self.validation), ("test", self.test)):
            if other.classes != self.train.classes:
                raise SettingError(f"classes of {name}", other.classes, f"those of train: {self.train.classes!r}")
            shape, expected = other.images.shape[1:], self.train.images.shape[1:]
            if shape != expected:
                raise SettingError(f"image shape of {name}", tuple(shape), f"that of train: {tuple(expected)}")

    def digest(self) -> str:
        """Sixteen hexadecimal digits that are the same for the same images, labels and classes in the same order."""
        found = hashlib.blake2b(repr(self.train.classes).encode(), digest_size=8)
        for part in (self.train, self.validation, self.test):
            found.update(repr((*part.images.shape,)).encode())
            found.update(part.labels.numpy().tobytes())
            for start in range(0, len(part), DIGESTED):
                found.update(part.images[start : start + DIGESTED].numpy().tobytes())
        return found.hexdigest()


def read_digits(*, seed: int = 0) -> Split:
    """The 1,797 hand-written digits that come with scikit-learn: 1,000 to train, 397 to validate, 400 to test.

    Args:
        seed: Random seed of the split; the classes are spread evenly in any case.

    Returns:
        Grey images of 8 x 8 pixels, their 17 shades spread over 0 to 255.

    References:
        Alpaydin, Kaynak: Optical recognition of handwritten digits, UCI machine learning repository, 1998.
    """
    digits = load_digits()
    images = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(digits.target.astype(np.int64))
    whole = Dataset(images, labels, tuple(map(str, digits.target_names)))
    rest, test = stratified(whole, 400, seed=seed)
    train, validation = stratified(rest, 397, seed=seed)
    return Split(train, validation, test)


def stratified(dataset: Dataset, held_out: int, *, seed: int) -> tuple[Dataset, Dataset]:
    """Hold images out of a dataset, with the same share of each class.

    Args:
        dataset: At least two images of each class.
        held_out: How many images to hold out; at least one a class.
        seed: Which images.

    Returns:
        The remaining images and those held out, each in the order of `dataset`.
    """
    kept, held = train_test_split(
        np.arange(len(dataset)), test_size=held_out, random_state=seed, stratify=dataset.labels.numpy()
    )
    return _subset(dataset, kept), _subset(dataset, held)


def _subset(dataset: Dataset, indices: Int64[np.ndarray, "chosen"]) -> Dataset:
    chosen = torch.from_numpy(np.sort(indices))
    return Dataset(dataset.images[chosen], dataset.labels[chosen], dataset.classes)

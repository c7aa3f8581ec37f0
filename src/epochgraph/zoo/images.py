"""Images in one folder a class, on the disk or in an archive -> Split."""

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.zoo.archives import FileTree, open_tree, reason
from epochgraph.zoo.datasets import Dataset, Split, stratified
from epochgraph.zoo.layout import layout

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are read. Pillow knows more, among them one that starts another program (EPS)."""

GREY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
"""Pillow's modes of at most 8 bits a channel; 16 bits would be clipped without a word."""

LARGEST_FILE = 2**26
"""Bytes of one image file; a larger one is no training image, but may be an attack on the memory."""

Pixels = UInt8[np.ndarray, "images height width channels"]


def read_images(
    path: str | os.PathLike[str],
    *,
    limit_per_class: int | None = None,
    validation_share: float = 0.1,
    seed: int = 0,
) -> Split:
    """Read images that lie in one folder a class, from a folder or straight from an archive.

    The layout is that of `torchvision.datasets.ImageFolder`, twice: `train/<class>/<image>` and `test/<class>/<image>`,
    or `val` instead of `test`; where there are both, `val` is not read. An archive may have one folder around it all.
    Hidden files are passed over. The images become grey if all of them are, and RGB otherwise. Only what is used is
    decoded, but a compressed tar archive is decompressed twice: once to list it, once to read it.

    Args:
        path: A folder, or a .tar, .tar.gz, .tar.xz or .zip archive.
        limit_per_class: Use at most that many images of each class for training and validation, and as many for the
            test, evenly spaced in the order of their names; at least 2, all if not given.
        validation_share: Share of the training images that is held out for validation, in (0, 1).
        seed: Which of them are held out; of each class its share, in any case.

    Returns:
        Training and validation images from `train`, test images from `test`; the classes in the order of their names.

    Raises:
        SettingError: An option is out of its range, or so many images do not fit into the memory.
        UnreadableFileError: There is no such path; the archive or an image is damaged, or is none; a folder is missing,
            a class has too few images, or an image is not square or not of the same size as the others.
    """
    if limit_per_class is not None and limit_per_class < 2:
        raise SettingError("limit_per_class", limit_per_class, "at least 2: one image to train, one to validate")
    if not 0 < validation_share < 1:
        raise SettingError("validation_share", validation_share, "between 0 and 1")
    with open_tree(Path(path)) as tree:
        files = layout(Path(path), tree, limit_per_class=limit_per_class)
        chosen = (*files.train, *files.test)
        pixels = _decoded(Path(path), tree, [name for names in chosen for name in names])
    classes, count = len(files.classes), sum(map(len, files.train))
    labels = torch.tensor([n % classes for n, names in enumerate(chosen) for _ in names])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    # A stratified split wants room for every class on both sides.
    held_out = min(max(round(validation_share * count), classes), count - classes)
    train, validation = stratified(Dataset(images[:count], labels[:count], files.classes), held_out, seed=seed)
    return Split(train, validation, Dataset(images[count:].clone(), labels[count:], files.classes))


def _decoded(path: Path, tree: FileTree, names: Sequence[str]) -> Pixels:
    """Decode some files of a tree: grey if all are, RGB otherwise, in the order of `names`."""
    places = {name: place for place, name in enumerate(names)}
    pixels = np.empty((0, 0, 0, 3), np.uint8)
    grey = True
    for name in (name for name in tree.files if name in places):
        file = path / name
        image = _image(file, tree, name)
        side = pixels.shape[1] or max(image.size)
        if image.size != (side, side):
            found = f"is {image.width} x {image.height} pixels, not {side} x {side}"
            raise UnreadableFileError(file, found, "Bring all images to one square size, or leave it out.")
        if not len(pixels):
            pixels = _room(len(names), side)
        with _decodable(file):
            pixels[places[name]] = np.asarray(image.convert("RGB"))
        grey = grey and image.mode in GREY_MODES
    return pixels[..., :1] if grey else pixels


def _room(count: int, side: int) -> Pixels:
    try:
        return np.empty((count, side, side, 3), np.uint8)
    except MemoryError as error:
        size = f"all: {count} images of {side} x {side} pixels"
        raise SettingError("limit_per_class", size, "given: so many do not fit into the memory") from error


def _image(file: Path, tree: FileTree, name: str) -> Image.Image:
    """One image, of which no more than the header is decoded yet."""
    if tree.files[name] > LARGEST_FILE:
        found = f"has {tree.files[name]} bytes, more than the {LARGEST_FILE} that an image may have"
        raise UnreadableFileError(file, found, "Remove it.")
    content = tree.read(name)
    with _decodable(file):
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    if image.mode not in GREY_MODES | COLOUR_MODES:
        raise UnreadableFileError(file, f"has pixels of mode {image.mode}", "Convert it to 8 bits a channel.")
    return image


@contextmanager
def _decodable(file: Path) -> Iterator[None]:
    """Turn whatever Pillow raises into one error that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is not used: transparency, metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError as error:
        advice = "Remove it, or make it an image."
        raise UnreadableFileError(file, f"is no image of a known format ({', '.join(FORMATS)})", advice) from error
    except Exception as error:  # a damaged image raises nearly anything, from OSError to struct.error
        raise UnreadableFileError(
            file, f"cannot be decoded ({reason(error)})", "Remove it, or fetch it again."
        ) from error

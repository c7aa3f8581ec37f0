"""Images in one folder a class, on the disk or in an archive -> Split."""

import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from epochgraph.errors import EpochgraphError, SettingError, UnreadableFileError
from epochgraph.zoo.archives import FileTree, open_tree
from epochgraph.zoo.datasets import Dataset, Split, stratified

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are read. Pillow knows more, among them one that starts another program (EPS)."""

GREY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
"""Pillow's modes of up to 8 bits a channel; images of 16 bits would be clipped without a word."""

LARGEST_FILE = 2**26
"""Bytes of one image file; a larger one is no training image, but may be an attack on the memory."""

FOLDERS = frozenset({"train", "test", "val"})
LAYOUT = "Put every image into train/<class>/ or test/<class>/ (or val/<class>/)."

Files = Mapping[str, Sequence[str]]
"""Class -> names of its files."""

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
    or `val` instead of `test`; where there are both, `val` is not read. One folder around them is allowed in an archive;
    hidden files are passed over. The images become grey if all of them are, and RGB otherwise. Only what is used is
    decoded, but a compressed tar archive is decompressed twice: once to list it, once to read it.

    Args:
        path: A folder, or a .tar, .tar.gz, .tar.xz or .zip archive.
        limit_per_class: Use at most that many images of each class of `train`, and of `test`, evenly spaced in the
            order of their names; all if not given.
        validation_share: Share of the training images that is held out for validation, in (0, 1).
        seed: Which of them are held out; of each class its share, in any case.

    Returns:
        Training and validation images from `train`, test images from `test`; the classes in the order of their names.

    Raises:
        SettingError: An option is out of its range, or so many images do not fit into the memory.
        UnreadableFileError: There is no such path; the archive or an image is damaged, or none; `train` or `test` is
            missing, a class has too few images, or an image is not square or not of the same size as the others.
    """
    if limit_per_class is not None and limit_per_class < 2:
        raise SettingError("limit_per_class", limit_per_class, "at least 2: one image to train, one to validate")
    if not 0 < validation_share < 1:
        raise SettingError("validation_share", validation_share, "between 0 and 1")
    path = Path(path)
    with open_tree(path) as tree:
        classes, train, test = _folders(path, tree.files, tree.folders)
        chosen = [_spread(names, limit_per_class) for names in (*train, *test)]
        pixels = _decoded(path, tree, [name for names in chosen for name in names])
    labels = torch.tensor([n % len(classes) for n, names in enumerate(chosen) for _ in names])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    count = sum(map(len, chosen[: len(classes)]))
    whole = Dataset(images[:count], labels[:count], classes)
    held_out = max(round(validation_share * count), len(classes))
    rest, validation = stratified(whole, min(held_out, count - len(classes)), seed=seed)
    return Split(rest, validation, Dataset(images[count:].clone(), labels[count:], classes))


def _folders(
    path: Path, files: Iterable[str], folders: Iterable[str]
) -> tuple[tuple[str, ...], list[Sequence[str]], list[Sequence[str]]]:
    """Names of the classes, and of each class's files in the training folder and in the test folder, sorted."""
    root, found = _by_class(files, folders)
    judged = "test" if "test" in found or "val" not in found else "val"
    for folder in ("train", judged):
        if folder not in found:
            raise UnreadableFileError(path / root, f"there is no {folder}/<class>/ folder", LAYOUT)
    classes = sorted({*found["train"], *found[judged]})
    if len(classes) < 2:
        raise UnreadableFileError(path / root / "train", f"only one class is there, {classes[0]!r}", LAYOUT)
    for folder, least in (("train", 2), (judged, 1)):
        for name in classes:
            count = len(found[folder].get(name, ()))
            if count < least:
                advice = f"Each class needs {least} or more there; remove the class or add images."
                raise UnreadableFileError(path / root / folder / name, f"the class has {count} images", advice)
    train, test = ([sorted(found[folder][name]) for name in classes] for folder in ("train", judged))
    return tuple(classes), train, test

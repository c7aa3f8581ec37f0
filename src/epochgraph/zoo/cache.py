"""Decoded images in a folder, one .npz file per data set, named by a hash of its sources.

A hit costs hashing the data set's files and reading the entry once to compare its checksums. The pixels are then mapped
into memory: processes that use the same data set share one copy of them.
"""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

import numpy as np
import PIL
import platformdirs

from epochgraph.files import atomic_write
from epochgraph.zoo.album import Album, Catalogue, Pixels

VERSION = 1
"""The version of an entry's content and meaning; increase it when either changes."""

LOCAL_HEADER = struct.Struct("<26xHH")
"""In front of a member of a zip archive; at its end the lengths of the name and the extra field that follow it."""


def default_cache() -> Path:
    """Where decoded images are kept: a folder in the user's cache, which may be emptied at any time."""
    return Path(platformdirs.user_cache_dir("epochgraph", appauthor=False)) / "images"


def kept(folder: Path, fingerprint: str, made: Callable[[], Album]) -> Album:
    """The images from the cache; if they are missing or damaged, make and keep them.

    No reader ever sees half an entry. Two processes may make the same entry twice; both results are right.

    Args:
        folder: The cache.
        fingerprint: The fingerprint of the image files.
        made: Makes them.

    Returns:
        The images, with pixels mapped copy-on-write: changing them changes only a private copy.

    Raises:
        OutputError: The cache cannot be written; raised before anything is made.
    """
    # Another version of Pillow may decode to different pixels.
    key = hashlib.sha256(f"{VERSION} {PIL.__version__} {fingerprint}".encode()).hexdigest()
    path = folder / f"{key}.npz"
    stored = _stored(path, key)
    if stored is not None:
        return stored
    with atomic_write(path) as temporary:
        album = made()
        _store(album, key, temporary)
    return _stored(path, key) or album


def _store(album: Album, key: str, path: Path) -> None:
    about = album.catalogue
    np.savez(
        path,
        key=np.array(key),
        classes=np.array(about.classes),
        labels=about.labels,
        test=about.test,
        names=np.array(about.names),
        parts=np.array(about.parts),
        grey=album.grey,
        shape=np.array(album.pixels.shape),
        pixels=album.pixels,
    )


def _stored(path: Path, key: str) -> Album | None:
    """The entry with this key, or None if it is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as entry:
            if entry["key"].item() != key:
                return None
            classes, names, (train, test) = (tuple(entry[name].tolist()) for name in ("classes", "names", "parts"))
            about = Catalogue(classes, entry["labels"], entry["test"], names, (train, test))
            return Album(about, _mapped(file, entry.zip.getinfo("pixels.npy"), entry["shape"].tolist()), entry["grey"])
    except Exception:  # a damaged file can raise almost anything; the images are then made again
        return None


def _mapped(file: BufferedReader, member: zipfile.ZipInfo, shape: list[int]) -> Pixels:
    """Map the array at the end of an uncompressed member of a zip archive.

    Raises:
        ValueError: Its checksum is wrong.
    """
    file.seek(member.header_offset)
    lengths = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    start = member.header_offset + LOCAL_HEADER.size + sum(lengths)
    content = np.memmap(file, np.uint8, mode="c", offset=start, shape=(member.file_size,))
    if zlib.crc32(content.data) != member.CRC:
        raise ValueError("damaged")
    return np.asarray(content[-np.prod(shape) :]).reshape(shape)

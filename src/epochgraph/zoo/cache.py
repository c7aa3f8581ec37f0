"""Decoded images in a folder, one .npz file a data set, named by a hash of what it was made of.

A hit costs the hash of the data set's files and a look at each byte of the entry, which compares its checksums. The
pixels are then mapped into memory, not read: processes that use the same data set share one copy of them.
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
"""Of what an entry holds and means; raise it with any change of either."""

LOCAL_HEADER = struct.Struct("<26xHH")
"""In front of a member of a zip archive; at its end the lengths of the name and the extra field that follow it."""


def default_cache() -> Path:
    """Where decoded images are kept: a folder of the user's cache, which may be emptied at any time."""
    return Path(platformdirs.user_cache_dir("epochgraph", appauthor=False)) / "images"


def kept(folder: Path, fingerprint: str, made: Callable[[], Album]) -> Album:
    """The images from the cache; if they are not there, or not intact, make them and keep them.

    Nobody ever sees half an entry. Two processes that make the same one do it twice, and either result is right.

    Args:
        folder: The cache.
        fingerprint: Of the files that the images are made of.
        made: Makes them.

    Returns:
        The images, their pixels mapped copy-on-write: whoever changes them changes a copy of his own.

    Raises:
        OutputError: The cache cannot be written; told before anything is made.
    """
    # Another version of Pillow may decode to other pixels.
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
    """The entry, or None if there is none that is intact and of this key."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as entry:
            if entry["key"].item() != key:
                return None
            classes, names, (train, test) = (tuple(entry[name].tolist()) for name in ("classes", "names", "parts"))
            about = Catalogue(classes, entry["labels"], entry["test"], names, (train, test))
            return Album(about, _mapped(file, entry.zip.getinfo("pixels.npy"), entry["shape"].tolist()), entry["grey"])
    except Exception:  # a damaged file raises nearly anything; whatever it is, the images are made anew
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

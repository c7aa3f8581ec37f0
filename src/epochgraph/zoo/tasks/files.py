"""The data folder -> the contents of files, and the arrays made from them, kept in the user's cache."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy
import torch
from jaxtyping import Int64
from torch import Tensor

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.zoo.archives import intact, open_tree
from epochgraph.zoo.cache import default_cache

VERSION = 2
"""The version of how tasks are made from files; increase it with any change that changes a number."""

ENDINGS = ("", ".tar.xz", ".tar.gz", ".tar", ".tgz", ".txz", ".zip")
"""How a folder of files may be given: as it is, or as an archive with its name and one of these suffixes."""

Contents = Mapping[str, bytes]
"""Name of a file, without its folders -> its content; in the order of the names."""

Arrays = Mapping[str, np.ndarray]
PARTS = ("train", "validation", "test")
"""The names of the arrays of the three parts."""

Made = Callable[[Path, Contents], Arrays]


def place(data: Path | None, name: str) -> Path:
    """The path of a folder or archive of the data.

    Args:
        data: The folder that the user gave.
        name: The name of the folder or archive, without a suffix.

    Raises:
        SettingError: No folder was given.
        UnreadableFileError: It has nothing with that name.
    """
    if data is None:
        raise SettingError("data", None, f"the folder that holds {name}{ENDINGS[1]} (this task needs files)")
    for ending in ENDINGS:
        found = data / f"{name}{ending}"
        if found.exists():
            return found
    raise UnreadableFileError(data / f"{name}{ENDINGS[1]}", "no such file", "Check --data, the folder of the data.")


def contents(path: Path, wanted: Callable[[str], bool]) -> Contents:
    """Read some files of a folder or archive.

    Args:
        path: The folder or archive.
        wanted: Whether a file is to be read, by its name without folders.

    Raises:
        UnreadableFileError: It is damaged.
    """
    with open_tree(path) as tree:
        read = {name.rsplit("/", 1)[-1]: tree.read(name) for name in tree.files if wanted(name.rsplit("/", 1)[-1])}
    return dict(sorted(read.items()))


def kept(data: Path | None, source: str, *, key: str, wanted: Callable[[str], bool], made: Made) -> Arrays:
    """The arrays of a task from the cache; if they are missing or damaged, make and keep them.

    Args:
        data: The folder that the user gave.
        source: Name of the folder or archive in it.
        key: What else determines the arrays: the task, and versions of libraries.
        wanted: Which files the task reads, by their names.
        made: Makes the arrays from the path, for errors, and the contents of the files.

    Raises:
        SettingError: No folder was given.
        UnreadableFileError: The source is missing or damaged.
        OutputError: The cache cannot be written.
    """
    path = place(data, source)
    read = contents(path, wanted) if path.is_dir() else None
    marks = [source, key, _fingerprint(path, read)]
    return remembered(marks, lambda: made(path, contents(path, wanted) if read is None else read))


def remembered(marks: Sequence[object], made: Callable[[], Arrays]) -> Arrays:
    """Arrays from the cache, or made and kept there.

    Args:
        marks: Everything that determines the arrays, as JSON values.
        made: Makes them.

    Raises:
        OutputError: The cache cannot be written.
    """
    whole = json.dumps([VERSION, np.__version__, scipy.__version__, *marks])
    entry = default_cache().parent / "tasks" / f"{hashlib.sha256(whole.encode()).hexdigest()}.npz"
    stored = _stored(entry)
    if stored is not None:
        return stored
    arrays = made()
    with atomic_write(entry) as temporary:
        np.savez(temporary, **dict(arrays))  # type: ignore[arg-type]  # its stubs take a name for `allow_pickle`
    return arrays


def evenly(places: Int64[np.ndarray, "places"], count: int) -> Int64[np.ndarray, "chosen"]:
    """At most `count` of the positions, evenly spaced."""
    return places[np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(np.int64)]


def tensors(arrays: Arrays) -> dict[str, Tensor]:
    """The same arrays as tensors."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _stored(entry: Path) -> Arrays | None:
    try:
        with entry.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays.items())  # each is checked against its checksum
    except Exception:  # a damaged file can raise almost anything; the arrays are then made again
        return None


def _fingerprint(path: Path, read: Contents | None) -> object:
    if read is not None:
        return [(name, hashlib.sha256(content).hexdigest()) for name, content in read.items()]
    with intact(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

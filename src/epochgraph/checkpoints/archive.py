"""The parts of a torch.save file: a pickle, and the regions of the storages that the pickle refers to."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from epochgraph.errors import UnreadableFileError

SAVE_WEIGHTS = "Save the weights with torch.save(model.state_dict(), path)."
COPY_AGAIN = "Copy or download the file again, or leave it out."


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of bytes in a file.

    Attributes:
        position: Of the first byte, from the start of the file.
        size: Number of bytes.
    """

    position: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """A file of torch.save.

    Attributes:
        root: What its pickle would build.
        region: Where the storage with a key is; KeyError if there is none, ValueError if the region is impossible.
    """

    root: object
    region: Callable[[str], Region]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours.

    Raises:
        UnreadableFileError: A file or folder could not be read.
    """
    try:
        yield
    except OSError as error:
        found = f"it cannot be read ({error.strerror or error})"
        raise UnreadableFileError(path, found, "Check the path and its permissions.") from error


def exists(path: Path) -> bool:
    """Whether the path exists.

    Raises:
        UnreadableFileError: It cannot be accessed.
    """
    with readable(path):
        return path.exists()


def damaged(path: Path, found: str) -> UnreadableFileError:
    """The error for a file that breaks the rules of its own format."""
    return UnreadableFileError(path, f"it is damaged: {found}", COPY_AGAIN)


def check_byte_order(order: str, path: Path) -> None:
    """Refuse numbers in the other byte order.

    Raises:
        UnreadableFileError: The order is not this machine's.
    """
    if order != sys.byteorder:
        found = f"its numbers are in the byte order {ascii(order)[:20]}, this machine's is {sys.byteorder!r}"
        raise UnreadableFileError(path, found, "Save the weights as .safetensors.")

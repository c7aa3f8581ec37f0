"""How much memory graphs may take: as much as the user allows, or half of what is free."""

import math

import psutil
from pydantic import ByteSize, TypeAdapter, ValidationError

from epochgraph.checkpoints import Checkpoint, Stored
from epochgraph.errors import SettingError

ITEM = 4
"""The fewest bytes of a weight in memory; one of kernels needs less, as only its norm is kept."""

_SIZE = TypeAdapter(ByteSize)


def byte_size(given: str | int, *, option: str = "memory") -> int:
    """Read a size such as "2GiB" or "500 MB"; a number alone is bytes.

    Args:
        given: The size.
        option: The name of the option, for the error.

    Raises:
        SettingError: It is not a size.

    Examples:
        >>> byte_size("1.5kB"), byte_size("2 GiB")
        (1500, 2147483648)
    """
    try:
        return int(_SIZE.validate_python(given))
    except (ValidationError, OverflowError) as error:
        expected = "a number and a unit, such as 2GiB, 500MiB or 1.5GB"
        raise SettingError(option, given, expected) from error


def usable_memory(given: str | int | None, checkpoint: Checkpoint, *, graphs: int = 1) -> int | None:
    """The bytes that graphs of a checkpoint may take together; None for all weights in memory.

    Without a given size, half of the free memory may be used, and weights that fit into it are held in memory.

    Args:
        given: A size such as "2GiB" or a number of bytes, or None.
        checkpoint: The checkpoint, or one like it.
        graphs: How many are held at once.

    Raises:
        SettingError: It is not a size.
    """
    if given is not None:
        return byte_size(given)
    half = free_memory() // 2
    return None if graphs * size_in_memory(checkpoint) <= half else half


def size_in_memory(checkpoint: Checkpoint) -> int:
    """The bytes that all weights of a checkpoint take in memory, at most."""
    return sum(map(_bytes, checkpoint.stored.values()))


def _bytes(stored: Stored) -> int:
    """The bytes of a weight in memory: float64 stays float64, half precision may become float32."""
    item = ITEM if stored.location is None else max(ITEM, stored.location.dtype.itemsize)
    return item * math.prod(stored.shape)


def free_memory() -> int:
    """The bytes that are available to a process now; the system's cache of files counts as free."""
    return int(psutil.virtual_memory().available)

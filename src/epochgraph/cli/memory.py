"""How much memory a graph may take: what the user says, or what the machine has free."""

import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from rich.progress import Progress

from epochgraph.checkpoints import Checkpoint, Stored
from epochgraph.errors import SettingError

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}

MEGA = 10**6

ITEM = 4
"""The fewest bytes of a weight in memory; one of kernels needs less, as only its norm is kept."""


def usable_memory(given: str | None, checkpoint: Checkpoint, *, graphs: int = 1) -> int | None:
    """The bytes that graphs of a checkpoint may take together; None for all weights in memory.

    Where the user says nothing, half of the memory that is free may be used, and weights that fit in there are taken
    into memory.

    Args:
        given: What the user says, such as "2GiB".
        checkpoint: The checkpoint, or one like it.
        graphs: How many are held at once.

    Raises:
        SettingError: That is no size.
    """
    if given is not None:
        return size(given)
    half = free_memory() // 2
    return None if graphs * whole(checkpoint) <= half else half


def whole(checkpoint: Checkpoint) -> int:
    """The bytes that all weights of a checkpoint take in memory, at most."""
    return sum(map(_bytes, checkpoint.stored.values()))


def _bytes(stored: Stored) -> int:
    """What a weight takes in memory: float64 stays float64, half precision may become float32."""
    item = ITEM if stored.place is None else max(ITEM, stored.place.dtype.itemsize)
    return item * math.prod(stored.shape)


def size(text: str) -> int:
    """Read a size such as "2GiB" or "500 MB".

    Raises:
        SettingError: It is none.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*", text)
    if found is None or found[2].upper() not in UNITS:
        raise SettingError("--memory", text, "a number and a unit, such as 2GiB, 500MiB or 1.5GB")
    return int(float(found[1]) * UNITS[found[2].upper()])


def free_memory() -> int:
    """Bytes that this machine could give a process now; what it only keeps of files counts as free."""
    try:
        found = re.search(r"MemAvailable:\s+([0-9]+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
    except OSError:  # this is not Linux
        found = None
    return int(found[1]) * 1024 if found else _free_pages()


def _free_pages() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # this system does not tell: as if there were plenty
        return 2**40


@contextmanager
def shown_reading(progress: Progress, checkpoint: Checkpoint) -> Iterator[Callable[[int], None]]:
    """What shows how far a checkpoint has been read, and for the how manieth time; to be told the bytes read.

    Nothing is shown before something has been read, as of a checkpoint that is in memory.
    """
    places = [stored.place for stored in checkpoint.stored.values() if stored.place is not None]
    whole = max(1, sum(math.prod(place.shape) * place.dtype.itemsize for place in places))
    task = progress.add_task(checkpoint.path.name, total=whole // MEGA, visible=False)
    lock, read = Lock(), 0

    def watch(count: int) -> None:
        nonlocal read
        with lock:
            read += count
            times, now = divmod(read, whole)
            described = f"{checkpoint.path.name}, MB of reading {times + 1}"
            progress.update(task, visible=True, description=described, completed=now // MEGA)

    try:
        yield watch
    finally:
        progress.remove_task(task)

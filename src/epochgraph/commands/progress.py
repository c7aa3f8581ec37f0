"""How far a command is, for whoever wants to show it."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Literal, TypeVar

from epochgraph.checkpoints import Checkpoint

MEGA = 10**6

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one of the things is that a command does.

    Attributes:
        what: What is counted: runs, the checkpoints of a run, megabytes of a checkpoint, or fits.
        name: Of what: a run, a file.
        done: How many are done; all of them once the thing is over, however it ended.
        total: How many there are.
    """

    what: Literal["runs", "checkpoints", "megabytes", "fits"]
    name: str
    done: int
    total: int


OnProgress = Callable[[Progress], object]
"""Called whenever something more is done, now and then from a thread of its own."""


def unwatched(_: Progress) -> None:
    """Show nothing."""


def counted(items: Iterable[T], total: int, name: str, progress: OnProgress) -> Iterator[T]:
    """The checkpoints of a run, each counted once it has been used."""
    for done, item in enumerate(items):
        progress(Progress("checkpoints", name, done, total))
        yield item


@contextmanager
def reading(checkpoint: Checkpoint, progress: OnProgress) -> Iterator[Callable[[int], None]]:
    """Lend what is to be told how many bytes have been read of a checkpoint on disk, and on which pass.

    Of a checkpoint that is in memory, nothing is read, and nothing is shown.
    """
    places = [stored.location for stored in checkpoint.stored.values() if stored.location is not None]
    whole = max(1, sum(math.prod(place.shape) * place.dtype.itemsize for place in places))
    name, total = checkpoint.path.name, whole // MEGA
    lock, read = Lock(), 0

    def watch(count: int) -> None:
        nonlocal read
        with lock:
            read += count
            times, now = divmod(read, whole)
            progress(Progress("megabytes", f"{name}, MB of reading {times + 1}", now // MEGA, total))

    try:
        yield watch
    finally:
        if read:
            progress(Progress("megabytes", name, total, total))

"""Progress of a command, for callers that want to show it."""

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
    """How much of one task of a command is done.

    Attributes:
        what: What is counted: runs, the checkpoints of a run, megabytes of a checkpoint, fits, epochs of training,
            images, or orders in which runs arrive.
        name: What the task is about, such as a run or a file.
        done: How many are done; equal to `total` once the task is over, even if it failed.
        total: How many there are.
        note: A message to show at once, such as why a run failed.
    """

    what: Literal["runs", "checkpoints", "megabytes", "fits", "epochs", "images", "orders"]
    name: str
    done: int
    total: int
    note: str = ""


OnProgress = Callable[[Progress], object]
"""Called whenever more is done; sometimes from another thread."""


def unwatched(_: Progress) -> None:
    """Ignore progress."""


def counted(items: Iterable[T], total: int, name: str, progress: OnProgress) -> Iterator[T]:
    """Yield the checkpoints of a run, and report each one as it is used."""
    for done, item in enumerate(items):
        progress(Progress("checkpoints", name, done, total))
        yield item


@contextmanager
def reading(checkpoint: Checkpoint, progress: OnProgress) -> Iterator[Callable[[int], None]]:
    """Yield a callback that takes the number of bytes read from disk, and reports the megabytes and the pass.

    A checkpoint that is held in memory is not read again, so nothing is reported for it.
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

"""Printing that commands share."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from epochgraph.errors import EpochgraphError

if TYPE_CHECKING:
    from epochgraph.commands import progress as commands_progress
    from epochgraph.commands.pages import Shown

console = Console(soft_wrap=True)
notes = Console(stderr=True, soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar with an estimate of the time left, on the error stream so that output can be piped."""
    columns = (
        TextColumn("{task.description}", markup=False),  # names of files may have [brackets]
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
        yield progress


class Bars:
    """Shows the progress of a command: one bar for each kind of thing that it is counting."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, now: "commands_progress.Progress") -> None:
        """Show the progress of one of the things."""
        if now.note:
            note(now.note)
        if now.done >= now.total:
            task = self.tasks.pop(now.what, None)
            if task is not None:
                self.bars.remove_task(task)
            return
        if now.what not in self.tasks:
            self.tasks[now.what] = self.bars.add_task(now.name, total=now.total)
        self.bars.update(self.tasks[now.what], description=now.name, completed=now.done, total=now.total)


@contextmanager
def progress_bars() -> Iterator[Callable[["commands_progress.Progress"], None]]:
    """Lend a display of progress."""
    with progress_bar() as bars:
        yield Bars(bars)


def note(*lines: str) -> None:
    """Print lines to the error stream, as they are."""
    for line in lines:
        notes.print(line, markup=False, highlight=False)


def show(result: "Shown") -> None:
    """Print the page of a result."""
    for part in result.page():
        console.print(part)


@runtime_checkable
class _OfSeveral(Protocol):
    """A result for several runs."""

    @property
    def failures(self) -> Mapping[str, EpochgraphError]: ...
    @property
    def of(self) -> int: ...


def finish(result: _OfSeveral) -> None:
    """End a command that had several runs.

    Raises:
        BatchError: Some could not be used.
    """
    from epochgraph.commands.batch import raise_failures

    raise_failures(result.failures, result.of)


def print_json(document: object) -> None:
    """Print a document for programs; a NaN or infinite number becomes null, which JSON can hold."""
    json.dump(_plain(document), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

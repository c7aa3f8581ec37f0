"""`python -m benchmarks.coverage.truth`: nudge the architectures, one row each."""

import fnmatch
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.coverage.__main__ import bar
from benchmarks.coverage.lines import append
from benchmarks.coverage.measuring import one_line
from benchmarks.coverage.truth.models import SUBJECTS, Subject
from benchmarks.coverage.truth.nudges import verdict
from benchmarks.coverage.truth.rows import Row, read

ROWS = Path("out/truth.jsonl")
KEPT = 40
"""Violations of a model that its row keeps."""


def main(
    out: Annotated[Path, typer.Option(help="JSON lines.")] = ROWS,
    only: Annotated[str, typer.Option(help="Names like this, such as 'test_*'.")] = "*",
    layers: Annotated[int, typer.Option(help="Layers of a model whose units are nudged.")] = 12,
    units: Annotated[int, typer.Option(help="Units of each.")] = 3,
    timeout: Annotated[int, typer.Option(help="Seconds a model.")] = 240,
    again: Annotated[bool, typer.Option("--again", help="Also those that have a row.")] = False,  # noqa: FBT002
) -> None:
    """Nudge the models that have no row yet; stop it at any moment, and start it again."""
    torch.set_num_threads(1)  # the same sums in the same order
    torch.backends.mha.set_fastpath_enabled(False)
    wanted = [subject for subject in SUBJECTS if fnmatch.fnmatchcase(subject.name, only)]
    done = set() if again else {(row.library, row.name) for row in read(out)}
    missing = [subject for subject in wanted if (subject.library, subject.name) not in done]
    with bar() as progress:
        task = progress.add_task("truth", total=len(wanted), completed=len(wanted) - len(missing))
        for subject in missing:
            row = nudged(subject, layers, units, timeout)
            append(out, row)
            progress.console.print(line(row), highlight=False, markup=False)
            progress.advance(task)


def nudged(subject: Subject, layers: int, units: int, timeout: int) -> Row:
    """The row of one model; nothing that its library raises gets out."""
    row = Row(subject.library, subject.name, subject.shows)
    if find_spec(subject.library) is None:
        return replace(row, error=f"{subject.library} is not installed; see benchmarks/coverage/requirements.txt")
    begin = time.perf_counter()
    try:
        with limited(timeout):
            torch.manual_seed(0)
            found = verdict(subject.make(), layers=layers, units=units)
    except Exception as error:  # the model's own code runs here, and may raise anything
        return replace(row, error=one_line(error), seconds=time.perf_counter() - begin)
    return replace(
        row,
        following=found.following,
        downstream=found.downstream,
        sites=found.sites,
        unmapped=found.unmapped,
        unwatched=found.unwatched,
        frozen=found.frozen,
        violations=found.violations[:KEPT],
        seconds=time.perf_counter() - begin,
    )


def line(row: Row) -> str:
    """A row in a line."""
    if row.error:
        return f"{row.name}: {row.error}"
    counts = (
        f"{name}: {count.soundness:.4%} sound of {count.changed}, {count.tightness:.4%} tight of {count.joined}"
        for name, count in (("next", row.following), ("all", row.downstream))
    )
    unmapped = f", no part for {', '.join(row.unmapped)}" if row.unmapped else ""
    unmapped += f", not watched: {', '.join(row.unwatched)}" if row.unwatched else ""
    return f"{row.name}: {', '.join(counts)}; {row.sites} layers, {row.seconds:.0f} s{unmapped}"


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in what takes longer."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    typer.run(main)

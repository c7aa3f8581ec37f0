"""`python -m benchmarks.coverage LIBRARY`: trace the models of a library, one row each."""

import fnmatch
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.coverage.batches import Limits, rows
from benchmarks.coverage.libraries import LIBRARIES, Name
from benchmarks.coverage.lines import append
from benchmarks.coverage.rows import read

FOLDER = Path("out/coverage")


def main(
    library: Annotated[Name, typer.Argument(help="Whose models.")],
    out: Annotated[Path | None, typer.Option(help="JSON lines; out/coverage/LIBRARY.jsonl if not given.")] = None,
    only: Annotated[str, typer.Option(help="Names like this, such as 'vit_*'.")] = "*",
    limit: Annotated[int | None, typer.Option(help="At most so many models.")] = None,
    workers: Annotated[int, typer.Option(help="Processes at a time.")] = 2,
    batch: Annotated[int, typer.Option(help="Models a process.")] = 25,
    timeout: Annotated[float, typer.Option(help="Seconds a model.")] = 120.0,
    memory: Annotated[float, typer.Option(help="GiB a process.")] = 8.0,
) -> None:
    """Trace the models that have no row yet; stop it at any moment, and start it again."""
    path = out or FOLDER / f"{library}.jsonl"
    names = [name for name in LIBRARIES[library].names() if fnmatch.fnmatchcase(name, only)][:limit]
    done = {row.name for row in read(path)}
    missing = [name for name in names if name not in done]
    with bar() as progress:
        task = progress.add_task(library, total=len(names), completed=len(names) - len(missing))
        limits = Limits(timeout, memory)
        for row in rows(library, missing, workers=workers, batch=batch, limits=limits):
            append(path, row)
            outcome = f"{row.joined_share:.1%} joined, {row.seconds:.1f} s" if row.status == "traced" else row.error
            progress.console.print(f"{row.name}: {row.status}, {outcome}", highlight=False, markup=False)
            progress.advance(task)


def bar() -> Progress:
    """How many models are done, and the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True, soft_wrap=True))


if __name__ == "__main__":
    typer.run(main)

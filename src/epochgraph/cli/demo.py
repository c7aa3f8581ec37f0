"""`epochgraph demo`."""

from pathlib import Path
from typing import Annotated

import typer

from epochgraph.cli.options import Workers
from epochgraph.cli.output import progress_bars, show


def demo(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A folder or archive with train/CLASS and test/CLASS; leave it out for scikit-learn's digits."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the runs and the picture.")] = Path("out/demo"),
    runs: Annotated[int, typer.Option(help="Networks to train.")] = 60,
    epochs: Annotated[int, typer.Option(help="Epochs to train each for.")] = 12,
    workers: Workers = None,
) -> None:
    """Train a population of networks on real images, and predict from their first graphs how each will end.

    Learning rate and dropout vary from network to network. Every network's graph is measured after each epoch while it
    trains; then the end of each is predicted from its first epochs by what was learned from the others, beside what the
    validation accuracy alone predicts. Finished runs are kept: after an interruption, the same command continues.
    """
    from epochgraph.commands.demonstrating import demonstrate

    with progress_bars() as progress:
        found = demonstrate(data, out=out, runs=runs, epochs=epochs, workers=workers, progress=progress)
    show(found)

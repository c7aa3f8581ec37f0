"""`epochgraph demo`."""

from pathlib import Path
from typing import Annotated

import typer

from epochgraph.cli.options import Workers
from epochgraph.cli.output import progress_bars, show


def demo(
    data: Annotated[
        str | None,
        typer.Argument(
            help="A folder or archive with train/CLASS and test/CLASS, or `digits`: a population of networks on these "
            "images. Leave it out for four small sweeps that need no file.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the runs, pages and picture.")] = Path(
        "out/demo"
    ),
    runs: Annotated[int, typer.Option(help="Networks to train on images.")] = 60,
    epochs: Annotated[int, typer.Option(help="Epochs to train each of them for.")] = 12,
    workers: Workers = None,
) -> None:
    """Train small sweeps here, and see what stopping early would have saved and cost.

    Without DATA: convolutional networks learn handwritten digits, and small GPTs the text of Python's documentation,
    each under SGD and under AdamW. Then the sweeps are replayed under each rule for stopping early, ours and the usual
    ones, and a page shows each of them as it stood midway.

    With DATA: a population of networks on these images, which differ in learning rate and dropout. Their graphs are
    measured after each epoch; then the end of each is predicted from its first epochs by what was learned from others.

    Finished runs are kept: after an interruption, the same command continues.
    """
    with progress_bars() as progress:
        if data is None:
            from epochgraph.commands.stopping import demonstrate_stopping

            show(demonstrate_stopping(out=out, workers=workers, progress=progress))
        else:
            from epochgraph.commands.demonstrating import demonstrate

            show(demonstrate(data, out=out, runs=runs, epochs=epochs, workers=workers, progress=progress))

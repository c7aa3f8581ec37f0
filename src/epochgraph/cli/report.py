"""`epochgraph report`."""

from pathlib import Path
from typing import Annotated

import typer

import epochgraph
from epochgraph.cli.options import Best, Budget, Rises, SweepTarget, Threshold
from epochgraph.cli.output import note, show

Runs = Annotated[Path, typer.Argument(help="Folder of stored runs, from `Watch` or `extract`; or a file of several.")]


def report(
    store: Runs,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page, an .html file.")] = Path("sweep.html"),
    best: Best = None,
    threshold: Threshold = None,
    target: SweepTarget = None,
    direction: Rises = None,
    budget: Budget = None,
) -> None:
    """Write a page that shows a sweep: its curves, what is forecast of each run, which to stop and why.

    The page is one file, needs no network, and follows the light or dark of your screen. Choose a run to see its
    settings, how far each layer has moved, and the degree and eigenvector centrality of its nodes over time. `watch`
    shows the same while runs train.

    Example: `epochgraph report store -o sweep.html --best 3`
    """
    found = epochgraph.report(store, best=best, threshold=threshold, target=target, direction=direction, budget=budget)
    found.write(out)
    show(found)
    note(f"written to {out}")

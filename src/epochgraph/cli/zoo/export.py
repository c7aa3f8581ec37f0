"""`epochgraph zoo export`."""

from pathlib import Path
from typing import Annotated

import typer

from epochgraph.cli.options import Folder
from epochgraph.cli.output import console


def export(
    folder: Folder,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The .parquet file; its datasheet (.md) is written beside it.")
    ],
    vectors_until: Annotated[
        float, typer.Option(help="The last epoch whose node values and last layers are written: they are large.")
    ] = 10,
    last_layer_at: Annotated[
        list[float] | None,
        typer.Option(help="An epoch whose last layers are written; repeat it for more. All by default."),
    ] = None,
) -> None:
    """Write the finished runs of a population as one Parquet file with a datasheet, to publish or to evaluate.

    Example: `epochgraph zoo export zoo/lenet -o lenet.parquet`
    """
    from epochgraph.zoo.export import export_population

    exported = export_population(folder, out, vectors_until=vectors_until, last_layer_at=last_layer_at or ())
    size = exported.data.stat().st_size / 1e6
    console.print(f"{exported.runs} runs: {exported.data} ({size:.1f} MB)", markup=False, highlight=False)
    console.print(f"Datasheet: {exported.datasheet}", markup=False, highlight=False)

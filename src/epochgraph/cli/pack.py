"""`epochgraph pack`."""

from pathlib import Path
from typing import Annotated

import typer

import epochgraph
from epochgraph.cli.options import Store
from epochgraph.cli.output import finish, show


def pack(
    store: Store,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file (.parquet).")],
    up_to: Annotated[
        float | None, typer.Option(help="The last epoch whose snapshots are kept; all by default.")
    ] = None,
) -> None:
    """Write stored runs as one small file, to publish or share them.

    Features are rounded to 32 bits. All commands that read a folder of stored runs also read the file.

    Example: `epochgraph pack store -o sweep.parquet --up-to 5`
    """
    packed = epochgraph.pack(store, out, up_to=up_to)
    show(packed)
    finish(packed)

"""`epochgraph zoo import`."""

from pathlib import Path
from typing import Annotated

import typer

from epochgraph.cli.output import console


def import_(
    path: Annotated[Path, typer.Argument(help="The .parquet file of a population, from `zoo export`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the population.")],
) -> None:
    """Make the folder of a population from its file, to continue its training.

    Example: `epochgraph zoo import lenet.parquet -o zoo/lenet`
    """
    from epochgraph.zoo.export import import_population

    count = import_population(path, out)
    done = f"{count} runs written to {out / 'runs'}; `zoo train` goes on with the others."
    console.print(done, markup=False, highlight=False)

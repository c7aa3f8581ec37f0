"""The commands of `epochgraph zoo`: their options and help; imported when called, as in `commands`."""

from pathlib import Path
from typing import Annotated

import typer

from epochgraph.cli.options import Json

Recipe = Annotated[str, typer.Argument(help="A recipe's TOML file, or the name of one that `zoo recipes` lists.")]
Folder = Annotated[Path, typer.Argument(help="The folder of the population, as given to `zoo train --out`.")]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1, help="Train only this many of the recipe's runs: the first of an order spread evenly over its grid."
    ),
]


def train(
    recipe: Recipe,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the population, and nothing else.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            "-d",
            help="The images: a folder, an archive, CIFAR batches or Parquet files; several make one data set. "
            "`digits` for scikit-learn's, which need no file. For sweeps: the folder with the files of all tasks.",
        ),
    ] = None,
    limit: Limit = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; by default one per core; up to four share a GPU."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores per process; several help with large networks.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1; auto takes a GPU if there is one.")] = "auto",
    together: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Networks that each process trains side by side; by default one on the CPU, 70 on a GPU. "
            "Give fewer if the GPU's memory is too small.",
        ),
    ] = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Also keep all weights of every snapshot, as .safetensors.")
    ] = False,
    task: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MODULE:FUNCTION",
            help="A task of your own, for sweeps: an importable function from the data folder to a "
            "`epochgraph.zoo.tasks.Task`, by the name that the recipe gives it. This runs that code.",
        ),
    ] = None,
    architecture: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=MODULE:FUNCTION",
            help="An architecture of your own, for sweeps: an importable function from a task's form and the choices "
            "of a run to a module, by the name that the recipe gives it. This runs that code.",
        ),
    ] = None,
) -> None:
    """Train the networks of a recipe, and record their graphs during training.

    A recipe is a grid of settings on one image data set, or many sweeps: `wild` is a population of sweeps over many
    kinds of training.

    Each finished run is written immediately. After an interruption at any moment, the same command continues: finished
    runs stay, a run in progress resumes from its last saved epoch, failed runs are tried again. The images are decoded
    once and kept in the user's cache. On a GPU, networks of the same width are trained side by side.

    Example: `epochgraph zoo train lenet-cifar10-reduced -d cifar-10-python.tar.gz -o zoo/lenet --limit 20`

    Example: `epochgraph zoo train sweeps-without-files -o zoo/sweeps`
    """
    from epochgraph.cli import zoo as command
    from epochgraph.zoo.resources import usable_resources

    resources = usable_resources(workers=workers, threads=threads, device=device, together=together)
    own = command.Own(tuple(task or ()), tuple(architecture or ()))
    command.train(recipe, data or [], out, limit=limit, resources=resources, checkpoints=checkpoints, own=own)


def status(folder: Folder, limit: Limit = None, as_json: Json = False) -> None:
    """Show the progress of a population, how its runs ended, and which failed.

    Example: `epochgraph zoo status zoo/lenet`
    """
    from epochgraph.cli import zoo as command

    command.show(folder, limit=limit, as_json=as_json)


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
    from epochgraph.cli import zoo as command

    command.export(folder, out, vectors_until=vectors_until, last_layer_at=last_layer_at or ())


def import_(
    path: Annotated[Path, typer.Argument(help="The .parquet file of a population, from `zoo export`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the population.")],
) -> None:
    """Make the folder of a population from its file, to continue its training.

    Example: `epochgraph zoo import lenet.parquet -o zoo/lenet`
    """
    from epochgraph.cli import zoo as command

    command.import_(path, out)


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print the text of this one, as a start for your own.")] = None,
) -> None:
    """List the recipes that come with the package: the paper's populations, and reduced ones for a small machine.

    Example: `epochgraph zoo recipes lenet-cifar10-reduced > mine.toml`
    """
    from epochgraph.cli import zoo as command

    command.recipes(name)

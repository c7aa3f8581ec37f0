"""`epochgraph zoo train`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from epochgraph.cli.options import Limit, Recipe
from epochgraph.cli.output import note, notes, progress_bars, show

if TYPE_CHECKING:
    from epochgraph.commands.progress import Progress


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
    from epochgraph.commands.populations import Own, train_recipe
    from epochgraph.zoo.resources import usable_resources

    resources = usable_resources(workers=workers, threads=threads, device=device, together=together)
    with progress_bars() as bars:

        def progress(now: "Progress") -> None:
            bars(now)
            if now.what == "runs" and not notes.is_terminal:
                note(now.name)

        found = train_recipe(
            recipe,
            out,
            data=data or [],
            limit=limit,
            resources=resources,
            checkpoints=checkpoints,
            own=Own(tasks=_own("--task", task or ()), architectures=_own("--architecture", architecture or ())),
            progress=progress,
        )
    show(found)


def _own(option: str, given: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """What the user's own code adds, by name; worker processes find that code where the user stands, too."""
    from epochgraph.cli.wiring import imported
    from epochgraph.errors import SettingError

    found = {}
    for text in given:
        name, equals, where = text.partition("=")
        try:
            found[name] = imported(where)
        except Exception as error:  # the user's own code runs here, and may raise anything
            reason = f"NAME=MODULE:FUNCTION that can be imported ({type(error).__name__}: {error})"
            raise SettingError(option, text, reason) from error
        if not equals or not callable(found[name]):
            raise SettingError(option, text, "NAME=MODULE:FUNCTION, of a function")
    if found and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    return found

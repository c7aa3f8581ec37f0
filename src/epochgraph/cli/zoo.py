"""`epochgraph zoo`: populations of trained networks."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.progress import Progress, TaskID
from rich.table import Table

from epochgraph.cli.output import console, notes, print_json, progress_bar
from epochgraph.zoo import default_cache, read_digits, read_images
from epochgraph.zoo.datasets import DIGITS, Split
from epochgraph.zoo.export import export_population, import_population
from epochgraph.zoo.pool import Event, ReadSplit, train_population
from epochgraph.zoo.population import finished_runs, open_population, status, training_seconds
from epochgraph.zoo.recipe import Recipe, read_recipe, recipe_names
from epochgraph.zoo.resources import Resources


def train(
    recipe: str, data: list[str], out: Path, *, limit: int | None, resources: Resources, checkpoints: bool
) -> None:
    """Train what is missing, and tell how it goes."""
    made, text = read_recipe(recipe)
    open_population(out, made, text)
    todo = status(out, limit)
    total = len(todo.finished) + len(todo.missing)
    read = _reader(made, data)
    with progress_bar() as progress:
        _read_once(read, progress)
        task = progress.add_task(made.name, total=total * made.training.epochs)
        progress.advance(task, len(todo.finished) * made.training.epochs)
        events = train_population(out, read, limit=limit, resources=resources, checkpoints=checkpoints)
        watch = _Watch(progress, task, made, done=len(todo.finished), total=total)
        for event in events:
            watch.see(event)
    show(out, limit=limit, as_json=False)


def show(folder: Path, *, limit: int | None, as_json: bool) -> None:
    """Print how far a population is."""
    now = status(folder, limit)
    runs = finished_runs(folder, now)
    accuracies = sorted(run.final_accuracy() for run in runs)
    good = sum(accuracy >= now.recipe.threshold for accuracy in accuracies)
    seconds = sum(map(training_seconds, runs))
    document = {
        "recipe": now.recipe.name,
        "scale": now.recipe.scale,
        "runs": len(now.finished) + len(now.missing),
        "finished": len(now.finished),
        "failed": now.failed,
        "good": good,
        "threshold": now.recipe.threshold,
        "accuracies": accuracies,
        "mean_training_seconds": seconds / len(runs) if runs else None,
    }
    if as_json:
        print_json(document)
        return
    table = Table(f"{now.recipe.name} ({now.recipe.scale})", "", box=None, header_style="bold")
    table.add_row("finished", f"{len(now.finished)} of {document['runs']}")
    if runs:
        table.add_row("final accuracy", f"{accuracies[0]:.1%} to {accuracies[-1]:.1%}")
        table.add_row(f"at least {now.recipe.threshold:.0%}", f"{good} runs ({good / len(runs):.0%})")
        table.add_row("training", f"{seconds / len(runs):.0f} s a run")
    table.add_row("failed", str(len(now.failed)))
    console.print(table)
    for name, error in now.failed.items():
        console.print(f"  {name}: {error}", markup=False, highlight=False)


def export(folder: Path, out: Path, *, vectors_until: float, last_layer_at: Sequence[float]) -> None:
    """Write the finished runs as one file, and its datasheet."""
    exported = export_population(folder, out, vectors_until=vectors_until, last_layer_at=last_layer_at)
    console.print(
        f"{exported.runs} runs: {exported.data} ({exported.data.stat().st_size / 1e6:.1f} MB)",
        markup=False,
        highlight=False,
    )
    console.print(f"Datasheet: {exported.datasheet}", markup=False, highlight=False)


def import_(path: Path, out: Path) -> None:
    """Make the folder of a population from its file."""
    count = import_population(path, out)
    console.print(
        f"{count} runs written to {out / 'runs'}; `zoo train` goes on with the others.", markup=False, highlight=False
    )


def recipes(name: str | None) -> None:
    """Print the recipes of the package, or the text of one."""
    if name is not None:
        print(read_recipe(name)[1], end="")  # noqa: T201 - as it is, to be written to a file
        return
    table = Table("recipe", "scale", "runs", "epochs", "what", box=None, header_style="bold")
    for known in recipe_names():
        recipe, _ = read_recipe(known)
        about = " ".join(recipe.about.split())
        table.add_row(known, recipe.scale, str(len(recipe.settings())), str(recipe.training.epochs), about)
    console.print(table)


class _Watch:
    """Shows the events of a training as a bar, and as lines what went wrong."""

    def __init__(self, progress: Progress, task: TaskID, recipe: Recipe, *, done: int, total: int) -> None:
        self.progress = progress
        self.task = task
        self.recipe = recipe
        self.done = done
        self.total = total
        self.epochs: dict[str, float] = {}
        self._show()

    def see(self, event: Event) -> None:
        if event.error is not None:
            notes.print(f"run {event.run} failed: {event.error}", markup=False, highlight=False)
        reached = self.recipe.training.epochs if event.finished or event.error is not None else event.epoch
        self.progress.advance(self.task, max(0.0, reached - self.epochs.get(event.run, 0.0)))
        self.epochs[event.run] = max(reached, self.epochs.get(event.run, 0.0))
        self.done += event.finished
        self._show()
        if event.finished and not notes.is_terminal:
            notes.print(f"{self.done} of {self.total} runs", highlight=False)

    def _show(self) -> None:
        self.progress.update(self.task, description=f"{self.done} of {self.total} runs; epochs")


def _reader(recipe: Recipe, data: list[str]) -> ReadSplit:
    if data == [DIGITS]:
        return read_digits
    options = recipe.data
    return partial(
        read_images,
        *data,
        limit_per_class=options.images_per_class,
        held_out=options.held_out,
        validation_share=options.validation_share,
        cache=default_cache(),
    )


def _read_once(read: ReadSplit, progress: Progress) -> Split:
    """Read the images before any worker does, so that what is wrong with them is told at once."""
    if not isinstance(read, partial):
        return read()
    task = progress.add_task("reading images")
    split: Split = read(progress=lambda done, total: progress.update(task, completed=done, total=total))
    progress.remove_task(task)
    return split

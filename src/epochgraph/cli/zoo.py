"""`epochgraph zoo`: populations of trained networks."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID
from rich.table import Table

from epochgraph.cli.output import console, notes, print_json, progress_bar
from epochgraph.cli.wiring import imported
from epochgraph.errors import SettingError
from epochgraph.zoo import default_cache, read_digits, read_images
from epochgraph.zoo.datasets import DIGITS
from epochgraph.zoo.export import export_population, import_population
from epochgraph.zoo.pool import Event, ReadData, train_population
from epochgraph.zoo.population import finished_runs, finished_since, open_population, status, training_seconds
from epochgraph.zoo.recipe import Recipe, read_recipe, recipe_names
from epochgraph.zoo.resources import Resources
from epochgraph.zoo.sweeps.recipe import SweepRecipe
from epochgraph.zoo.sweeps.running import Seams
from epochgraph.zoo.sweeps.summary import sweep_table


@dataclass(frozen=True, slots=True)
class Own:
    """What the user adds to the tasks and architectures of the package, each as NAME=MODULE:FUNCTION."""

    tasks: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()


def train(
    recipe: str,
    data: list[str],
    out: Path,
    *,
    limit: int | None,
    resources: Resources,
    checkpoints: bool,
    own: Own,
) -> None:
    """Train what is missing, and show how it goes."""
    made, text = read_recipe(recipe)
    read = _sweeps_reader(made, data, own) if isinstance(made, SweepRecipe) else _reader(made, data)
    open_population(out, made, text)
    todo = status(out, limit)
    budgets = {settings.name: float(settings.epochs) for settings in made.settings()[:limit]}
    with progress_bar() as progress:
        _read_once(read, progress)
        task = progress.add_task(made.name, total=sum(budgets.values()))
        progress.advance(task, sum(budgets[name] for name in todo.finished))
        watch = _Watch(progress, task, budgets, done=len(todo.finished))
        events = train_population(out, read, limit=limit, resources=resources, checkpoints=checkpoints)
        with closing(events):  # its processes end at once, whatever happens here
            for event in events:
                watch.see(event)
    show(out, limit=limit, as_json=False)


def show(folder: Path, *, limit: int | None, as_json: bool) -> None:
    """Print how far a population is."""
    now = status(folder, limit)
    runs = finished_runs(folder, now)
    seconds = sum(map(training_seconds, runs))
    document: dict[str, Any] = {
        "recipe": now.recipe.name,
        "runs": len(now.finished) + len(now.missing),
        "finished": len(now.finished),
        "finished_in_the_last_hour": finished_since(folder, now, time.time() - 3600),
        "failed": now.failed,
        "mean_training_seconds": seconds / len(runs) if runs else None,
    }
    table = Table(now.recipe.name, "", box=None, header_style="bold")
    table.add_row("finished", f"{len(now.finished)} of {document['runs']}")
    table.add_row("in the last hour", f"{document['finished_in_the_last_hour']} runs")
    if isinstance(now.recipe, Recipe):
        accuracies = sorted(run.final_accuracy() for run in runs)
        threshold = now.recipe.threshold
        good = sum(accuracy >= threshold for accuracy in accuracies)
        document |= {"scale": now.recipe.scale, "good": good, "threshold": threshold, "accuracies": accuracies}
        if runs:
            table.add_row("final accuracy", f"{accuracies[0]:.1%} to {accuracies[-1]:.1%}")
            table.add_row(f"at least {threshold:.0%}", f"{good} runs ({good / len(runs):.0%})")
    elif runs:
        sweeps = sweep_table(runs)
        document["sweeps"] = sweeps.reset_index().to_dict("records")
        table.add_row("sweeps", f"{len(sweeps)} begun")
        table.add_row("diverged", f"{int(sweeps['diverged'].sum())} runs")
    if runs:
        table.add_row("training", f"{seconds / len(runs):.0f} s a run")
    table.add_row("failed", str(len(now.failed)))
    if as_json:
        print_json(document)
        return
    console.print(table)
    if "sweeps" in document:
        console.print(_sweeps(document["sweeps"]))
    for name, error in now.failed.items():
        console.print(f"  {name}: {error}", markup=False, highlight=False)


def _sweeps(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A row a sweep: what it trains, how many of its runs are done, and how they ended."""
    table = Table("sweep", "task", "architecture", "optimiser", "runs", "metric", "best", "median", box=None)
    for row in rows:
        ends = (f"{row['best']:.3g}", f"{row['median']:.3g}")
        names = [str(row[name]) for name in ("sweep", "task", "architecture", "optimizer", "runs", "metric")]
        table.add_row(*names, *ends)
    return table


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
        settings = recipe.settings()
        epochs = sorted({own.epochs for own in settings})
        budget = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
        scale = recipe.scale if isinstance(recipe, Recipe) else "sweeps"
        table.add_row(known, scale, str(len(settings)), budget, " ".join(recipe.about.split()))
    console.print(table)


class _Watch:
    """Shows the events of a training as a bar, and as lines what went wrong."""

    def __init__(self, progress: Progress, task: TaskID, budgets: Mapping[str, float], *, done: int) -> None:
        self.progress = progress
        self.task = task
        self.budgets = budgets
        self.done = done
        self.epochs: dict[str, float] = {}
        self._show()

    def see(self, event: Event) -> None:
        if event.error is not None:
            notes.print(f"run {event.run} failed: {event.error}", markup=False, highlight=False)
        reached = self.budgets[event.run] if event.finished or event.error is not None else event.epoch
        self.progress.advance(self.task, max(0.0, reached - self.epochs.get(event.run, 0.0)))
        self.epochs[event.run] = max(reached, self.epochs.get(event.run, 0.0))
        self.done += event.finished
        self._show()
        if event.finished and not notes.is_terminal:
            notes.print(f"{self.done} of {len(self.budgets)} runs", highlight=False)

    def _show(self) -> None:
        self.progress.update(self.task, description=f"{self.done} of {len(self.budgets)} runs; epochs")


def _reader(recipe: Recipe, data: list[str]) -> ReadData:
    if not data:
        raise SettingError("--data", None, f"the images of {recipe.data.name}: a folder, an archive, or `digits`")
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


def _sweeps_reader(recipe: SweepRecipe, data: list[str], own: Own) -> ReadData:
    if len(data) > 1:
        raise SettingError("--data", " ".join(data), "one folder, with the files of all tasks")
    seams = Seams(
        Path(data[0]) if data else None,
        _own("--task", own.tasks),
        _own("--architecture", own.architectures),
    )
    seams.check(recipe)
    return partial(_given, seams)


def _given(seams: Seams) -> Seams:
    return seams


def _own(option: str, given: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """What the user's own code adds, by name; worker processes find that code where the user stands, too."""
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


def _read_once(read: ReadData, progress: Progress) -> None:
    """Read the images before any worker does, so that what is wrong with them is seen at once."""
    if not isinstance(read, partial) or read.func is not read_images:
        read()
        return
    task = progress.add_task("reading images")
    read(progress=lambda done, total: progress.update(task, completed=done, total=total))
    progress.remove_task(task)

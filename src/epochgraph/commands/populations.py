"""`zoo train` and `zoo status`: a recipe and data -> a population of trained networks, and how far it is."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.progress import OnProgress, Progress, unwatched
from epochgraph.errors import SettingError
from epochgraph.runs import Run
from epochgraph.zoo import default_cache, read_digits, read_images
from epochgraph.zoo.datasets import DIGITS
from epochgraph.zoo.pool import Event, ReadData, train_population
from epochgraph.zoo.population import Status, finished_runs, finished_since, open_population, status, training_seconds
from epochgraph.zoo.recipe import Recipe, read_recipe
from epochgraph.zoo.resources import Resources
from epochgraph.zoo.sweeps.recipe import SweepRecipe
from epochgraph.zoo.sweeps.running import Seams
from epochgraph.zoo.sweeps.summary import sweep_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Tasks and architectures of the user's own, by their names in the recipe."""

    tasks: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    architectures: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


NOTHING = Own()


@dataclass(frozen=True, slots=True, repr=False)
class PopulationStatus(Shown):
    """How far a population is.

    Attributes:
        recipe: The name of its recipe.
        runs: How many runs the recipe has.
        finished: How many of them are finished.
        finished_in_the_last_hour: How many of these were finished within the last hour.
        failed: Why runs failed, by their names.
        mean_training_seconds: Of the finished runs; None if there are none.
        grid: Of a grid of settings: scale, number of good runs, threshold, final accuracies in rising order.
        sweeps: Of sweeps: a row for each that is begun.
        diverged: How many runs of sweeps diverged.
    """

    recipe: str
    runs: int
    finished: int
    finished_in_the_last_hour: int
    failed: Mapping[str, str]
    mean_training_seconds: float | None
    grid: Mapping[str, Any] = field(default_factory=dict)
    sweeps: Sequence[Mapping[str, Any]] | None = None
    diverged: int = 0

    def document(self) -> dict[str, Any]:
        """The status as a JSON document."""
        names = ("recipe", "runs", "finished", "finished_in_the_last_hour", "failed", "mean_training_seconds")
        common = {name: getattr(self, name) for name in names}
        return common | dict(self.grid) | ({} if self.sweeps is None else {"sweeps": list(self.sweeps)})

    def page(self) -> Sequence[Sheet | Line]:
        """The state, the sweeps, and what failed."""
        rows = [("finished", f"{self.finished} of {self.runs}")]
        rows += [("in the last hour", f"{self.finished_in_the_last_hour} runs"), *self._ends()]
        if self.mean_training_seconds is not None:
            rows.append(("training", f"{self.mean_training_seconds:.0f} s a run"))
        rows.append(("failed", str(len(self.failed))))
        sweeps = [] if self.sweeps is None else [_sweeps(self.sweeps)]
        return [Sheet((self.recipe, ""), rows), *sweeps, *(Line(f"  {name}: {e}") for name, e in self.failed.items())]

    def _ends(self) -> list[tuple[str, str]]:
        """How the finished runs ended."""
        if self.sweeps is not None:
            return [("sweeps", f"{len(self.sweeps)} begun"), ("diverged", f"{self.diverged} runs")]
        if not self.grid or not self.grid["accuracies"]:
            return []
        accuracies, good, threshold = (self.grid[name] for name in ("accuracies", "good", "threshold"))
        return [
            ("final accuracy", f"{accuracies[0]:.1%} to {accuracies[-1]:.1%}"),
            (f"at least {threshold:.0%}", f"{good} runs ({good / len(accuracies):.0%})"),
        ]


def population_status(folder: str | os.PathLike[str], limit: int | None = None) -> PopulationStatus:
    """How far a population is, how its runs ended, and which failed.

    Args:
        folder: The folder of the population.
        limit: Look only at so many of the recipe's runs.

    Raises:
        EpochgraphError: The folder holds no population, or one of its files cannot be read.
    """
    folder = Path(folder)
    now = status(folder, limit)
    runs = finished_runs(folder, now)
    sweeps = None if isinstance(now.recipe, Recipe) or not runs else sweep_table(runs)
    return PopulationStatus(
        now.recipe.name,
        len(now.finished) + len(now.missing),
        len(now.finished),
        finished_since(folder, now, time.time() - 3600),
        now.failed,
        sum(map(training_seconds, runs)) / len(runs) if runs else None,
        _grid(now, runs),
        None
        if sweeps is None
        else [{str(name): value for name, value in row.items()} for row in sweeps.reset_index().to_dict("records")],
        0 if sweeps is None else int(sweeps["diverged"].sum()),
    )


def _grid(now: Status, runs: Sequence[Run]) -> dict[str, Any]:
    if not isinstance(now.recipe, Recipe):
        return {}
    accuracies = sorted(run.final_accuracy() for run in runs)
    threshold = now.recipe.threshold
    good = sum(accuracy >= threshold for accuracy in accuracies)
    return {"scale": now.recipe.scale, "good": good, "threshold": threshold, "accuracies": accuracies}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.reset_index().to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _sweeps(rows: Sequence[Mapping[str, Any]]) -> Sheet:
    """A row a sweep: what it trains, how many of its runs are done, and how they ended."""
    names = ("sweep", "task", "architecture", "optimizer", "runs", "metric")
    cells = [(*(str(row[name]) for name in names), f"{row['best']:.3g}", f"{row['median']:.3g}") for row in rows]
    return Sheet(("sweep", "task", "architecture", "optimiser", "runs", "metric", "best", "median"), cells)


def train_recipe(
    recipe: str,
    out: str | os.PathLike[str],
    *,
    data: Sequence[str] = (),
    limit: int | None = None,
    resources: Resources,
    checkpoints: bool = False,
    own: Own = NOTHING,
    progress: OnProgress = unwatched,
) -> PopulationStatus:
    """Train the runs of a population that are missing.

    Each finished run is written at once. Interrupted or killed at any moment, the same call resumes where it stopped.

    Args:
        recipe: A recipe's file, or the name of one that comes with the package.
        out: Folder of the population.
        data: The images: folders, archives or files that make one data set, or `digits`; for sweeps, the folder with
            the files of all tasks.
        limit: Train only so many of the recipe's runs.
        resources: What to train with (see `usable_resources`).
        checkpoints: Keep all weights of every snapshot, too.
        own: Tasks and architectures of your own, for sweeps.
        progress: Called with a `Progress` whenever an epoch or a run is done; its note says why a run failed.

    Returns:
        How far the population is then.

    Raises:
        SettingError: The data are missing, or not those that the recipe needs.
        ZooError: The folder holds another population.
    """
    out, (made, text) = Path(out), read_recipe(recipe)
    read = _sweeps_reader(made, data, own) if isinstance(made, SweepRecipe) else _reader(made, data)
    open_population(out, made, text)
    todo = status(out, limit)
    budgets = {settings.name: float(settings.epochs) for settings in made.settings()[:limit]}
    _read_once(read, progress)
    training = _Training(budgets, set(todo.finished), progress)
    events = train_population(out, read, limit=limit, resources=resources, checkpoints=checkpoints)
    with closing(events):  # its processes end at once, whatever happens here
        for event in events:
            training.see(event)
    return population_status(out, limit)


class _Training:
    """Reports the progress of a training: the epochs of all runs, and the finished runs."""

    def __init__(self, budgets: Mapping[str, float], finished: set[str], progress: OnProgress) -> None:
        self.budgets = budgets
        self.progress = progress
        self.done = len(finished)
        self.epochs = {name: budgets[name] for name in finished}
        self._tell("")

    def see(self, event: Event) -> None:
        """Count an event."""
        reached = self.budgets[event.run] if event.finished or event.error is not None else event.epoch
        self.epochs[event.run] = max(reached, self.epochs.get(event.run, 0.0))
        self.done += event.finished
        self._tell("" if event.error is None else f"run {event.run} failed: {event.error}")
        if event.finished:
            self.progress(Progress("runs", f"{self.done} of {len(self.budgets)} runs", self.done, len(self.budgets)))

    def _tell(self, note: str) -> None:
        name = f"{self.done} of {len(self.budgets)} runs; epochs"
        done, total = sum(self.epochs.values()), sum(self.budgets.values())
        self.progress(Progress("epochs", name, int(done), int(total), note))


def _reader(recipe: Recipe, data: Sequence[str]) -> ReadData:
    if not data:
        raise SettingError("--data", None, f"the images of {recipe.data.name}: a folder, an archive, or `digits`")
    if list(data) == [DIGITS]:
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


def _sweeps_reader(recipe: SweepRecipe, data: Sequence[str], own: Own) -> ReadData:
    if len(data) > 1:
        raise SettingError("--data", " ".join(data), "one folder, with the files of all tasks")
    seams = Seams(Path(data[0]) if data else None, own.tasks, own.architectures)
    seams.check(recipe)
    return partial(_given, seams)


def _given(seams: Seams) -> Seams:
    return seams


def _read_once(read: ReadData, progress: OnProgress) -> None:
    """Read the images before any worker does, so that errors in them are found at once."""
    if not isinstance(read, partial) or read.func is not read_images:
        read()
        return
    name = "reading images"
    read(progress=lambda done, total: progress(Progress("images", name, done, total)))
    progress(Progress("images", name, 1, 1))

"""One run of a sweep, from settings to what is stored of it."""

import functools
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from epochgraph.errors import SettingError, ZooError
from epochgraph.extraction import Extraction
from epochgraph.files import atomic_write
from epochgraph.runs import Run, Setting
from epochgraph.topology import trace
from epochgraph.zoo.architectures.choices import Build, Choices
from epochgraph.zoo.architectures.families import FAMILIES
from epochgraph.zoo.architectures.initialization import initialize
from epochgraph.zoo.randomness import Stream, generator, global_randomness
from epochgraph.zoo.sweeps.dynamics import Dynamics
from epochgraph.zoo.sweeps.recipe import RunSettings, SweepRecipe
from epochgraph.zoo.sweeps.recording import FEATURES, SweepRecorder
from epochgraph.zoo.tasks import TASKS, Reader
from epochgraph.zoo.tasks.changes import noisy, subsampled
from epochgraph.zoo.tasks.task import Form, Task
from epochgraph.zoo.training import Report, Training

EXTRACTION = Extraction(
    measures=tuple(measure.__name__ for measure in FEATURES.of_nodes), scopes=FEATURES.scopes, change=FEATURES.change
)
"""How the signatures of sweeps are taken, as it is stored with them."""

PROBE = 64
"""Validation examples that the units of a network are looked at with."""

DIGESTS = "tasks.json"
"""Of a population's folder: the digest of each task that its runs were trained on."""


@dataclass(frozen=True, slots=True)
class Seams:
    """What a population of sweeps is made from: tasks and architectures by the names that its recipe gives them.

    A worker process gets it by pickle, so what a user adds must be importable there: functions of a module, no lambdas.

    Attributes:
        data: The folder of the data files; None where all tasks come without one.
        tasks: Tasks of the user's own, beside `TASKS`.
        architectures: Functions of the user's own that build a network, beside `FAMILIES`.
    """

    data: Path | None = None
    tasks: Mapping[str, Reader] = field(default_factory=dict)
    architectures: Mapping[str, Build] = field(default_factory=dict)

    def check(self, recipe: SweepRecipe) -> None:
        """See that everything that a recipe names is here, before anything is trained.

        Raises:
            SettingError: It names a task or an architecture that is not.
        """
        for family in recipe.families:
            for what, names, known in (
                ("task", family.tasks, {**TASKS, **self.tasks}),
                ("architecture", family.architectures, {**FAMILIES, **self.architectures}),
            ):
                for name in names:
                    if name not in known:
                        expected = f"one of {', '.join(known)}, or your own, given as `--{what} {name}=MODULE:NAME`"
                        raise SettingError(f"{what} of family {family.name!r}", name, expected)

    def task(self, name: str) -> Task:
        """The task of a name; its files are read once a process.

        Raises:
            EpochgraphError: Its files are missing or damaged.
        """
        return _task(self._reader(name), self.data)

    def digest(self, name: str) -> str:
        """The digest of a task's examples."""
        return _digest(self._reader(name), self.data)

    def built(self, name: str, form: Form, choices: Choices) -> nn.Module:
        """A network of an architecture, with weights from torch's global random numbers.

        Raises:
            SettingError: It cannot be built for such a task, or with these choices.
        """
        own = self.architectures.get(name)
        return own(form, choices) if own else FAMILIES[name].build(form, choices)

    def _reader(self, name: str) -> Reader:
        return self.tasks.get(name) or TASKS[name]


@functools.lru_cache(maxsize=4)
def _task(reader: Reader, data: Path | None) -> Task:
    return reader(data)


@functools.lru_cache(maxsize=64)
def _digest(reader: Reader, data: Path | None) -> str:
    return _task(reader, data).digest()


class WatchedRun:
    """One run of a sweep that is trained and recorded in one go: it is short, so a kill costs the run alone.

    Args:
        recipe: What the population is made of.
        seams: Where its task and architecture are taken from.
        settings: Of the run.
        folder: Of the population: it notes what each task was, and takes no run of another.

    Raises:
        ZooError: The task's examples are not those of the population's other runs.
        EpochgraphError: The task cannot be read, or the network not be built for it.
    """

    def __init__(self, recipe: SweepRecipe, seams: Seams, settings: RunSettings, folder: Path) -> None:
        begin = time.process_time()
        self.recipe = recipe
        self.settings = settings
        self.names = (settings.name,)
        task = seams.task(settings.task)
        _check(folder, settings.task, seams.digest(settings.task))
        self.task = altered(task, settings)
        self.model = built(seams, self.task.form, settings)
        self.models = [self.model]
        probe = self.task.prepared(self.task.validation.inputs[:PROBE])
        traced = time.process_time()
        self.topology = trace(self.model, probe[:2])
        self.spent = {"core_seconds_prepare": traced - begin, "core_seconds_trace": time.process_time() - traced}
        self.recorder = SweepRecorder(self.topology, Dynamics(probe))
        follow = self.recorder.dynamics.before_step
        self.training = Training(self.model, self.task, settings.plan, looks=settings.looks, before_step=follow)
        self.rows: list[dict[str, float]] = []

    def epochs(self) -> Iterator[float]:
        """Train, and record every snapshot before its epoch is yielded."""
        for report in self.training.reports():
            row = metric_row(report, self.task)
            row["core_seconds_snapshot"] = self.recorder.observe(self.model, report.epoch)
            if not self.rows:
                row |= self.spent
            self.rows.append(row)
            yield report.epoch

    def runs(self) -> Iterator[Run]:
        """The run, once it is done."""
        metrics = pd.DataFrame(self.rows, dtype=np.float64).set_index("epoch")
        yield Run(self.settings.name, self.recorder.signature(), metrics, self._stored())

    def _stored(self) -> dict[str, Setting]:
        form = self.task.form
        return {
            "recipe": self.recipe.name,
            **self.settings.stored(),
            "data": self.task.name,
            "kind": form.kind,
            "metric": self.task.target,
            "direction": self.task.direction,
            "outputs": math.prod(form.outputs),
            "train_examples": len(self.task.train),
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "nodes": sum(part.size for part in self.topology.parts),
            "coverage": self.topology.coverage.share,
            **EXTRACTION.settings(),
        }


def altered(task: Task, settings: RunSettings) -> Task:
    """The task with less data and noisier labels, as the settings want it."""
    if settings.data_share < 1:
        task = subsampled(task, settings.data_share, settings.plan.seed, least=settings.plan.batch_size)
    if settings.label_noise:
        task = noisy(task, settings.label_noise, settings.plan.seed)
    return task


def built(seams: Seams, form: Form, settings: RunSettings) -> nn.Module:
    """The network of a run, with initial weights that only its seed decides on; global random numbers stay as they are.

    Raises:
        SettingError: The architecture cannot be built for the task.
    """
    with global_randomness(generator(settings.plan.seed, Stream.WEIGHTS)):
        model = seams.built(settings.architecture, form, settings.choices)
        initialize(model, settings.initialization)
    return model.eval()


def metric_row(report: Report, task: Task) -> dict[str, float]:
    """A report as columns of metrics: losses, the task's metric where it has one, and how far the run is."""
    row = {"epoch": report.epoch, "steps": float(report.steps)}
    for name, scores in (("train", report.train), ("validation", report.validation), ("test", report.test)):
        row[f"{name}_loss"] = scores.loss
        if task.metric is not None:
            row[f"{name}_{task.metric.name}"] = scores.metric
    return row | {
        "train_loss_since_last": report.since_last,
        "learning_rate": report.learning_rate,
        "seconds": report.seconds,
        "core_seconds": report.core_seconds,
    }


def _check(folder: Path, name: str, digest: str) -> None:
    """See that a population is of these examples; the first run of a task says what they are."""
    path = folder / DIGESTS
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        known = {}
    if known.get(name, digest) != digest:
        found = f"its runs of task {name!r} are of other examples (digest {known[name]}, not {digest})"
        raise ZooError(folder, found, "Give the same files, or these a folder of their own.")
    if name not in known:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps({**known, name: digest}, indent=1), "utf-8")

"""Runs of a population, from settings to files; interrupted at any moment, they resume from their last whole epoch."""

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save
from torch import nn

from epochgraph.errors import SettingError
from epochgraph.extraction import Extraction
from epochgraph.files import atomic_write, left_behind
from epochgraph.measures import STANDARD
from epochgraph.runs import Run, Setting, write_run
from epochgraph.topology import trace
from epochgraph.zoo.datasets import Split
from epochgraph.zoo.ensemble import Ensemble
from epochgraph.zoo.recipe import Recipe
from epochgraph.zoo.recording import PLAIN, Recorder
from epochgraph.zoo.settings import EpochReport, TrainingSettings
from epochgraph.zoo.sweeps.recipe import RunSettings, SweepRecipe
from epochgraph.zoo.sweeps.running import Seams, WatchedRun
from epochgraph.zoo.trainer import Training, build

SAVE_EVERY = 30.0
"""Seconds between saved states of runs in progress: the most that a kill costs, besides the current epoch."""

PATIENCE = 5
"""Epochs without a better validation loss after which training would have stopped early, as in the paper."""

EXTRACTION = Extraction(
    measures=tuple(measure.__name__ for measure in STANDARD), scopes=PLAIN.scopes, change=PLAIN.change
)

RUNS, FAILED, PARTIAL, CHECKPOINTS = "runs", "failed", "partial", "checkpoints"
"""The folders of a population."""

AnyRecipe = Recipe | SweepRecipe
Settings = TrainingSettings | RunSettings
Data = Split | Seams

Advance = Callable[[str, float], None]
"""Called with the name of a run and the epoch that it has reached."""


@dataclass(frozen=True, slots=True)
class PopulationFolder:
    """Where the files of a population are: one folder for each kind, with one file per run.

    Attributes:
        folder: The folder of the population.
    """

    folder: Path

    def run(self, name: str) -> Path:
        """A finished run."""
        return self.folder / RUNS / f"{name}.parquet"

    def failure(self, name: str) -> Path:
        """The failure of a run."""
        return self.folder / FAILED / f"{name}.json"

    def state(self, name: str) -> Path:
        """The state of runs in progress side by side, by the name of the first."""
        return self.folder / PARTIAL / f"{name}.pt"

    def states(self) -> list[Path]:
        """All runs in progress."""
        return sorted((self.folder / PARTIAL).glob("[!.]*.pt"))

    def checkpoint(self, name: str, epoch: float) -> Path:
        """The checkpoint of a snapshot."""
        return self.folder / CHECKPOINTS / name / f"epoch_{epoch:g}.safetensors"

    def sweep(self) -> None:
        """Remove what processes were writing when they were killed."""
        for kind in (RUNS, FAILED, PARTIAL, CHECKPOINTS):
            for path in left_behind(self.folder / kind):
                path.unlink(missing_ok=True)


def run_settings(recipe: Recipe, settings: TrainingSettings) -> dict[str, Setting]:
    """The settings that are stored with a run."""
    about: dict[str, Setting] = {
        "recipe": recipe.name,
        "scale": recipe.scale,
        "architecture": recipe.architecture,
        "data": recipe.data.name,
        "threshold": recipe.threshold,
    }
    return about | asdict(settings) | EXTRACTION.settings()


def train_runs(
    recipe: AnyRecipe,
    data: Data,
    settings: Sequence[Settings],
    places: PopulationFolder,
    *,
    advance: Advance,
    device: str = "cpu",
    checkpoints: bool = False,
    save_every: float = SAVE_EVERY,
) -> list[str]:
    """Train one network, or several side by side, record their snapshots, and write the runs when all are done.

    One network on the CPU is trained by `Training`; several, or on a GPU, by `Ensemble`.

    Args:
        recipe: What the population is made of.
        data: The images of a grid, or where the tasks of sweeps are read from.
        settings: The settings of each run, in a group that may be trained side by side.
        places: Where to write; a saved state is resumed, and a finished run stays.
        advance: Called with every epoch that is reached.
        device: Where to train.
        checkpoints: Whether to keep all weights of every snapshot.
        save_every: Seconds between two saved states.

    Returns:
        The names of the runs that were written.

    Raises:
        OutputError: A file cannot be written.
        SettingError: The networks cannot be built for the images, or cannot be trained side by side.
    """
    watched = _watched(recipe, data, settings, places, device)
    state = places.state(watched.names[0])
    saved = time.monotonic()
    for epoch in watched.epochs():
        for name, model in zip(watched.names, watched.models, strict=True) if checkpoints else ():
            with atomic_write(places.checkpoint(name, epoch)) as path:
                path.write_bytes(save(model.state_dict()))
        if (
            isinstance(watched, _Watched) and epoch >= 1 and time.monotonic() - saved >= save_every
        ):  # within the first epoch, they start again
            with atomic_write(state) as path:
                path.write_bytes(watched.state())
            saved = time.monotonic()
        for name in watched.names:
            advance(name, epoch)
    missing = [run for run in watched.runs() if not places.run(run.name).exists()]
    for run in missing:
        write_run(run, places.run(run.name))
        places.failure(run.name).unlink(missing_ok=True)
    state.unlink(missing_ok=True)
    return [run.name for run in missing]


def saved_runs(state: Path, device: str) -> tuple[str, ...]:
    """The names of the runs whose state a file holds; none if it is unreadable, or from another kind of device."""
    try:
        document = torch.load(state, weights_only=True, mmap=True)
        return tuple(document["runs"]) if _kind(document["device"]) == _kind(device) else ()
    except Exception:  # whatever is wrong with the file, its runs can be trained again
        return ()


def _kind(device: str) -> str:
    """The kind of a device: cuda:1 is cuda."""
    return device.partition(":")[0]


def early_stopping_epoch(validation_losses: pd.Series, patience: int = PATIENCE) -> float:
    """The epoch after which early stopping would have ended the run.

    Args:
        validation_losses: One per whole epoch, indexed by the epoch; NaN once the run has diverged.
        patience: The number of epochs without a new lowest loss after which to stop.

    Returns:
        The first epoch after so many; the last epoch if there is none.
    """
    best, waited = math.inf, 0
    for epoch, loss in zip(validation_losses.index.tolist(), validation_losses.tolist(), strict=True):
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == patience:
            return float(epoch)
    return float(validation_losses.index[-1])


class _Watched:
    """Training runs side by side, and the recorders of their snapshots."""

    def __init__(self, recipe: Recipe, split: Split, settings: Sequence[TrainingSettings], device: str) -> None:
        self.recipe = recipe
        self.split = split
        self.settings = tuple(settings)
        self.device = device
        self.names = tuple(own.name for own in settings)
        self.models = self.new()
        shape = (split.train.channels, split.train.image_size, split.train.image_size)
        topology = trace(self.models[0], torch.zeros(1, *shape))
        self.training = self._training(recipe.snapshots.fractions)
        until = recipe.snapshots.node_values_until
        self.recorders = [Recorder(topology, shape, node_values_until=until) for _ in settings]
        self.rows: list[list[dict[str, float]]] = [[] for _ in settings]

    def new(self) -> list[nn.Module]:
        """The networks before their first step."""
        return [build(self.recipe.network, self.split, own).eval() for own in self.settings]

    def epochs(self) -> Iterator[float]:
        """Continue training, and record every snapshot before its epoch is reported."""
        for found in self.training.reports():
            reports = [found] if isinstance(found, EpochReport) else found
            for model, report, recorder, rows in zip(self.models, reports, self.recorders, self.rows, strict=True):
                rows.append(asdict(report) | recorder.observe(model, report.epoch))
            yield reports[0].epoch

    def state(self) -> bytes:
        """What determines the rest of the runs, and what has been recorded of them."""
        content = io.BytesIO()
        document = {
            "runs": self.names,
            "device": self.device,
            "training": self.training.state(),
            "recorders": [recorder.state() for recorder in self.recorders],
            "rows": self.rows,
        }
        torch.save(document, content)
        return content.getvalue()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        if (tuple(state["runs"]), _kind(state["device"])) != (self.names, _kind(self.device)):
            raise ValueError("It is the state of other runs.")
        self.training.restore(state["training"])
        kept = zip(self.recorders, state["recorders"], self.new(), self.models, strict=True)
        for recorder, own, initial, now in kept:
            recorder.restore(own, initial=initial, now=now)
        self.rows = [list(rows) for rows in state["rows"]]

    def runs(self) -> Iterator[Run]:
        """The runs, once they are done."""
        for name, own, recorder, rows in zip(self.names, self.settings, self.recorders, self.rows, strict=True):
            metrics = pd.DataFrame(rows, dtype=np.float64).set_index("epoch")
            whole = metrics.index[(metrics.index > 0) & (metrics.index % 1 == 0)]
            stop = early_stopping_epoch(metrics.loc[whole, "validation_loss"])
            metrics["stopped_early"] = (metrics.index >= stop).astype(np.float64)
            yield Run(name, recorder.signature(), metrics, run_settings(self.recipe, own), recorder.recordings())

    def _training(self, fractions: Sequence[float]) -> Training | Ensemble:
        if len(self.models) == 1 and self.device == "cpu":
            return Training(self.models[0], self.split, self.settings[0], fractions=fractions)
        return Ensemble(self.models, self.split, self.settings, fractions=fractions, device=self.device)


def _watched(
    recipe: AnyRecipe, data: Data, settings: Sequence[Settings], places: PopulationFolder, device: str
) -> "_Watched | WatchedRun":
    """The runs of a grid side by side, as they were saved; or one run of a sweep."""
    if isinstance(recipe, SweepRecipe) and isinstance(data, Seams):
        if device != "cpu":
            raise SettingError("device", device, "cpu: the runs of sweeps are trained one by one")
        (own,) = [own for own in settings if isinstance(own, RunSettings)]
        return WatchedRun(recipe, data, own, places.folder)
    if isinstance(recipe, SweepRecipe) or isinstance(data, Seams):
        raise SettingError("data", type(data).__name__, f"what recipe {recipe.name!r} is trained on")
    return _taken_up(recipe, data, [own for own in settings if isinstance(own, TrainingSettings)], places, device)


def _taken_up(
    recipe: Recipe, split: Split, settings: Sequence[TrainingSettings], places: PopulationFolder, device: str
) -> _Watched:
    """The runs as they were saved, if there is a matching state; otherwise at their start."""
    watched = _Watched(recipe, split, settings, device)
    path = places.state(watched.names[0])
    try:
        watched.restore(torch.load(path, weights_only=True))
    except FileNotFoundError:
        return watched
    except Exception:  # whatever is wrong with the file, the runs can be trained again
        path.unlink(missing_ok=True)
        return _Watched(recipe, split, settings, device)
    return watched

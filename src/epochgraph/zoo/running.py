"""One run of a population, from its settings to its file; left at any moment, it goes on from its last whole epoch."""

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save
from torch import nn

from epochgraph.extraction import Extraction
from epochgraph.files import atomic_write
from epochgraph.measures import STANDARD
from epochgraph.runs import Run, Setting, write_run
from epochgraph.topology import trace
from epochgraph.zoo.datasets import Split
from epochgraph.zoo.recipe import Recipe
from epochgraph.zoo.recording import PLAIN, Recorder
from epochgraph.zoo.settings import EpochReport, TrainingSettings
from epochgraph.zoo.trainer import Training, build

SAVE_EVERY = 30.0
"""Seconds after which the state of a run in progress is saved: what a kill costs at most, but for the epoch itself."""

PATIENCE = 5
"""Epochs without a better validation loss after which training would have stopped early; the paper's."""

EXTRACTION = Extraction(
    measures=tuple(measure.__name__ for measure in STANDARD), scopes=PLAIN.scopes, change=PLAIN.change
)

Advance = Callable[[float], None]
"""Told the epoch that a run has reached."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a population lie: a folder a kind, a file a run.

    Attributes:
        folder: The folder of the population.
    """

    folder: Path

    def run(self, name: str) -> Path:
        """A finished run."""
        return self.folder / "runs" / f"{name}.parquet"

    def failure(self, name: str) -> Path:
        """What went wrong with a run."""
        return self.folder / "failed" / f"{name}.json"

    def state(self, name: str) -> Path:
        """A run in progress."""
        return self.folder / "partial" / f"{name}.pt"

    def checkpoint(self, name: str, epoch: float) -> Path:
        """All weights of a snapshot."""
        return self.folder / "checkpoints" / name / f"epoch_{epoch:g}.safetensors"


def run_name(settings: TrainingSettings) -> str:
    """The name of a run: its place in the grid, and what it varies."""
    return f"{settings.seed:04d}-lr{settings.learning_rate:g}-dropout{settings.dropout:g}-width{settings.width:g}"


def run_settings(recipe: Recipe, settings: TrainingSettings) -> dict[str, Setting]:
    """What is stored of how a run was made."""
    about: dict[str, Setting] = {
        "recipe": recipe.name,
        "scale": recipe.scale,
        "architecture": recipe.architecture,
        "data": recipe.data.name,
        "threshold": recipe.threshold,
    }
    return about | asdict(settings) | EXTRACTION.settings()


def train_run(
    recipe: Recipe,
    split: Split,
    settings: TrainingSettings,
    places: Places,
    *,
    advance: Advance,
    checkpoints: bool = False,
    save_every: float = SAVE_EVERY,
) -> None:
    """Train one network, record its snapshots, and write the run when it is done.

    Args:
        recipe: What the population is made of.
        split: The images.
        settings: Of this run.
        places: Where to write; a state that lies there is gone on from.
        advance: Told every epoch that is reached.
        checkpoints: Whether to keep all weights of every snapshot.
        save_every: Seconds between two saved states.

    Raises:
        OutputError: A file cannot be written.
        SettingError: The network cannot be built for the images.
    """
    name = run_name(settings)
    watched = _taken_up(recipe, split, settings, places.state(name))
    saved = time.monotonic()
    for report in watched.reports():
        if checkpoints:
            with atomic_write(places.checkpoint(name, report.epoch)) as path:
                path.write_bytes(save(watched.model.state_dict()))
        if report.epoch >= 1 and time.monotonic() - saved >= save_every:  # within the first, it starts anew
            with atomic_write(places.state(name)) as path:
                path.write_bytes(watched.state())
            saved = time.monotonic()
        advance(report.epoch)
    write_run(watched.run(name), places.run(name))
    places.state(name).unlink(missing_ok=True)
    places.failure(name).unlink(missing_ok=True)


def early_stopping_epoch(validation_losses: pd.Series, patience: int = PATIENCE) -> float:
    """The epoch after which early stopping would have ended the run.

    Args:
        validation_losses: One a whole epoch, indexed by the epoch; NaN once the run has diverged.
        patience: Epochs without a loss lower than all before, after which to stop.

    Returns:
        The first epoch that ends so many; the last epoch if there is none.
    """
    best, waited = math.inf, 0
    for epoch, loss in zip(validation_losses.index.tolist(), validation_losses.tolist(), strict=True):
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == patience:
            return float(epoch)
    return float(validation_losses.index[-1])


class _Watched:
    """A training run and the recorder of its snapshots."""

    def __init__(self, recipe: Recipe, split: Split, settings: TrainingSettings) -> None:
        self.recipe = recipe
        self.split = split
        self.settings = settings
        self.model = self.new()
        shape = (split.train.channels, split.train.image_size, split.train.image_size)
        topology = trace(self.model, torch.zeros(1, *shape))
        self.training = Training(self.model, split, settings, fractions=recipe.snapshots.fractions)
        self.recorder = Recorder(topology, shape, node_values_until=recipe.snapshots.node_values_until)
        self.rows: list[dict[str, float]] = []

    def new(self) -> nn.Module:
        """The network before its first step."""
        return build(self.recipe.network, self.split, self.settings).eval()

    def reports(self) -> Iterator[EpochReport]:
        """Train on, and record every snapshot before it is reported."""
        for report in self.training.reports():
            seconds = self.recorder.observe(self.model, report.epoch)
            self.rows.append(asdict(report) | seconds)
            yield report

    def state(self) -> bytes:
        """What decides on the rest of the run, and what has been recorded of it."""
        content = io.BytesIO()
        document = {"training": self.training.state(), "recorder": self.recorder.state(), "rows": self.rows}
        torch.save(document, content)
        return content.getvalue()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.training.restore(state["training"])
        self.recorder.restore(state["recorder"], initial=self.new(), now=self.model)
        self.rows = list(state["rows"])

    def run(self, name: str) -> Run:
        metrics = pd.DataFrame(self.rows, dtype=np.float64).set_index("epoch")
        whole = metrics.index[(metrics.index > 0) & (metrics.index % 1 == 0)]
        stop = early_stopping_epoch(metrics.loc[whole, "validation_loss"])
        metrics["stopped_early"] = (metrics.index >= stop).astype(np.float64)
        settings = run_settings(self.recipe, self.settings)
        return Run(name, self.recorder.signature(), metrics, settings, self.recorder.recordings())


def _taken_up(recipe: Recipe, split: Split, settings: TrainingSettings, path: Path) -> _Watched:
    """The run as it was saved, if there is a state that fits it; otherwise at its start, with nothing of the state."""
    watched = _Watched(recipe, split, settings)
    try:
        watched.restore(torch.load(path, weights_only=True))
    except FileNotFoundError:
        return watched
    except Exception:  # whatever is wrong with the file, the run can be trained anew
        path.unlink(missing_ok=True)
        return _Watched(recipe, split, settings)
    return watched

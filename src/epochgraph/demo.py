"""The whole way on real images: train a population, watch its graphs, tell the ends from the beginnings."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import KFold, cross_val_predict

from epochgraph.errors import EpochgraphError, SettingError
from epochgraph.evaluation import Protocol, cross_validated
from epochgraph.extraction import Extraction
from epochgraph.measures import STANDARD
from epochgraph.monitor import Monitor
from epochgraph.predictors import SignatureRegressor, feature_table, standard_candidates
from epochgraph.report.population import Outlook, population_picture, quantile_metrics
from epochgraph.runs import Run, Setting, read_stored_run, write_run
from epochgraph.topology import trace
from epochgraph.zoo import (
    Architecture,
    DigitsNet,
    LeNet,
    Split,
    TrainingSettings,
    build,
    read_digits,
    read_images,
    train,
)

EXTRACTION = Extraction(scopes=("graph", "part"), change=("initial",))
"""The paper's signature, the same for each part, and how the graph has changed since the start."""


@dataclass(frozen=True, slots=True)
class Population:
    """What the demo trains, and what it counts as a good end.

    Attributes:
        name: What it is called.
        architecture: The network.
        split: The images.
        settings: One for each run.
        threshold: The final test accuracy from which on a run is good.
        epochs: The epochs after which its end is to be told.
    """

    name: str
    architecture: Architecture
    split: Split
    settings: tuple[TrainingSettings, ...]
    threshold: float
    epochs: tuple[float, ...] = (1, 2, 3)


def digits_population(*, runs: int, epochs: int) -> Population:
    """Small convolutional networks on scikit-learn's handwritten digits, which need no file."""
    settings = _grid(runs, epochs, rates=np.geomspace(1e-3, 0.6, 10), batch_size=32, flip=False, crop_padding=1)
    return Population("handwritten digits", DigitsNet, read_digits(), settings, threshold=0.8)


def images_population(path: Path, *, runs: int, epochs: int, images_per_class: int = 250) -> Population:
    """LeNets on some of the images of a folder or archive with one folder a class.

    Raises:
        UnreadableFileError: As `read_images`.
    """
    split = read_images(path, limit_per_class=images_per_class)
    settings = _grid(runs, epochs, rates=np.geomspace(5e-4, 0.2, 10), batch_size=64)
    chance = 1 / len(split.train.classes)
    return Population(path.name, LeNet, split, settings, threshold=2.5 * chance)


def _grid(runs: int, epochs: int, *, rates: np.ndarray, **options: float | bool) -> tuple[TrainingSettings, ...]:
    """As many settings as asked for, spread evenly over learning rates and dropout, each with a seed of its own."""
    dropouts = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    points = list(product(rates.tolist(), dropouts))
    chosen = [points[round(n * (len(points) - 1) / max(1, runs - 1))] for n in range(runs)]
    return tuple(
        TrainingSettings(learning_rate=float(f"{rate:.2g}"), dropout=dropout, epochs=epochs, seed=seed, **options)  # type: ignore[arg-type]
        for seed, (rate, dropout) in enumerate(chosen)
    )


def trained_runs(population: Population, folder: Path, *, workers: int) -> Iterator[Run]:
    """Train every run of a population, in processes of one core each, and yield each as it is done.

    A finished run is written to `folder` at once, and read from there if it is asked for again: an interrupted demo
    goes on where it was.

    Raises:
        OutputError: The folder cannot be written.
    """
    paths = {settings: folder / f"{_name(settings)}.parquet" for settings in population.settings}
    missing = []
    for settings, path in paths.items():
        run = _finished(path, settings)
        if run is None:
            missing.append(settings)
        else:
            yield run
    if missing:
        yield from _trained(population, missing, paths, workers=min(workers, len(missing)))


def _trained(
    population: Population, missing: Sequence[TrainingSettings], paths: dict[TrainingSettings, Path], *, workers: int
) -> Iterator[Run]:
    spawn = multiprocessing.get_context("spawn")  # a forked process would inherit torch's threads in a broken state
    pool = ProcessPoolExecutor(workers, spawn, initializer=_prepare, initargs=(population,))
    try:
        futures = [pool.submit(_train_one, settings, paths[settings]) for settings in missing]
        for future in as_completed(futures):
            yield read_stored_run(future.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_populations: list[Population] = []
"""In a worker process, the population that its runs belong to: sent once, not with every run."""


def _prepare(population: Population) -> None:
    torch.set_num_threads(1)
    _populations.append(population)


def _train_one(settings: TrainingSettings, path: Path) -> Path:
    write_run(trained_run(_populations[-1], settings), path)
    return path


def trained_run(population: Population, settings: TrainingSettings) -> Run:
    """Train one network, and watch its graph after every epoch."""
    model = build(population.architecture, population.split, settings)
    image = population.split.train.images[:1].float()
    topology = trace(model, image)
    monitor = Monitor(topology, measures=STANDARD, scopes=EXTRACTION.scopes, change=EXTRACTION.change)
    rows = []
    for report in train(model, population.split, settings):
        values = monitor.observe(model, report.epoch)
        row = asdict(report)
        for measure in STANDARD:  # a diverged network has no values
            row |= quantile_metrics(measure.__name__, values.get(measure.__name__, np.array([np.nan])))
        rows.append(row)
    metrics = pd.DataFrame(rows, dtype=np.float64).set_index("epoch")
    return Run(_name(settings), monitor.signature(), metrics, _settings(settings) | EXTRACTION.settings())


def _settings(settings: TrainingSettings) -> dict[str, Setting]:
    return asdict(settings)


def _name(settings: TrainingSettings) -> str:
    return f"run-{settings.seed:03d}-lr{settings.learning_rate:g}-dropout{settings.dropout:g}"


def _finished(path: Path, settings: TrainingSettings) -> Run | None:
    """A run that was trained before with the very same settings."""
    try:
        run = read_stored_run(path) if path.exists() else None
    except EpochgraphError:
        return None
    same = run is not None and _settings(settings).items() <= run.settings.items()
    return run if same else None


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What a population teaches.

    Attributes:
        random: Scores with the runs dealt into folds at random, as `cross_validated` returns them.
        grouped: Scores with all runs of a learning rate in one fold; None if there are too few learning rates.
        good: Number of runs that end well.
    """

    random: pd.DataFrame
    grouped: pd.DataFrame | None
    good: int


def findings(
    runs: Sequence[Run], population: Population, progress: Callable[[int, int], None] | None = None
) -> Findings:
    """Cross-validate how well the end of the runs is told from their first epochs.

    Raises:
        SettingError: There are too few runs that end well, or badly.
    """
    candidates = [c for c in standard_candidates("classification") if c.name in SHOWN]
    rates = {run.settings["learning_rate"] for run in runs}
    tables = []
    protocols = (None, "learning_rate") if len(rates) >= 5 else (None,)
    for number, groups in enumerate(protocols):
        protocol = Protocol(task="classification", threshold=population.threshold, repeats=3, groups=groups)

        def advance(done: int, total: int, number: int = number) -> None:
            if progress is not None:
                progress(number * total + done, len(protocols) * total)

        tables.append(cross_validated(candidates, runs, protocol, epochs=population.epochs, progress=advance))
    good = sum(run.final_accuracy() >= population.threshold for run in runs)
    return Findings(tables[0], tables[1] if len(tables) > 1 else None, good)


SHOWN = (
    "majority class",
    "hyper-parameters trees",
    "validation accuracy",
    "signature SVM",
    "signature MLP",
    "signature trees",
)
"""The candidates of the demo's table."""


def draw(runs: Sequence[Run], population: Population, path: Path, *, epoch: float = 1) -> None:
    """Draw the population, with the final accuracy of each run as told from its first epochs while it was held out.

    Raises:
        OutputError: The picture cannot be written.
    """
    table = feature_table([run.signature for run in runs], up_to=epoch)
    accuracies = np.array([run.final_accuracy() for run in runs])
    folds = KFold(5, shuffle=True, random_state=0)
    told = cross_val_predict(SignatureRegressor("trees"), table, accuracies, cv=folds)
    title = f"{len(runs)} networks on {population.name}: their graphs over time, their end told from epoch {epoch:g}"
    population_picture(runs, Outlook(epoch, told.tolist(), population.threshold), title, path)


def usable_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_size(runs: int, epochs: int) -> None:
    """See that a demo is large enough to say anything.

    Raises:
        SettingError: It is not.
    """
    if runs < 20:
        raise SettingError("runs", runs, "at least 20, for five folds with runs of both kinds")
    if epochs < 4:
        raise SettingError("epochs", epochs, "at least 4, since the end is told from the first three")

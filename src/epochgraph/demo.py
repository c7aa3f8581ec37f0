"""The whole pipeline on real images: train a population, watch its graphs, predict the ends from the beginnings."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, cross_val_predict

from epochgraph.errors import SettingError, ZooError
from epochgraph.evaluation import Protocol, cross_validated
from epochgraph.extraction import Extraction
from epochgraph.predictors import SignatureRegressor, feature_table, standard_candidates
from epochgraph.report.population import Outlook, population_picture
from epochgraph.runs import Run, read_stored_run
from epochgraph.zoo import Split, default_cache, read_digits, read_images
from epochgraph.zoo.pool import ReadData, train_population
from epochgraph.zoo.population import open_population, status
from epochgraph.zoo.recipe import Recipe, parse_grid
from epochgraph.zoo.resources import Resources
from epochgraph.zoo.running import PopulationFolder

EXTRACTION = Extraction(scopes=("graph", "part"), change=("initial",))
"""The paper's signature, the same features of each part, and how the graph has changed since the start."""

SEEN_EPOCHS = (1, 2, 3)
"""The epochs after which the end of a run is predicted."""

SHOWN = (
    "majority class",
    "hyper-parameters trees",
    "validation accuracy",
    "signature SVM",
    "signature MLP",
    "signature trees",
)
"""The candidates of the demo's table."""

RECIPE = """
name = "demo"
scale = "reduced"
architecture = "{architecture}"
threshold = {threshold}
about = "The population of the demo."
[data]
name = "{data}"
[grid]
learning_rate = {rates}
dropout = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
[training]
epochs = {epochs}
batch_size = {batch_size}
crop_padding = {crop_padding}
flip = {flip}
[snapshots]
fractions = []
node_values_until = {epochs}
"""


@dataclass(frozen=True, slots=True)
class DemoPopulation:
    """What the demo trains.

    Attributes:
        name: What it is called.
        text: Its recipe, as the text of a file.
        read_data: Reads its images.
        runs: How many of the recipe's runs are trained.
    """

    name: str
    text: str
    read_data: ReadData
    runs: int

    @property
    def recipe(self) -> Recipe:
        """What it is made of."""
        return parse_grid(self.text, Path("demo"))


def digits_population(*, runs: int, epochs: int) -> DemoPopulation:
    """Small convolutional networks on scikit-learn's handwritten digits, which need no file."""
    options = {"architecture": "DigitsNet", "threshold": 0.8, "batch_size": 32, "crop_padding": 1, "flip": "false"}
    text = RECIPE.format(data="digits", rates=_rates(1e-3, 0.6), epochs=epochs, **options)
    return DemoPopulation("handwritten digits", text, read_digits, runs)


def images_population(path: Path, *, runs: int, epochs: int, cache: Path | None = None) -> DemoPopulation:
    """LeNets on some of the images of a data set; a run is good from 2.5 times chance on.

    Raises:
        UnreadableFileError: As `read_images`.
    """
    read = partial(read_images, path, limit_per_class=250, cache=cache or default_cache())
    split: Split = read()
    options = {"architecture": "LeNet", "batch_size": 64, "crop_padding": 4, "flip": "true"}
    threshold = round(2.5 / len(split.train.classes), 4)
    name = json.dumps(path.name, ensure_ascii=False)[1:-1]
    text = RECIPE.format(data=name, rates=_rates(5e-4, 0.2), epochs=epochs, threshold=threshold, **options)
    return DemoPopulation(path.name, text, read, runs)


def _rates(first: float, last: float) -> list[float]:
    return [float(f"{rate:.2g}") for rate in np.geomspace(first, last, 10)]


def trained_runs(population: DemoPopulation, folder: Path, *, workers: int) -> Iterator[Run]:
    """Train every run of a population, and yield each as it finishes: first those that are already done.

    Raises:
        OutputError: The folder cannot be written.
        ZooError: A run has failed, or the folder holds another population.
    """
    open_population(folder, population.recipe, population.text)
    places = PopulationFolder(folder)
    for name in status(folder, population.runs).finished:
        yield _demonstrated(places.run(name))
    events = train_population(folder, population.read_data, limit=population.runs, resources=Resources(workers))
    with closing(events):  # its processes end immediately, whatever happens here
        for event in events:
            if event.error is not None:
                found = f"run {event.run} failed ({event.error})"
                raise ZooError(folder, found, "Start the demo again to try once more.")
            if event.finished:
                yield _demonstrated(places.run(event.run))


def _demonstrated(path: Path) -> Run:
    """A stored run with the features that the demo looks at."""
    run = read_stored_run(path)
    return replace(run, signature=EXTRACTION.selected(run.signature))


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What a population shows.

    Attributes:
        random: Scores with random folds, as `cross_validated` returns them.
        grouped: Scores with all runs of a learning rate in one fold; None if there are too few learning rates.
        good: The number of runs that end well.
    """

    random: pd.DataFrame
    grouped: pd.DataFrame | None
    good: int


def findings(
    runs: Sequence[Run], population: DemoPopulation, progress: Callable[[int, int], object] | None = None
) -> Findings:
    """Cross-validate how well the end of the runs is predicted from their first epochs.

    Raises:
        SettingError: There are too few runs that end well, or badly.
    """
    candidates = [c for c in standard_candidates("classification") if c.name in SHOWN]
    rates = {run.settings["learning_rate"] for run in runs}
    tables = []
    protocols = (None, "learning_rate") if len(rates) >= 5 else (None,)
    for number, groups in enumerate(protocols):
        protocol = Protocol(task="classification", threshold=population.recipe.threshold, repeats=3, groups=groups)

        def advance(done: int, total: int, number: int = number) -> None:
            if progress is not None:
                progress(number * total + done, len(protocols) * total)

        tables.append(cross_validated(candidates, runs, protocol, epochs=SEEN_EPOCHS, progress=advance))
    good = sum(run.final_accuracy() >= population.recipe.threshold for run in runs)
    return Findings(tables[0], tables[1] if len(tables) > 1 else None, good)


def draw(runs: Sequence[Run], population: DemoPopulation, path: Path, *, epoch: float = 1) -> None:
    """Draw the population, and the final accuracy of each held-out run, predicted from its first epochs.

    Raises:
        OutputError: The picture cannot be written.
    """
    table = feature_table([run.signature for run in runs], up_to=epoch)
    accuracies = np.array([run.final_accuracy() for run in runs])
    folds = KFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(SignatureRegressor("trees"), table, accuracies, cv=folds)
    title = f"{len(runs)} networks on {population.name}: their graphs over time, their end seen from epoch {epoch:g}"
    population_picture(runs, Outlook(epoch, predicted.tolist(), population.recipe.threshold), title, path)


def check_size(runs: int, epochs: int) -> None:
    """Check that a demo is large enough to show anything.

    Raises:
        SettingError: It is not.
    """
    if runs < 20:
        raise SettingError("runs", runs, "at least 20, for five folds with runs of both kinds")
    if epochs < 4:
        raise SettingError("epochs", epochs, "at least 4, since the end is predicted from the first three")

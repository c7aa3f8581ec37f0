"""`demo DATA`: the whole way on real images, as one call."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.progress import OnProgress, Progress, unwatched
from epochgraph.demo import (
    SHOWN,
    DemoPopulation,
    Findings,
    check_size,
    digits_population,
    draw,
    findings,
    images_population,
    trained_runs,
)
from epochgraph.runs import Run
from epochgraph.zoo.datasets import DIGITS
from epochgraph.zoo.resources import usable_cores

PICTURE = "demo.png"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Demonstration(Shown):
    """What a demo has found.

    Attributes:
        name: What was trained.
        count: How many networks.
        threshold: The final accuracy from which on a run is good.
        findings: How well the ends are predicted from the first epochs.
        picture: Where the picture is.
        runs: The folder of the stored runs.
    """

    name: str
    count: int
    threshold: float
    findings: Findings
    picture: Path
    runs: Path

    def page(self) -> Sequence[Sheet | Line]:
        """How often the end is predicted correctly, and where picture and runs are."""
        good = f"; {self.findings.good} of them end well (test accuracy of at least {self.threshold:.0%})."
        asked = "How often the end is predicted correctly from the first epochs, by what other networks taught:"
        page: list[Sheet | Line] = [Line(""), Line(good, f"{self.count} networks on {self.name}"), Line(asked)]
        page += [Line(""), _scores(self.findings.random, "networks held out at random"), Line("")]
        if self.findings.grouped is not None:
            page += [_scores(self.findings.grouped, "whole learning rates held out"), Line("")]
        spread = "Accuracy ± spread over three repetitions of five-fold cross-validation."
        return [*page, *map(Line, [spread, "", f"Picture: {self.picture}", f"Runs:    {self.runs}"])]


def demonstrate(
    data: str | os.PathLike[str] | None = None,
    *,
    out: str | os.PathLike[str] = "out/demo",
    runs: int = 60,
    epochs: int = 12,
    workers: int | None = None,
    progress: OnProgress = unwatched,
) -> Demonstration:
    """Train a population of networks on real images, and predict from their first graphs how each will end.

    Args:
        data: A folder or archive with train/CLASS and test/CLASS; `digits` or None for scikit-learn's digits.
        out: Folder for the runs and the picture. Finished runs are kept, so the same call resumes where it stopped.
        runs: Networks to train.
        epochs: Epochs to train each for.
        workers: Processes; None for one a core.
        progress: Called with a `Progress` whenever something more is done.

    Raises:
        SettingError: There are too few runs or epochs, or too few runs that end well, or badly.
        UnreadableFileError: The images cannot be read.
        ZooError: A run has failed, or the folder holds another population.
    """
    check_size(runs, epochs)
    images = None if data is None or data == DIGITS else Path(data)
    population = _population(images, progress, runs=runs, epochs=epochs)
    folder = Path(out) / f"{'digits' if images is None else images.name.split('.')[0]}-{epochs}-epochs"
    trained = list[Run]()
    for finished in trained_runs(population, folder, workers=workers or usable_cores()):
        trained.append(finished)
        progress(Progress("runs", "training", len(trained), runs))
    trained.sort(key=lambda finished: finished.name)
    found = findings(
        trained, population, lambda done, total: progress(Progress("fits", "cross-validating", done, total))
    )
    draw(trained, population, folder / PICTURE)
    threshold = population.recipe.threshold
    return Demonstration(population.name, len(trained), threshold, found, folder / PICTURE, folder / "runs")


def _population(data: Path | None, progress: OnProgress, *, runs: int, epochs: int) -> DemoPopulation:
    if data is None:
        return digits_population(runs=runs, epochs=epochs)
    progress(Progress("images", f"reading {data}", 0, 1))
    population = images_population(data, runs=runs, epochs=epochs)
    progress(Progress("images", f"reading {data}", 1, 1))
    return population


def _scores(scores: pd.DataFrame, title: str) -> Sheet:
    """One protocol's accuracies: a row a candidate, a column an epoch."""
    accuracies = scores[scores["measure"] == "accuracy"]
    epochs = [f"epoch {epoch:g}" for epoch in accuracies["epoch"].unique()]
    rows = []
    for name in SHOWN:
        own = accuracies[accuracies["candidate"] == name]
        rows.append((name, *(f"{row.mean:.2f} ± {row.spread:.2f}" for row in own.itertuples())))
    return Sheet((title, *epochs), rows, numbers=range(1, len(epochs) + 1))

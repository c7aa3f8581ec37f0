"""Populations -> the predictors that come with the package, and their model card."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from epochgraph.cli.output import console, progress_bar
from epochgraph.errors import OutputError
from epochgraph.files import atomic_write
from epochgraph.predictors import Predictor, write_predictor
from epochgraph.predictors.shipped import SHIPPED_EPOCHS, SITUATIONS, file_name
from paper.decisions import RATE, THRESHOLD, predictor_of
from paper.populations import FAMILY, Population, on_cifar, read_populations, united
from paper.results import markdown_table
from paper.scoring import Progress

CARD = """# The predictors that come with the package

Written by `python -m paper fit zoos --out src/epochgraph/predictors/shipped`; nothing here is typed.

**What they predict.** The final test accuracy of an image classifier with ten classes, from its first epochs, with an
interval and a decision. `weights` looks at what has changed in the graphs of its checkpoints, `weights-and-curve`
at the validation accuracies and training losses, too. The number in a file's name is the last epoch that it looks at.
`epochgraph predict RUN` takes the one of the last epoch that it can, with the curve if `metrics.csv` has these epochs,
too. Each is a forest of 50 extremely randomised trees; files are skops archives, read without executing anything in
them.

**What they were fitted on.** {runs} networks on CIFAR-10 (JPEG); a datasheet of each population lies in `zoos/`:

{populations}

**How they were calibrated.** Each architecture was held out as a whole, with all its depths and widths, and predicted
by a forest fitted on the others; intervals and decisions rest on those errors. So the errors below are of architectures
that the forest had not seen. A good end is {threshold:.0%} or more, unless you say otherwise. A run is stopped if its
predicted accuracy is below the limit in the table, which would have stopped at most {rate:.0%} of the known good runs.
Where it says "abstains", the architectures are too different from each other, or too few, for a promise about another
one: then no run is stopped, unless it has diverged. `predict` stops no run by `weights` unless `--weights-alone` is
given.

**What they decide about.** Runs whose settings say that they are image classification with ten classes, trained from
scratch by SGD with a momentum of 0.9 at a constant learning rate, as those were that they were fitted on. Of others,
and of those whose settings do not say it, they predict the end and decide nothing: on small networks with batch norms
under other optimisers and schedules `weights` has stopped good runs, and nothing in its features showed it.

{figures}

How many good and bad runs are stopped by limits that were found without them, and how many 90 % intervals hold, stands
in `docs/results`, under "Promises".

**What they were not tested on.** Other data, other optimisers than SGD with momentum, other batch sizes, transformers,
pretrained networks. A run that lies further outside of the known ones than any of them did while it was held out is
given no decision; but not every difference shows in a range. For networks of your own kind, `epochgraph fit` learns
from your runs.
"""


def run(zoos: Path, out: Path) -> None:
    """Fit the shipped predictors on a folder of populations."""
    populations = read_populations(zoos)
    with progress_bar() as progress:
        task = progress.add_task("predictors")
        paths = ship(populations, out, progress=lambda done, total: progress.update(task, completed=done, total=total))
    console.print(f"{len(paths) - 1} predictors and their card: {paths[-1]}", markup=False, highlight=False)


def ship(populations: Sequence[Population], folder: Path, *, progress: Progress | None = None) -> list[Path]:
    """Fit a predictor for each situation and epoch on all runs on CIFAR-10, and write them with their model card.

    Args:
        populations: Those on other data are left out.
        folder: Where to write them.
        progress: Called after each predictor.

    Returns:
        The files.

    Raises:
        OutputError: A file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(folder, error.strerror or str(error)) from error
    runs = united(populations)
    wanted = [(situation, epoch) for situation in SITUATIONS for epoch in SHIPPED_EPOCHS]
    figures, paths = {}, []
    for done, (situation, epoch) in enumerate(wanted, start=1):
        predictor = predictor_of(runs, situation, epoch, FAMILY)
        paths.append(folder / file_name(situation, epoch))
        write_predictor(predictor, paths[-1])
        figures[paths[-1].stem] = _figures(predictor)
        if progress is not None:
            progress(done, len(wanted))
    card = CARD.format(
        runs=len(runs),
        populations="\n".join(
            f"- {population.title}, {population.epochs} epochs" for population in on_cifar(populations)
        ),
        threshold=THRESHOLD,
        rate=RATE,
        figures=markdown_table(pd.DataFrame(figures).T),
    )
    paths.append(folder / "README.md")
    with atomic_write(paths[-1]) as temporary:
        temporary.write_text(card, "utf-8")
    return paths


def _figures(predictor: Predictor) -> Mapping[str, str]:
    """What the held-out runs show about a predictor."""
    calibration = predictor.calibration
    assert calibration is not None  # noqa: S101 - `fitted` gives each one
    predicted, truth = calibration.predicted, calibration.truth
    limit = calibration.limit(THRESHOLD, RATE)
    return {
        "mean absolute error, points": f"{100 * np.abs(predicted - truth).mean():.1f}",
        "Kendall's τ": f"{kendalltau(predicted, truth).statistic:.2f}",
        "stops below a predicted": "abstains" if limit is None else f"{limit:.1%}",
    }

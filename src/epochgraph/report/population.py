"""A population of runs in one picture: how its graphs move, and how well their end is predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter

from epochgraph.files import atomic_write
from epochgraph.runs import Recording, Run

GOOD, BAD, INK, FAINT = "#1b7f79", "#c8553d", "#22313f", "#9aa5b1"
QUANTILES = (5, 25, 50, 75, 95)
"""Percentiles of the node values that are drawn."""

BANDS = ((5, 95, 0.15), (25, 75, 0.35))
"""Lower and upper percentile of each band, and its opacity."""

TITLES = {"degree": "Weighted degree", "eigenvector_centrality": "Eigenvector centrality"}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What was predicted for each held-out run of a population.

    Attributes:
        epoch: The last epoch that was looked at.
        predicted: The predicted final accuracy of each run.
        threshold: The final accuracy from which on a run is good.
    """

    epoch: float
    predicted: Sequence[float]
    threshold: float


def population_picture(runs: Sequence[Run], outlook: Outlook, title: str, path: Path) -> None:
    """Draw how degree and centrality move over the epochs, and the predicted against the true final accuracy.

    Args:
        runs: Runs whose metrics have validation_accuracy and test_accuracy, with recordings of both measures.
        outlook: What was predicted for each of them.
        title: The title of the picture.
        path: Where to write it; the suffix (.png or .svg) decides the format.

    Raises:
        OutputError: The file cannot be written.
    """
    figure = Figure(figsize=(13, 8), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12))
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3, width_ratios=(1, 1, 1.15))
    good = [run.final_accuracy() >= outlook.threshold for run in runs]
    sides = {
        "end well": ([run for run, is_good in zip(runs, good, strict=True) if is_good], GOOD),
        "end badly": ([run for run, is_good in zip(runs, good, strict=True) if not is_good], BAD),
    }
    for column, measure in enumerate(TITLES):
        for row, (side, (chosen, colour)) in enumerate(sides.items()):
            _bands(axes[row, column], chosen, measure, colour)
            _title(axes[row, column], f"{TITLES[measure]}, {len(chosen)} runs that {side}")
        _share_limits(axes[0, column], axes[1, column])
    _curves(axes[0, 2], sides, outlook)
    _predictions(axes[1, 2], runs, good, outlook)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=14, color=INK, weight="bold")
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _bands(axis: Axes, runs: Sequence[Run], measure: str, colour: str) -> None:
    """The distribution of the node values of all runs over the epochs: median, and bands of percentiles.

    Each percentile is the median over the runs, relative to the run's own initial median: it shows the effect of
    training and not of the initial weights.
    """
    axis.set_xlabel("epoch")
    axis.set_ylabel("node value / initial median")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.axhline(1, color=FAINT, lw=0.8, ls=":")
    if not runs:
        return
    relative = pd.concat([_relative_percentiles(run.recordings[measure]) for run in runs])
    middle = relative.groupby(level=0).median()
    epochs = middle.index.to_numpy()
    for low, high, opacity in BANDS:
        axis.fill_between(epochs, middle[low], middle[high], color=colour, alpha=opacity, lw=0, label=f"{low}-{high} %")
    axis.plot(epochs, middle[50], color=colour, lw=2, label="median node")
    axis.set_xlim(epochs[0], epochs[-1])
    if measure == "degree":  # one legend per row
        axis.legend(loc="upper left", frameon=False, fontsize=8)


def _relative_percentiles(recording: Recording) -> pd.DataFrame:
    """The `QUANTILES` of the node values, one column each, indexed by epoch and relative to the initial median."""
    percentiles = np.percentile(recording.values.astype(np.float64), QUANTILES, axis=1).T
    return pd.DataFrame(percentiles / np.median(recording.values[0]), recording.times, QUANTILES)


def _title(axis: Axes, text: str) -> None:
    axis.set_title(text, loc="left", fontsize=10.5, color=INK)


def _share_limits(first: Axes, second: Axes) -> None:
    """Give two panels the same scale, so that they can be compared."""
    limits = [first.get_ylim(), second.get_ylim()]
    low, high = min(limit[0] for limit in limits), max(limit[1] for limit in limits)
    first.set_ylim(low, high)
    second.set_ylim(low, high)


def _curves(axis: Axes, sides: dict[str, tuple[list[Run], str]], outlook: Outlook) -> None:
    """The validation accuracy of every run, and the part that had been seen."""
    for chosen, colour in sides.values():
        for run in chosen:
            curve = run.metrics["validation_accuracy"].dropna()
            axis.plot(curve.index, curve, color=colour, alpha=0.5, lw=0.9)
    axis.axvspan(0, outlook.epoch, color=FAINT, alpha=0.25, lw=0)
    axis.axhline(outlook.threshold, color=INK, lw=0.8, ls="--")
    axis.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1), xlim=(0, None))
    _title(axis, "Learning curves; what was seen is shaded")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.yaxis.set_major_formatter(PercentFormatter(1))


def _predictions(axis: Axes, runs: Sequence[Run], good: Sequence[bool], outlook: Outlook) -> None:
    """The predicted against the true final accuracy of the held-out runs."""
    true = [run.final_accuracy() for run in runs]
    axis.plot([0, 1], [0, 1], color=FAINT, lw=0.8)
    axis.axhline(outlook.threshold, color=INK, lw=0.8, ls="--")
    axis.axvline(outlook.threshold, color=INK, lw=0.8, ls="--")
    colours = [GOOD if is_good else BAD for is_good in good]
    axis.scatter(true, np.clip(outlook.predicted, 0, 1), c=colours, s=26, alpha=0.8, lw=0)
    axis.set(xlabel="true final test accuracy", ylabel="predicted final test accuracy", xlim=(0, 1), ylim=(0, 1))
    _title(axis, f"Predicted at epoch {outlook.epoch:g}, each run held out")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.set_aspect("equal")

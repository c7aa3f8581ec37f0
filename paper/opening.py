"""The README's picture: two runs with the same validation accuracy, told apart by their graphs."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

from epochgraph.errors import UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.report.population import BAD, FAINT, GOOD, INK
from epochgraph.runs import Run, read_stored_runs
from epochgraph.signature.names import FeatureName

POPULATION = "lenet-cifar10-reduced.parquet"

LOOK = 1.0
"""The epoch at which the two runs look alike."""

ALIKE = 0.005
"""The largest difference between their validation accuracies at that epoch."""

MOVED = str(FeatureName("weights", "graph", "relative_change", "initial"))


class Pair(NamedTuple):
    """Two runs that look alike after one epoch."""

    good: Run
    bad: Run


def opening_picture(zoos: Path, path: Path) -> Pair:
    """Draw the pair of runs that look alike after one epoch and end furthest apart.

    Args:
        zoos: The folder of the published populations; the LeNets on CIFAR-10 are looked at.
        path: Where to write the picture.

    Returns:
        The two runs.

    Raises:
        UnreadableFileError: The population is missing or damaged.
        OutputError: The picture cannot be written.
    """
    pair = furthest_apart(read_stored_runs(zoos / POPULATION))
    figure = Figure(figsize=(13, 3.9), layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.08))
    FigureCanvasAgg(figure)
    curves, moved, degrees = figure.subplots(1, 3)
    for run, colour in ((pair.good, GOOD), (pair.bad, BAD)):
        _curve(curves, run, colour)
        _moved(moved, run, colour)
        _degrees(degrees, run, colour)
    _describe(curves, "Validation accuracy: alike after one epoch", "epoch", "validation accuracy")
    _describe(moved, "How far the weights have moved: not alike", "epoch", "relative to their size at the start")
    _describe(degrees, "Degree of every node after one epoch", "before the first step", "after one epoch")
    curves.axvspan(0, LOOK, color=FAINT, alpha=0.25, linewidth=0)
    curves.set_ylim(0, 1.15 * max(float(run.metrics["validation_accuracy"].max()) for run in pair))
    curves.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    moved.set_yscale("log")
    moved.set_xticks([0, 0.25, 0.5, 1])
    limits = (1, 1.2 * max(degrees.get_xlim()[1], degrees.get_ylim()[1]))
    degrees.plot(limits, limits, color=FAINT, linewidth=0.8, zorder=0)
    degrees.set_xscale("log")
    degrees.set_yscale("log")
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix("."), dpi=110)
    return pair


def furthest_apart(runs: Sequence[Run]) -> Pair:
    """The pair of runs whose validation accuracies are alike after one epoch and whose ends are furthest apart.

    Raises:
        UnreadableFileError: No two runs are alike.
    """
    seen = [float(run.metrics["validation_accuracy"].loc[LOOK]) for run in runs]
    ends = [run.final_accuracy() for run in runs]
    alike = [(a, b) for a, b in combinations(range(len(runs)), 2) if abs(seen[a] - seen[b]) <= ALIKE]
    if not alike:
        raise UnreadableFileError(Path(POPULATION), "no two of its runs are alike", "Give the published population.")
    a, b = max(alike, key=lambda pair: abs(ends[pair[0]] - ends[pair[1]]))
    return Pair(runs[a], runs[b]) if ends[a] > ends[b] else Pair(runs[b], runs[a])


def _curve(axis: Axes, run: Run, colour: str) -> None:
    curve = run.metrics["validation_accuracy"]
    seen = curve.loc[:LOOK]
    axis.plot(curve.index, curve, color=colour, linewidth=1, alpha=0.45)
    axis.plot(seen.index, seen, color=colour, linewidth=2.5)
    label = f"ends at {run.final_accuracy():.0%}"
    axis.annotate(
        label, (curve.index[-1], curve.iloc[-1]), (-4, 8), textcoords="offset points", ha="right", color=colour
    )


def _moved(axis: Axes, run: Run, colour: str) -> None:
    signature = run.signature
    kept = (signature.times > 0) & (signature.times <= LOOK)
    values = signature.values[kept, signature.names.index(MOVED)]
    axis.plot(signature.times[kept], values, "o-", color=colour, linewidth=2)


def _degrees(axis: Axes, run: Run, colour: str) -> None:
    recording = run.recordings["degree"]
    start, now = (recording.values[recording.times == time][0].astype(float) for time in (0, LOOK))
    axis.scatter(start, now, s=14, color=colour, alpha=0.6, linewidth=0)


def _describe(axis: Axes, title: str, across: str, up: str) -> None:
    axis.set_title(title, fontsize=11, color=INK)
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    axis.spines[["top", "right"]].set_visible(False)


def summary(pair: Pair) -> list[str]:
    """The picture in numbers, one line per run."""
    lines = []
    for run in pair:
        at = np.flatnonzero(run.signature.times == LOOK)[0]
        moved = run.signature.values[at, run.signature.names.index(MOVED)]
        seen = run.metrics["validation_accuracy"].loc[LOOK]
        settings = f"learning rate {run.settings['learning_rate']:g}, dropout {run.settings['dropout']:g}"
        lines.append(
            f"{settings}: after one epoch {seen:.1%}, weights moved by {moved:.2f}; ends at {run.final_accuracy():.1%}"
        )
    return lines

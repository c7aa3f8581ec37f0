"""Many sweeps at a glance: the learning curves of all runs, one panel per sweep."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter

from epochgraph.files import atomic_write
from epochgraph.runs import Run

COLUMNS = 6
COLOURS = "viridis"
INK = "#22313f"
DIVERGED = "#c8553d"


def sweeps_picture(runs: Sequence[Run], title: str, path: Path) -> None:
    """Draw the learning curves of sweeps: the validation metric against the share of the budget, one panel per sweep.

    A curve's colour is its learning rate among those of its sweep, from low (dark) to high (bright); a cross marks a
    run that has diverged. Values worse than those of untrained networks are cut off.

    Args:
        runs: Runs of one or more sweeps, whose settings name their sweep, metric and learning rate.
        title: Title of the picture.
        path: Where to write it; the suffix (.png or .svg) decides the format.

    Raises:
        OutputError: The file cannot be written.
    """
    sweeps: dict[str, list[Run]] = {}
    for run in runs:
        sweeps.setdefault(str(run.settings["sweep"]), []).append(run)
    rows = math.ceil(len(sweeps) / COLUMNS)
    figure = Figure(figsize=(15, 0.9 + 2.15 * rows), layout=ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.06))
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis, name in zip(axes, sorted(sweeps), strict=False):
        _panel(axis, sweeps[name])
    for axis in axes[len(sweeps) :]:
        axis.set_visible(False)
    scale = ScalarMappable(LogNorm(0.001, 1), colormaps[COLOURS])
    bar = figure.colorbar(scale, ax=list(axes), location="bottom", shrink=0.3, aspect=45, pad=0.01)
    bar.set_ticks([0.001, 1], labels=["lowest learning rate of the sweep", "highest"])
    bar.ax.tick_params(labelsize=8, length=0)
    figure.suptitle(title, fontsize=13, color=INK)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix("."), dpi=110)


def _panel(axis: Axes, runs: Sequence[Run]) -> None:
    """The curves of one sweep."""
    settings = runs[0].settings
    metric = f"validation_{settings['metric']}"
    rates = np.log10([float(run.settings["learning_rate"] or 1) for run in runs])
    span = max(float(np.ptp(rates)), 1e-9)
    for run, rate in zip(runs, rates, strict=True):
        curve = run.metrics[metric].dropna()
        share = curve.index.to_numpy() / float(run.settings["epochs"] or 1)
        colour = colormaps[COLOURS]((rate - rates.min()) / span)
        axis.plot(share, curve.to_numpy(), color=colour, linewidth=1.1, alpha=0.9)
        if run.signature.diverged.any() and len(curve):
            axis.plot(share[-1:], curve.to_numpy()[-1:], "x", color=DIVERGED, markersize=5)
    axis.set_title(f"{settings['task']}\n{settings['architecture']}, {settings['optimizer']}", fontsize=7.5, color=INK)
    axis.set_xlim(0, 1)
    axis.set_ylim(*_limits(runs, metric))
    axis.xaxis.set_major_locator(MaxNLocator(2))
    axis.yaxis.set_major_locator(MaxNLocator(3))
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.tick_params(labelsize=6.5, length=2)
    axis.text(0.97, 0.04, str(settings["metric"]), transform=axis.transAxes, ha="right", fontsize=6.5, color=INK)
    axis.spines[["top", "right"]].set_visible(False)


def _limits(runs: Sequence[Run], metric: str) -> tuple[float, float]:
    """What a panel shows: from the best value to the starts, or a little beyond."""
    values = np.concatenate([run.metrics[metric].to_numpy() for run in runs])
    starts = np.array([run.metrics[metric].iloc[0] for run in runs])
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    falls = runs[0].settings["direction"] == "falls"
    usual = float(np.nanmedian(starts[np.isfinite(starts)])) if np.isfinite(starts).any() else float(np.median(known))
    low, high = (known.min(), usual) if falls else (min(usual, known.min()), known.max())
    margin = 0.08 * max(float(high - low), 1e-6)
    return float(low - margin), float(high + margin)

"""What rules for stopping early would have made of a sweep, at a glance."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epochgraph.files import atomic_write

INK, OURS, OTHERS = "#22313f", "#c8553d", "#5f7d95"


def replay_picture(means: pd.DataFrame, target: str, spread: float, path: Path) -> None:
    """Draw what each rule saves, and beside it what it costs: a line a rule.

    Args:
        means: A row a rule (the index), with `trained` and `regret` (see `commands.replaying.Replayed`).
        target: The metric that regret is of.
        spread: The standard deviation of the runs' ends.
        path: Where to write it; the suffix (.png or .svg) decides the format.

    Raises:
        OutputError: The file cannot be written.
    """
    order = means.sort_values("trained", ascending=False)
    colours = [OURS if str(rule).startswith("epochgraph") else OTHERS for rule in order.index]
    places = np.arange(len(order))
    saved = 100 - 100 * order["trained"].to_numpy(dtype=np.float64)
    regret = order["regret"].to_numpy(dtype=np.float64)
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "text.color": INK}):
        figure = Figure(figsize=(8, 0.8 + 0.32 * len(order)), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, sharey=True)
        heads = ("training saved, %", f"regret in {target}")
        for axes, values, head, form in zip((left, right), (saved, regret), heads, ("{:.0f}", "{:.3g}"), strict=True):
            axes.hlines(places, 0, values, color=colours, linewidth=2)
            axes.scatter(values, places, color=colours, s=36, zorder=3, clip_on=False)
            for place, value in zip(places, values, strict=True):
                axes.annotate(form.format(value), (value, place), (7, 0), textcoords="offset points", va="center")
            axes.set_title(head, loc="left", fontsize=9)
            axes.tick_params(left=False)
        right.set_xlim(0, 1.2 * max(float(regret.max()), 0.1 * spread, 1e-12))
        left.set_xlim(0, 112)
        left.set_xticks([0, 25, 50, 75, 100])
        left.set_yticks(places, [str(rule) for rule in order.index])
        for label, colour in zip(left.get_yticklabels(), colours, strict=True):
            label.set_color(colour)
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format=path.suffix.removeprefix("."), dpi=150)

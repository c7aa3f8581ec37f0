"""The look of our pictures: panels in rows, one legend below."""

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, FAINT = "#22313f", "#9aa5b1"
GREEN, RED, BLUE, YELLOW = "#1b7f79", "#c8553d", "#5b6fb5", "#d9a441"


def panels(
    titles: Sequence[str], *, columns: int, width: float, height: float, share: Literal["all", "row", "none"] = "all"
) -> Figure:
    """A figure with one axis per title, without the frame's upper and right side.

    Args:
        titles: One per panel; only these get axes, in rows from the left.
        columns: The most columns.
        width: The width of a panel, in inches.
        height: The height of a panel, in inches.
        share: Which panels have the same vertical range: "all", those of a "row", or "none".
    """
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    figure = Figure(figsize=(width * columns, height * rows + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share)
    for axis in axes.flat[len(titles) :]:
        axis.remove()
    for axis, title in zip(axes.flat, titles, strict=False):
        axis.set_title(title, loc="left", fontsize=9.5, color=INK)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def label_left(axis: Axes, text: str) -> None:
    """Name the vertical axis, where it is the first of its row."""
    place = axis.get_subplotspec()
    if place is None or place.is_first_col():
        axis.set_ylabel(text)


def legend_below(figure: Figure, axis: Axes, *, columns: int) -> None:
    """One legend for all panels, from one of them."""
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False)

"""A result as files: Markdown and JSON, and a picture if it has one."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from epochgraph.files import atomic_write


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A table or figure of the paper, computed again.

    Attributes:
        name: The name of its files.
        title: What it shows.
        notes: How to read it, as paragraphs.
        tables: Tables to print, by their titles, with text in all cells.
        scores: All figures behind it, one row each.
        figure: The picture, if there is one.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    tables: dict[str, pd.DataFrame]
    scores: pd.DataFrame
    figure: Figure | None = field(default=None)

    def markdown(self) -> str:
        """Title, notes and tables; the picture by its file's name."""
        return self._markdown(self.tables)

    def summary(self) -> str:
        """Title, notes and the first table, for a terminal."""
        return self._markdown(dict([*self.tables.items()][:1]), drawn=False)

    def _markdown(self, tables: dict[str, pd.DataFrame], *, drawn: bool = True) -> str:
        lines = [f"## {self.title}", "", *(line for note in self.notes for line in (note, ""))]
        if self.figure is not None and drawn:
            lines += [f"![{self.title}]({self.name}.png)", ""]
        for title, table in tables.items():
            lines += [f"### {title}", "", markdown_table(table), ""] if title else [markdown_table(table), ""]
        return "\n".join(lines)

    def write(self, folder: Path) -> list[Path]:
        """Write NAME.md and NAME.json, and NAME.png and NAME.svg if there is a picture.

        Raises:
            OutputError: A file cannot be written.
        """
        paths = [folder / f"{self.name}.md", folder / f"{self.name}.json"]
        with atomic_write(paths[0]) as temporary:
            temporary.write_text(self.markdown(), "utf-8")
        with atomic_write(paths[1]) as temporary:
            temporary.write_text(self.scores.to_json(orient="records", indent=1, double_precision=6) + "\n", "utf-8")
        return paths + ([] if self.figure is None else _drawn(self.figure, folder / self.name))


def cell(mean: float, spread: float = math.nan) -> str:
    """A number in a table, with two digits, as in papers."""
    if math.isnan(mean):
        return "-"
    return f"{mean:.2f}" + ("" if math.isnan(spread) else f" ± {spread:.2f}")


def _drawn(figure: Figure, path: Path) -> list[Path]:
    """Write a picture as PNG and SVG, without a date, so that the same picture gives the same file."""
    paths = [path.with_suffix(".png"), path.with_suffix(".svg")]
    for suffixed, metadata in zip(paths, ({}, {"Date": None}), strict=True):
        with atomic_write(suffixed) as temporary, rc_context({"svg.hashsalt": path.name}):
            figure.savefig(temporary, dpi=130, metadata=metadata)
    return paths


def markdown_table(table: pd.DataFrame) -> str:
    """A table of text in Markdown, its index as the first column."""
    head = [str(table.index.name or ""), *map(str, table.columns)]
    rows = [[str(index), *map(str, cells)] for index, cells in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---", *["---:"] * len(table.columns)], *rows))

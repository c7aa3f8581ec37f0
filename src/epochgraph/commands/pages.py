"""Results as pages of tables and sentences, for a terminal, a notebook and `print`."""

import html
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

WIDTH = 200
"""The most characters in a line of text before a table is made narrower."""

MOST_ROWS = 60
"""Of a table that is printed or shown in a notebook; the command line prints all."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table.

    Attributes:
        heads: The head of each column.
        rows: The text of each cell.
        title: The title above the table.
        numbers: The columns that are aligned right.
        colours: The colour of a cell, by its text.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    numbers: Sequence[int] = ()
    colours: Mapping[str, str] = field(default_factory=dict)

    def __rich__(self) -> Table:
        """The table for a terminal."""
        table = Table(title=Text(self.title) if self.title else None, title_justify="left", box=None)
        for number, head in enumerate(self.heads):
            table.add_column(Text(head), justify="right" if number in self.numbers else "left", header_style="bold")
        for row in self.rows:
            table.add_row(*(Text(cell, style=self.colours.get(cell, "")) for cell in row))
        return table

    def html(self) -> str:
        """The table for a notebook."""
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        heads = self._cells("th", self.heads)
        rows = "".join(f"<tr>{self._cells('td', row)}</tr>" for row in self.rows)
        return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def _cells(self, tag: str, texts: Sequence[str]) -> str:
        sides = ("right" if number in self.numbers else "left" for number in range(len(texts)))
        return "".join(
            f'<{tag} style="text-align: {side}{self._colour(text)}">{html.escape(text)}</{tag}>'
            for text, side in zip(texts, sides, strict=True)
        )

    def _colour(self, text: str) -> str:
        return f"; color: {self.colours[text]}" if text in self.colours else ""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence.

    Attributes:
        text: The sentence.
        lead: Words before it, in bold.
    """

    text: str
    lead: str = ""

    def __rich__(self) -> Text:
        """The sentence for a terminal."""
        return Text.assemble((self.lead, "bold"), self.text)

    def html(self) -> str:
        """The sentence for a notebook."""
        lead = f"<b>{html.escape(self.lead)}</b>" if self.lead else ""
        return f"<div>{lead}{html.escape(self.text)}</div>"


def _shortened(part: Sheet | Line) -> Sheet | Line:
    """A table without its middle rows, if it has many."""
    if isinstance(part, Line) or len(part.rows) <= MOST_ROWS:
        return part
    half = MOST_ROWS // 2
    between = [f"... {len(part.rows) - 2 * half} more", *[""] * (len(part.heads) - 1)]
    return replace(part, rows=[*part.rows[:half], between, *part.rows[-half:]])


class Shown(ABC):
    """A result that prints as a page of tables and sentences."""

    __slots__ = ()

    @abstractmethod
    def page(self) -> Sequence[Sheet | Line]:
        """The tables and sentences to show."""

    def asides(self) -> Sequence[str]:
        """Notes and errors; the command line prints these to the error stream."""
        return ()

    def whole(self) -> Sequence[Sheet | Line]:
        """The page, without the middle of long tables, then notes and errors."""
        return [_shortened(part) for part in (*self.page(), *map(Line, self.asides()))]

    def __rich__(self) -> Group:
        """The whole for a terminal."""
        return Group(*self.whole())

    def __str__(self) -> str:
        console = Console(file=io.StringIO(), width=WIDTH, color_system=None, soft_wrap=True)
        with console.capture() as captured:
            console.print(self)
        return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The whole for a notebook."""
        return "".join(part.html() for part in self.whole())

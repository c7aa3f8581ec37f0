"""The contents of a log, before its epochs are interpreted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a text file.

    Attributes:
        line: Its line number, counted from 1.
        fields: The text of each column.
    """

    line: int
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The rows of a log, as numbers.

    Attributes:
        columns: The names of the columns, as in the log.
        values: The numbers; NaN where there is none.
        written: Whether a field has content: a NaN that is written was measured.
        lines: The line number of each row.
        words: Columns without any number, which are left out.
    """

    columns: tuple[str, ...]
    values: Float64[np.ndarray, "rows columns"]
    written: Bool[np.ndarray, "rows columns"]
    lines: tuple[int, ...]
    words: tuple[str, ...]

    def column(self, *names: str) -> str | None:
        """The first column that has one of the names, in upper or lower case."""
        return next((column for column in self.columns if column.lower() in names), None)

    def of(self, column: str) -> Float64[np.ndarray, "rows"]:
        """The values of a column."""
        return self.values[:, self.columns.index(column)]

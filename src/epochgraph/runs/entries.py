"""What a log says, before anything is known of its clock."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a text file.

    Attributes:
        line: Where it stands, counted from 1.
        fields: The text of each column.
    """

    line: int
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """The rows of a log, as numbers.

    Attributes:
        columns: Their names, as the log has them.
        values: NaN where there is no number.
        written: Whether something stands there: a NaN that does was measured.
        lines: Where each row stands.
        words: Columns without any number, which are left out.
    """

    columns: tuple[str, ...]
    values: Float64[np.ndarray, "rows columns"]
    written: Bool[np.ndarray, "rows columns"]
    lines: tuple[int, ...]
    words: tuple[str, ...]

    def column(self, *names: str) -> str | None:
        """The first column of one of the names, in any case."""
        return next((column for column in self.columns if column.lower() in names), None)

    def of(self, column: str) -> Float64[np.ndarray, "rows"]:
        """The values of a column."""
        return self.values[:, self.columns.index(column)]

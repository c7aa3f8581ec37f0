"""A run's folder -> the metrics that its training loop logged: `metrics.csv`, or the log of another tool.

Nothing is guessed: a row that does not fit the header, a word among numbers or an unclear epoch is an error of one
line that says where it is. `docs/metrics.md` says what is read.
"""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from epochgraph.checkpoints.archive import exists
from epochgraph.checkpoints.layout import beside
from epochgraph.errors import UnreadableFileError
from epochgraph.runs.clock import EPOCH, STEP, Clock, timed, without_clock
from epochgraph.runs.entries import Entries, Row
from epochgraph.runs.metrics import canonical_names, direction_of

NAMES = ("metrics.csv", "trainer_state.json", "results.csv")
"""The logs that are looked for beside checkpoints, in this order: ours and Lightning's, transformers', YOLO's."""

MISSING = frozenset({"", "na", "n/a", "null", "none"})
"""What is written where nothing was measured; a NaN was measured."""

LARGEST = 256 * 2**20
"""The most bytes of a log that is read: far more than a run writes."""


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """The contents of a run's log.

    Attributes:
        metrics: As `Run.metrics`; empty without a log.
        path: The file; None if there is none.
        notes: What was read differently from how it is written, one sentence each.
    """

    metrics: pd.DataFrame
    path: Path | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """What the user says about the logs of runs.

    Attributes:
        names: New names of columns, by their own names.
        file: The name of the file; None for `NAMES`.
        first_pass: The number that logs give the first pass, 0 or 1; None to go by their layout.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None
    first_pass: int | None = None


def read_log(folder: Path, times: Sequence[float], options: LogOptions, *, steps: bool = False) -> Log:
    """Read the log beside the checkpoints of a run.

    Args:
        folder: The folder of the checkpoints, or one of them.
        times: The times of the checkpoints.
        options: What the user says about it.
        steps: Whether the times are steps instead of epochs.

    Raises:
        UnreadableFileError: The log is damaged or ambiguous, or the named one is missing.
    """
    path = log_path(folder, options.file)
    if path is None:
        if options.file is not None:
            raise UnreadableFileError(folder / options.file, "there is no such file", "Name the log as the run has it.")
        return Log(pd.DataFrame(index=pd.Index([], name="epoch", dtype=float)))
    entries = _json(path) if path.suffix == ".json" else _csv(path)
    absent = [name for name in options.names if name not in entries.columns]
    if absent:
        found = f"it has no column {absent[0]!r}, but {', '.join(entries.columns) or 'none'}"
        raise UnreadableFileError(path, found, "Name the columns as the file has them.")
    renamed = canonical_names(entries.columns, options.names)
    table, notes = timed(path, entries, Clock(tuple(times), steps, options.first_pass), renamed)
    notes = [*(f"its {old} is read as {new}" for old, new in renamed.items() if new in table), *notes]
    return Log(_renamed(path, table), path, tuple(f"{path.name}: {note}" for note in notes))


def log_path(folder: Path, name: str | None = None) -> Path | None:
    """Where the log of a run is: beside its checkpoints, or in the run's own folder above (see `beside`).

    Each of transformers' checkpoints has the log up to it, so the last one's is taken.
    """
    for file in NAMES if name is None else (name,):
        found = beside(folder, file)
        if exists(found):
            return found
    saved = [path for path in folder.glob("checkpoint-*/trainer_state.json") if _step(path) >= 0]
    return max(saved, key=_step) if name is None and saved else None


def _step(path: Path) -> int:
    found = re.fullmatch(r"checkpoint-([0-9]+)", path.parent.name)
    return int(found[1]) if found else -1


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableFileError(path, f"it has more than {LARGEST} bytes", "Give one row an epoch.")
        return path.read_text(encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        advice = "Save it as text in UTF-8, and see that you may read it."
        raise UnreadableFileError(path, f"it is no readable text ({error})", advice) from error


def _csv(path: Path) -> Entries:
    """The rows of a table with a header; each has as many fields as the header."""
    reader = csv.reader(io.StringIO(_text(path), newline=""))
    advice = "Separate fields by commas, and quote those that have one."
    try:
        lines = [(reader.line_num, fields) for fields in reader if any(map(str.strip, fields))]
    except csv.Error as error:
        raise UnreadableFileError(path, f"line {reader.line_num} is no row ({error})", advice) from error
    if not lines:
        raise UnreadableFileError(path, "it is empty", "Give a header with 'epoch' and a row an epoch.")
    header = [name.strip() for name in lines[0][1]]
    if not {name.lower() for name in header} & {*EPOCH, *STEP} and len(lines) > 1:
        _check_fields(path, header, lines[1])
        raise without_clock(path, header)
    rows = []
    for number, fields in lines[1:]:
        _check_fields(path, header, (number, fields))
        rows.append(Row(number, dict(zip(header, map(str.strip, fields), strict=True))))
    _check_header(path, header, rows)
    return _numbers(path, [name for name in header if name], rows)


def _check_fields(path: Path, header: Sequence[str], line: tuple[int, Sequence[str]]) -> None:
    """Refuse a row that has more or fewer fields than the header has names."""
    number, count = line[0], len(line[1])
    if count != len(header):
        found = f"line {number} has {count} field{'' if count == 1 else 's'}, but its header names {len(header)}"
        raise UnreadableFileError(path, found, "Give each row as many fields: columns may have shifted.")


def _check_header(path: Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    """Refuse invalid names of columns; an empty column without a name is left out."""
    twice = [name for name in header if name and header.count(name) > 1]
    found = f"two of its columns are called {twice[0]!r}" if twice else ""
    filled = [row.line for row in rows if row.fields.get("")]
    if filled and not found:
        found = f"line {filled[0]} has a value in a column without a name"
    if found:
        raise UnreadableFileError(path, found, "Give each column a name of its own in the header.")


def _numbers(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> Entries:
    """The rows as numbers; a column of words only, such as dates, is skipped unless it is asked for."""
    values = {name: [_number(row.fields[name]) for row in rows] for name in columns}
    asked = {*EPOCH, *STEP}
    kept: list[str] = []
    words: list[str] = []
    for name, numbers in values.items():
        wrong = [row for row, number in zip(rows, numbers, strict=True) if number is None]
        some = any(number is not None and not math.isnan(number) for number in numbers)
        if wrong and (some or name.lower() in asked or direction_of(name) is not None):
            found = f"line {wrong[0].line} has {wrong[0].fields[name]!r} as {name}, which is no number"
            raise UnreadableFileError(path, found, "Give numbers under a header with 'epoch'.")
        (words if wrong else kept).append(name)
    table = np.array([values[name] for name in kept], dtype=np.float64).reshape(len(kept), len(rows)).T
    written = np.array([[row.fields[name].lower() not in MISSING for name in kept] for row in rows], dtype=np.bool_)
    return Entries(tuple(kept), table, written.reshape(table.shape), tuple(row.line for row in rows), tuple(words))


def _number(text: str) -> float | None:
    """The number in a field, NaN for an empty one; None for anything else."""
    if text.lower() in MISSING:
        return math.nan
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _json(path: Path) -> Entries:
    """The log of transformers' trainer, without its summary of the whole training."""
    advice = "Give transformers' trainer_state.json as it was written."
    try:
        history = json.loads(_text(path))["log_history"]
        rows = [entry for entry in history if "train_runtime" not in entry]
        plain = [{str(k): float(v) for k, v in row.items() if type(v) in (int, float)} for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UnreadableFileError(path, "it has no log_history of numbers", advice) from error
    columns = tuple(dict.fromkeys(name for row in plain for name in row))
    table = np.array([[row.get(name, math.nan) for name in columns] for row in plain], dtype=np.float64)
    written = np.array([[name in row for name in columns] for row in plain], dtype=bool)
    shape = (len(plain), len(columns))
    return Entries(columns, table.reshape(shape), written.reshape(shape), tuple(range(1, len(plain) + 1)), ())


def _renamed(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table, if it is one that a run can have."""
    if table.columns.empty and len(table):
        found, advice = "it has no column beside 'epoch'", "Give a metric a column, such as validation_accuracy."
        raise UnreadableFileError(path, found, advice)
    return table

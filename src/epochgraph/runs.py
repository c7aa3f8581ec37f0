"""The store of runs: a run's signature, metrics and settings, in one Parquet file."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.signature import Signature

Setting = str | int | float | bool | None

VERSION = 1
KEY = b"epochgraph run"  # of the schema metadata: a JSON document with version, name and settings
FEATURE, METRIC, SETTING = "feature:", "metric:", "setting:"  # what a column holds: no two names can collide


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One training run: how it was set up, how its graphs changed, how well it did.

    Attributes:
        name: Name of the run.
        signature: What its graphs say over time.
        metrics: One float64 column a metric (train_loss, validation_accuracy, test_accuracy, ...), indexed by
            `epoch`, float64 and strictly increasing; NaN where a metric was not measured.
        settings: Learning rate, dropout, architecture, ..., and how the signature was extracted.

    Raises:
        SettingError: The metrics or the settings are not of this form.
    """

    name: str
    signature: Signature
    metrics: pd.DataFrame
    settings: Mapping[str, Setting]

    def __post_init__(self) -> None:
        epochs, columns = self.metrics.index, self.metrics.dtypes.to_dict()
        for option, found, valid, expected in (
            ("metrics.index.name", epochs.name, epochs.name == "epoch", "'epoch'"),
            ("metrics.index.dtype", str(epochs.dtype), epochs.dtype == np.float64, "'float64'"),
            ("metrics.index", epochs.tolist(), (np.diff(epochs) > 0).all(), "strictly increasing"),
            ("metrics.columns", [*columns], all(isinstance(name, str) for name in columns), "strings"),
            ("metrics.dtypes", columns, all(dtype == np.float64 for dtype in columns.values()), "all float64"),
            ("metrics.index", epochs.tolist(), columns or epochs.empty, "empty, as there are no columns"),
        ):
            if not valid:
                raise SettingError(option, found, expected)
        for name, value in self.settings.items():
            if not isinstance(name, str) or not isinstance(value, Setting):
                raise SettingError(f"settings[{name!r}]", value, "a str, int, float, bool or None")

    def final_accuracy(self, column: str = "test_accuracy") -> float:
        """The accuracy (or another metric) after the last epoch, in the unit it was recorded in.

        Raises:
            SettingError: The run did not measure it at its last epoch.
        """
        measured = {} if self.metrics.empty else self.metrics.iloc[-1].dropna().to_dict()
        if column not in measured:
            known = ", ".join(map(str, measured)) or "nothing"
            expected = f"a metric of run {self.name!r} at its last epoch, which recorded {known}"
            raise SettingError("column", column, expected)
        return float(measured[column])


def write_run(run: Run, path: Path | str) -> None:
    """Write a run as one Parquet file, whole or not at all; reading it gives back every bit.

    A row is a time: an epoch of the signature, of the metrics, or of both; what was not recorded then is
    null, a NaN stays NaN. Columns: `epoch`, `diverged` (null: no snapshot), `feature:...` and `metric:...`.

    Raises:
        OutputError: The file cannot be written.
    """
    signature, metrics = run.signature, run.metrics
    epochs = np.union1d(signature.times, metrics.index.to_numpy())
    snapshots, measured = (np.isin(epochs, times) for times in (signature.times, metrics.index))
    names = ["epoch", "diverged", *(FEATURE + name for name in signature.names), *metrics.add_prefix(METRIC)]
    columns = [pa.array(epochs), _column(signature.diverged, snapshots)]
    columns += [_column(values, snapshots) for values in signature.values.T]
    columns += [_column(values, measured) for values in metrics.to_numpy().T]
    document = {"version": VERSION, "name": run.name, "settings": dict(run.settings)}
    table = pa.table(columns, names, metadata={KEY: json.dumps(document)})
    with atomic_write(Path(path)) as temporary:
        pq.write_table(table, temporary)


def read_stored_run(path: Path | str) -> Run:
    """Read a run that `write_run` wrote.

    Raises:
        UnreadableFileError: The file is missing, truncated, not a run, or of a newer version.
    """
    path = Path(path)
    advice = "Write the run anew with `write_run`, or take the file out of the folder."
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        document = json.loads((table.schema.metadata or {})[KEY])
        version = document["version"]
        if version == VERSION:
            return _run(document, table)
    except OSError as error:
        raise UnreadableFileError(path, (error.strerror or str(error)).partition("\n")[0], advice) from error
    except pa.ArrowException as error:
        raise UnreadableFileError(path, "it is not a whole Parquet file", advice) from error
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableFileError(path, "it is a Parquet file, but not a run", advice) from error
    found = f"it has format version {version!r}, this package reads {VERSION}"
    raise UnreadableFileError(path, found, "Update epochgraph.")


def read_stored_runs(folder: Path | str) -> list[Run]:
    """Read all runs of a folder: its .parquet files, in natural order (run2 before run10).

    Raises:
        UnreadableFileError: The folder has no runs, or one of them cannot be read.
    """
    folder = Path(folder)
    # a hidden file is one that is being written, or that a crash has left half written
    paths = [path for path in folder.glob("*.parquet") if not path.name.startswith(".")]
    if not paths:
        raise UnreadableFileError(folder, "there are no runs (.parquet files)", "Write some with `write_run`.")
    return [read_stored_run(path) for path in sorted(paths, key=_natural)]


def runs_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Many runs as one table, one row a run and time.

    Returns:
        Columns `run`, `setting:...` (the same in all rows of a run), `epoch`, `diverged` (missing: no
        snapshot), `metric:...` and `feature:...`; what a run did not record is NaN.
    """
    if not runs:
        return pd.DataFrame({"run": [], "epoch": [], "diverged": []})
    tables = [_run_table(run) for run in runs]
    settings = pd.DataFrame([{"run": run.name, **_prefixed(SETTING, run.settings)} for run in runs])
    of_rows = settings.loc[np.repeat(np.arange(len(runs)), [len(table) for table in tables])]
    return pd.concat([of_rows.reset_index(drop=True), pd.concat(tables, ignore_index=True)], axis="columns")


def _run_table(run: Run) -> pd.DataFrame:
    """The rows of one run, metrics first; the flag is of a type that can be missing."""
    signature = run.signature
    flags = pd.DataFrame({"diverged": pd.array(signature.diverged, dtype="boolean")}, index=signature.times)
    features = pd.DataFrame(signature.values, signature.times, signature.names)
    parts = [flags, run.metrics.add_prefix(METRIC), features.add_prefix(FEATURE)]
    table = pd.concat(parts, axis="columns").sort_index()
    return table.rename_axis("epoch").reset_index()


def _prefixed(prefix: str, values: Mapping[str, Setting]) -> dict[str, Setting]:
    return {prefix + name: value for name, value in values.items()}


def _column(values: np.ndarray, present: np.ndarray) -> pa.Array:
    """The values in the rows where they are present, null in the others."""
    column = np.zeros(len(present), dtype=values.dtype)
    column[present] = values
    return pa.array(column, mask=~present, from_pandas=False)


def _run(document: Mapping[str, Any], table: pa.Table) -> Run:
    """Put a run together from the parts of its file; a ValueError if they are not what `write_run` writes."""
    types = {field.type for field in table.schema if field.name != "diverged"}
    typed = types == {pa.float64()} and table["diverged"].type == pa.bool_() and isinstance(document["name"], str)
    if not typed or not (np.diff(table["epoch"]) > 0).all():
        raise ValueError
    snapshots = table.filter(pc.is_valid(table["diverged"]))
    names, values = _columns(snapshots, FEATURE)
    diverged = snapshots["diverged"].to_numpy().astype(bool)
    signature = Signature(snapshots["epoch"].to_numpy().copy(), tuple(names), values, diverged)
    named = zip(table.column_names, table.columns, strict=True)
    measured = [pc.is_valid(column) for name, column in named if name.startswith(METRIC)]
    rows = table.filter(reduce(pc.or_, measured)) if measured else table.slice(0, 0)
    names, values = _columns(rows, METRIC)
    epochs = pd.Index(rows["epoch"].to_numpy().copy(), name="epoch")
    return Run(document["name"], signature, pd.DataFrame(values, epochs, names), document["settings"])


def _columns(table: pa.Table, prefix: str) -> tuple[list[str], np.ndarray]:
    """Names, less the prefix, and values of the columns of one kind."""
    named = zip(table.column_names, table.columns, strict=True)
    columns = [(name.removeprefix(prefix), column.to_numpy()) for name, column in named if name.startswith(prefix)]
    values = np.array([column for _, column in columns], dtype=np.float64).reshape(len(columns), table.num_rows)
    return [name for name, _ in columns], values.T.copy()


def _natural(path: Path) -> list[str | int]:
    """A key that orders numbers inside names by their value."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]

"""A run as the columns of a table, and back.

A row is a time: an epoch of the signature, the metrics or a recording. Columns: `run`, `epoch`,
`diverged` (null: no snapshot), `feature:...`, `metric:...`, `vector:...` (lists of 16-bit numbers) and, in a file of
many runs, `setting:...` (the same in all rows of a run). Values that were not recorded at that time are null; a NaN
stays NaN.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from epochgraph.runs.run import Recording, Run, Setting
from epochgraph.runs.table import FEATURE, METRIC, SETTING
from epochgraph.signature import Signature

VECTOR = "vector:"


def run_columns(run: Run) -> pa.Table:
    """The rows of one run."""
    signature, metrics, recordings = run.signature, run.metrics, run.recordings
    times = [signature.times, metrics.index.to_numpy(), *(recording.times for recording in recordings.values())]
    epochs = np.unique(np.concatenate(times))
    snapshots, measured = (np.isin(epochs, times) for times in (signature.times, metrics.index))
    columns: dict[str, pa.Array] = {"run": pa.repeat(run.name, len(epochs)).dictionary_encode()}
    columns |= {"epoch": pa.array(epochs), "diverged": _column(signature.diverged, snapshots)}
    for name, values in zip(signature.names, signature.values.T, strict=True):
        columns[FEATURE + name] = _column(values, snapshots)
    for name, values in zip(metrics.columns, metrics.to_numpy().T, strict=True):
        columns[METRIC + name] = _column(values, measured)
    for name, recording in recordings.items():
        columns[VECTOR + name] = _lists(recording, np.isin(epochs, recording.times))
    return pa.table(columns)


def setting_columns(runs: Sequence[Run], rows: Sequence[int]) -> dict[str, pa.Array]:
    """The settings of runs, each repeated for every row of the run; as text if their types differ between runs."""
    columns = {}
    for name in dict.fromkeys(name for run in runs for name in run.settings):
        values = [run.settings.get(name) for run in runs]
        try:
            column = pa.array(values)
        except (pa.ArrowException, OverflowError):
            column = pa.array([None if value is None else str(value) for value in values])
        columns[SETTING + name] = column.take(pa.array(np.repeat(np.arange(len(runs)), rows)))
    return columns


def run_of(name: str, settings: Mapping[str, Setting], table: pa.Table, *, alone: bool = True) -> Run:
    """Build a run from its rows; raises a ValueError if they are not as `run_columns` makes them.

    Args:
        name: Name of the run.
        settings: Its settings.
        table: Its rows.
        alone: Whether the file holds no other run: otherwise, columns without any value belong to others.
    """
    kept = [n for n in table.column_names if not n.startswith(SETTING) and n != "run"]
    always = ("diverged", "epoch")
    table = table.select([n for n in kept if alone or n in always or table[n].null_count < len(table)])
    if not _typed(table) or not (np.diff(table["epoch"]) > 0).all():
        raise ValueError
    valid = pc.is_valid(table["diverged"])
    times, names, values = _matrix(table, FEATURE, valid)
    diverged = table["diverged"].filter(valid).to_numpy().astype(bool)
    signature = Signature(times, tuple(names), values, diverged)
    measured = [pc.is_valid(table[n]) for n in table.column_names if n.startswith(METRIC)]
    nowhere = pa.array(np.zeros(len(table), dtype=bool))
    epochs, names, values = _matrix(table, METRIC, reduce(pc.or_, measured, nowhere))
    metrics = pd.DataFrame(values, pd.Index(epochs, name="epoch"), names)
    vectors = {n.removeprefix(VECTOR): _recording(table, n) for n in table.column_names if n.startswith(VECTOR)}
    return Run(name, signature, metrics, settings, vectors)


def _typed(table: pa.Table) -> bool:
    """Whether every column has the type that it is written with."""
    expected = {"diverged": pa.bool_(), "epoch": pa.float64()}
    numbers = {FEATURE: pa.float64(), METRIC: pa.float64(), VECTOR: pa.list_(pa.float16())}
    types = {f.name: expected.get(f.name) or numbers.get(f.name.partition(":")[0] + ":") for f in table.schema}
    return expected.keys() <= types.keys() and all(table.schema.field(n).type == kind for n, kind in types.items())


def _column(values: np.ndarray, present: np.ndarray) -> pa.Array:
    """The values in the rows where they are present, null in the others."""
    column = np.zeros(len(present), dtype=values.dtype)
    column[present] = values
    return pa.array(column, mask=~present, from_pandas=False)


def _matrix(table: pa.Table, prefix: str, kept: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, list[str], np.ndarray]:
    """The epochs, names (without the prefix) and values of the columns of one kind, in the rows that are kept."""
    names = [name for name in table.column_names if name.startswith(prefix)]
    rows = table.select(["epoch", *names]).filter(kept)  # converting lists takes much longer
    values = np.array([rows[name].to_numpy() for name in names], dtype=np.float64).reshape(len(names), len(rows))
    return rows["epoch"].to_numpy().copy(), [name.removeprefix(prefix) for name in names], values.T.copy()


def _lists(recording: Recording, present: np.ndarray) -> pa.Array:
    """A vector in each row where it is present, null in the others."""
    length = recording.values.shape[1]
    offsets = np.concatenate([[0], np.cumsum(present * length)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(recording.values.ravel()), mask=pa.array(~present))


def _recording(table: pa.Table, name: str) -> Recording:
    rows = table.select(["epoch", name]).filter(pc.is_valid(table[name]))
    values = rows[name].combine_chunks().flatten().to_numpy().reshape(len(rows), -1)
    return Recording(rows["epoch"].to_numpy().copy(), values.copy())

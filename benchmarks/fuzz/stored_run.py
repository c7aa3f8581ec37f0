"""Stored runs: what is read is made into tables, and written again."""

import io
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.fuzz.form import Kind
from benchmarks.fuzz.mutations import changed_bytes, changed_document, changed_number
from epochgraph.errors import EpochgraphError
from epochgraph.extraction import extraction
from epochgraph.predictors.curves import learning_curve_of_epochs
from epochgraph.predictors.views import signature_so_far
from epochgraph.runs import Recording, Run, Setting, read_stored_runs, runs_table, write_run, write_runs
from epochgraph.runs.storage import KEY
from epochgraph.signature import Signature

TYPES = (pa.string(), pa.int64(), pa.int8(), pa.float32(), pa.bool_(), pa.binary(), pa.list_(pa.float16()), pa.null())

NAMES = ("run", "epoch", "diverged", "feature:", "metric:x", "vector:x", "setting:x", "feature:a@b", "", "x", "metric:")


def _run(name: str, metric: str) -> Run:
    times = np.array([0.0, 0.5, 1.0])
    signature = Signature(times, ("degree/graph/mean", "é"), np.ones((3, 2)), np.array([False, False, True]))
    metrics = pd.DataFrame({metric: [0.5, np.nan]}, pd.Index([1.0, 2.0], name="epoch"))
    recording = Recording(times[:2], np.ones((2, 3), dtype=np.float16))
    settings: dict[str, Setting] = {
        "learning_rate": 0.1,
        "architecture": "é",
        "batch": 3,
        "augmented": True,
        "nothing": None,
    }
    return Run(name, signature, metrics, settings, {"last_layer": recording})


def _samples(folder: Path) -> list[bytes]:
    path, runs = folder / "sample.parquet", [_run("a", "test_accuracy"), _run("b", "train_loss")]
    write_run(runs[0], path)
    single = path.read_bytes()
    write_runs(runs, path, about={"what": "two"})
    return [single, path.read_bytes()]


def _mutated(content: bytes, random: Random) -> bytes:
    if random.random() < 0.2:
        return changed_bytes(content, random)
    table = pq.read_table(io.BytesIO(content))
    document = json.loads(table.schema.metadata[KEY])
    for _ in range(random.choice((1, 1, 2))):
        if random.random() < 0.5 or not table.num_columns:
            document = changed_document(document, random, NAMES)
        else:
            table = _changed_table(table, random)
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(document)}), buffer)
    return buffer.getvalue()


def _changed_table(table: pa.Table, random: Random) -> pa.Table:
    column = random.randrange(table.num_columns)
    match random.randrange(6):
        case 0:
            return table.remove_column(column)
        case 1:
            names = list(table.column_names)
            names[column] = random.choice((*NAMES, *names))
            return table.rename_columns(names)
        case 2:
            return table.slice(random.randrange(len(table) + 1))
        case 3 if len(table):
            return table.take(pa.array([random.randrange(len(table)) for _ in range(len(table))]))
        case 4:
            return _recast(table, column, random.choice(TYPES))
        case _:
            return _with_another_value(table, column, random)


def _recast(table: pa.Table, column: int, kind: pa.DataType) -> pa.Table:
    try:
        made = table[column].cast(kind)
    except pa.ArrowException:
        made = pa.nulls(len(table), kind)
    return table.set_column(column, table.column_names[column], made)


def _with_another_value(table: pa.Table, column: int, random: Random) -> pa.Table:
    values: list[Any] = table[column].to_pylist()
    if values:
        place = random.randrange(len(values))
        number = values[place] if isinstance(values[place], float) else 1.0
        strange: tuple[Any, ...] = (
            None,
            float("nan"),
            float("inf"),
            -1.0,
            1e308,
            changed_number(number, random),
            "x",
            True,
            [],
            [1.0],
        )
        values[place] = random.choice(strange)
    try:
        made = pa.array(values, table.schema.field(column).type)
    except (pa.ArrowException, OverflowError):
        made = pa.nulls(len(values), table.schema.field(column).type)
    return table.set_column(column, table.column_names[column], made)


def _use(path: Path) -> None:
    runs = read_stored_runs(path)
    runs_table(runs)
    again = path.with_name("again.parquet")
    for run in runs:
        write_run(run, again)
        read_stored_runs(again)
        run.name.encode()
        for way in (run.final_accuracy, lambda run=run: extraction(run.settings)):
            _one_line(way)
    for view in (signature_so_far, learning_curve_of_epochs):
        _one_line(lambda view=view: view(runs, 1.0))
    _one_line(lambda: write_runs(runs, again))


def _one_line(way: Any) -> None:
    try:
        way()
    except EpochgraphError as error:
        if "\n" in str(error):
            raise ValueError("an error has several lines") from error


KIND = Kind(".parquet", _samples, _mutated, _use)

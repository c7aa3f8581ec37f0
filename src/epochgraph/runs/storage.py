"""Runs in Parquet files: one per file, written when the run is done, or a whole population in one."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from epochgraph.checkpoints.archive import readable
from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.runs.columns import run_columns, run_of, setting_columns
from epochgraph.runs.run import Run, Setting
from epochgraph.runs.table import FEATURE

VERSION = 2
KEY = b"epochgraph runs"
"""The key of the schema metadata: a JSON document with the version, and the name and settings of each run."""

ADVICE = "Write it anew with `write_run` or `write_runs`, or take the file out of the folder."

SMALLEST = {"compression": "zstd", "compression_level": 15, "use_dictionary": ["run"], "write_statistics": False}
"""Parquet options for published files: numbers with many digits do not profit from a dictionary."""


def write_run(run: Run, path: Path | str) -> None:
    """Write a run as one Parquet file, whole or not at all; reading it gives back every bit.

    Raises:
        OutputError: The file cannot be written.
    """
    _write([run], Path(path), {})


def write_runs(runs: Sequence[Run], path: Path | str, *, about: Mapping[str, str] | None = None) -> None:
    """Write many runs as one small Parquet file, whole or not at all, to publish them.

    Features are rounded to 32 bits (seven digits); everything else stays as it is. Any Parquet reader can use the file;
    `runs.columns` says what is in it.

    Args:
        runs: The runs.
        path: The file.
        about: Further texts that belong to them, by name; `read_about` reads them back.

    Raises:
        SettingError: There are no runs, or two have the same name.
        OutputError: The file cannot be written.
    """
    names = [run.name for run in runs]
    if not runs or len(set(names)) < len(names):
        raise SettingError("runs", names, "at least one, each of a name of its own")
    _write(runs, Path(path), SMALLEST, about)


def read_stored_run(path: Path | str) -> Run:
    """Read the run in a file that `write_run` wrote.

    Raises:
        UnreadableFileError: The file is missing, truncated, not a run, holds several runs, or has a newer version.
    """
    runs = _read(Path(path))
    if len(runs) > 1:
        raise UnreadableFileError(Path(path), f"it has {len(runs)} runs", "Use `read_stored_runs`.")
    return runs[0]


def read_stored_runs(path: Path | str) -> list[Run]:
    """Read all runs of a folder of run files, in natural order (run2 before run10), or of one file.

    Raises:
        UnreadableFileError: There are no runs, or one of the files cannot be read.
    """
    path = Path(path)
    with readable(path):
        single = path.is_file()
    files = [path] if single else parquet_files(path)
    if not files:
        raise UnreadableFileError(path, "there are no runs (.parquet files)", "Write some with `write_run`.")
    return [run for file in files for run in _read(file)]


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder, in natural order (run2 before run10); none if there is no such folder.

    Hidden files are being written, or were left half written by a crash, and are ignored.

    Raises:
        UnreadableFileError: The folder cannot be read.
    """
    with readable(folder):
        try:
            entries = list(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            entries = []
    files = [file for file in entries if file.suffix == ".parquet" and not file.name.startswith(".")]
    return sorted(files, key=_natural)


def _write(
    runs: Sequence[Run], path: Path, options: Mapping[str, object], about: Mapping[str, str] | None = None
) -> None:
    tables = [run_columns(run) for run in runs]
    table = pa.concat_tables(tables, promote_options="default").combine_chunks()
    if options:
        table = table.cast(pa.schema([_narrow(field) for field in table.schema]))
        for name, column in setting_columns(runs, [len(part) for part in tables]).items():
            table = table.append_column(name, column)
        options = {**options, "use_byte_stream_split": [f.name for f in table.schema if pa.types.is_floating(f.type)]}
    settings = [{"name": run.name, "settings": dict(run.settings)} for run in runs]
    document = {"version": VERSION, "about": dict(about or {}), "runs": settings}
    table = table.replace_schema_metadata({KEY: json.dumps(document)})
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, **options)


def _narrow(field: pa.Field) -> pa.Field:
    return field.with_type(pa.float32()) if field.name.startswith(FEATURE) else field


def _widened(field: pa.Field) -> pa.Field:
    return field.with_type(pa.float64()) if field.type == pa.float32() else field


def read_about(path: Path | str) -> dict[str, str]:
    """Read the texts that `write_runs` stored with the runs of a file, without reading the runs.

    Raises:
        UnreadableFileError: The file is missing, truncated, holds no runs, or has a newer version.
    """
    with _of_runs(Path(path)) as (_, document):
        about = {str(name): str(text) for name, text in document.get("about", {}).items()}
        json.dumps(about, ensure_ascii=False).encode()  # a lone surrogate can be neither printed nor stored
        return about


def read_headers(path: Path | str) -> list[tuple[str, dict[str, Setting]]]:
    """Read name and settings of each run of a file; what was measured is not looked at.

    Raises:
        UnreadableFileError: As `read_about`.
    """
    with _of_runs(Path(path)) as (_, document):
        return [_header(one) for one in document["runs"]]


def _header(document: Mapping[str, object]) -> tuple[str, dict[str, Setting]]:
    """Name and settings of a run; a TypeError or ValueError if they are none."""
    name, settings = document["name"], document["settings"]
    if not isinstance(name, str) or not isinstance(settings, dict):
        raise TypeError
    json.dumps([name, settings], ensure_ascii=False).encode()  # a lone surrogate can be neither printed nor stored
    return name, settings


def _read(path: Path) -> list[Run]:
    with _of_runs(path) as (file, document):
        return _runs(document["runs"], file.read())


@contextmanager
def _of_runs(path: Path) -> Iterator[tuple[pq.ParquetFile, Mapping[str, Any]]]:
    """Lend a file and its header; any damage, found now or within the block, becomes one error."""
    try:
        with pq.ParquetFile(path) as file:
            document = json.loads((file.schema_arrow.metadata or {})[KEY])
            version = document["version"]
            if version == VERSION:
                yield file, document
    except OSError as error:
        raise UnreadableFileError(path, (error.strerror or str(error)).partition("\n")[0], ADVICE) from error
    except pa.ArrowException as error:
        raise UnreadableFileError(path, "it is not a whole Parquet file", ADVICE) from error
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableFileError(path, "it is a Parquet file, but not of runs", ADVICE) from error
    if version != VERSION:
        found = f"it has format version {version!r}, this package reads {VERSION}"
        raise UnreadableFileError(path, found, "Update epochgraph.")


def _runs(documents: Sequence[Mapping[str, object]], table: pa.Table) -> list[Run]:
    """The runs of a table, each in consecutive rows; raises a ValueError or KeyError if it is not as written."""
    table = table.cast(pa.schema([_widened(field) for field in table.schema])).combine_chunks()
    names = table["run"].cast(pa.string()).to_pylist()
    rows = {name: list(places) for name, places in groupby(range(len(names)), key=names.__getitem__)}
    runs = []
    for document in documents:
        name, settings = _header(document)
        places = rows.get(name, [])
        part = table.slice(places[0] if places else 0, len(places))
        runs.append(run_of(name, settings, part, alone=len(documents) == 1))
    if not runs:
        raise ValueError
    return runs


def _natural(path: Path) -> list[str | int]:
    """A sort key that orders numbers within names by value."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]

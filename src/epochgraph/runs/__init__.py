"""The store of runs: a run's signature, metrics, settings and vectors as a Parquet file, or many runs in one."""

from epochgraph.runs.known import StoredRuns
from epochgraph.runs.logs import Log, LogOptions, log_path, read_log
from epochgraph.runs.metrics import Direction, canonical_names, direction_for, direction_of
from epochgraph.runs.population import PopulationTables, read_population
from epochgraph.runs.run import Recording, Run, Setting, values_of
from epochgraph.runs.storage import (
    parquet_files,
    read_about,
    read_headers,
    read_stored_run,
    read_stored_runs,
    write_run,
    write_runs,
)
from epochgraph.runs.table import runs_table

__all__ = [
    "Direction",
    "Log",
    "LogOptions",
    "PopulationTables",
    "Recording",
    "Run",
    "Setting",
    "StoredRuns",
    "canonical_names",
    "direction_for",
    "direction_of",
    "log_path",
    "parquet_files",
    "read_about",
    "read_headers",
    "read_log",
    "read_population",
    "read_stored_run",
    "read_stored_runs",
    "runs_table",
    "values_of",
    "write_run",
    "write_runs",
]

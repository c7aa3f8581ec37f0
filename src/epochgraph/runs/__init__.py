"""The store of runs: a run's signature, metrics, settings and vectors as a Parquet file, or many runs in one."""

from epochgraph.runs.population import PopulationTables, read_population
from epochgraph.runs.storage import (
    parquet_files,
    read_about,
    read_stored_run,
    read_stored_runs,
    write_run,
    write_runs,
)
from epochgraph.runs.structure import Recording, Run, Setting, values_of
from epochgraph.runs.table import runs_table

__all__ = [
    "PopulationTables",
    "Recording",
    "Run",
    "Setting",
    "parquet_files",
    "read_about",
    "read_population",
    "read_stored_run",
    "read_stored_runs",
    "runs_table",
    "values_of",
    "write_run",
    "write_runs",
]

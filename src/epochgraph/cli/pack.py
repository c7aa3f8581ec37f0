"""`epochgraph pack`."""

from dataclasses import replace
from pathlib import Path

from epochgraph.cli.batch import Batch, stored_runs
from epochgraph.cli.output import console
from epochgraph.errors import SettingError
from epochgraph.runs import write_runs


def run(store: Path, out: Path, *, up_to: float | None) -> None:
    """Write the stored runs of a folder as one small file.

    Raises:
        SettingError: The file's name does not end in .parquet, or a run has no snapshot that early.
        UnreadableFileError: There are no runs, or the only one cannot be read.
        BatchError: Some of several cannot be read; the file has the others.
        OutputError: The file cannot be written.
    """
    if out.suffix != ".parquet":
        raise SettingError("out", str(out), "the name of a .parquet file")
    batch = Batch()
    runs = stored_runs(store, batch)
    if up_to is not None:
        runs = [replace(run, signature=run.signature.up_to(up_to)) for run in runs]
    write_runs(runs, out)
    console.print(f"{len(runs)} runs: {out} ({out.stat().st_size / 1e3:.0f} kB)", markup=False, highlight=False)
    batch.finish()

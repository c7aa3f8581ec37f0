"""`epochgraph extract`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.progress import Progress

from epochgraph.checkpoints import Checkpoint, CheckpointRun
from epochgraph.checkpoints.archive import exists
from epochgraph.checkpoints.layout import beside, run_names
from epochgraph.cli.memory import shown_reading, usable_memory
from epochgraph.cli.output import notes, progress_bar
from epochgraph.cli.reading import ReadingOptions
from epochgraph.cli.wiring import WiringOptions
from epochgraph.errors import UnreadableFileError
from epochgraph.extraction import Extraction
from epochgraph.runs import Run, Setting, write_run
from epochgraph.topology import Topology

METRICS_FILE = "metrics.csv"
SETTINGS_FILE = "settings.json"


def run(
    runs: list[Path],
    out: Path,
    how: Extraction,
    options: WiringOptions,
    reading: ReadingOptions,
    *,
    memory: str | None,
    force: bool,
) -> None:
    """Extract the runs that are not stored yet."""
    names = run_names(runs)
    targets = {path: out / f"{name}.parquet" for path, name in names.items()}
    missing = {path: target for path, target in targets.items() if force or not exists(target)}
    with progress_bar() as progress:
        task = progress.add_task("runs", total=len(missing))
        for path, target in missing.items():
            checkpoints = reading.run(path)
            wiring = options.topology_of(checkpoints[0])
            run = extracted(checkpoints, wiring, how, progress, name=names[path], memory=memory)
            write_run(run, target)
            _note_left_out(checkpoints, wiring, run)
            progress.advance(task)
    already = len(targets) - len(missing)
    told = f", {already} were there already" if already else ""
    notes.print(f"{len(missing)} runs extracted to {out}{told}", markup=False)


def extracted(
    checkpoints: CheckpointRun,
    topology: Topology,
    how: Extraction,
    progress: Progress,
    *,
    name: str,
    memory: str | None = None,
) -> Run:
    """The run in a folder of checkpoints, with the metrics and settings beside them.

    Args:
        checkpoints: The checkpoints.
        topology: Their wiring.
        how: How the signature is taken.
        progress: Shows how far it is.
        name: What the run is called.
        memory: The size that graphs may take, as the user says it (see `usable_memory`).

    Raises:
        SettingError: The memory is no size.
        UnreadableFileError: The metrics or settings cannot be read.
        EpochgraphError: As for the checkpoints and the signature.
    """
    place = checkpoints.path
    metrics, settings = _metrics(beside(place, METRICS_FILE)), _settings(beside(place, SETTINGS_FILE))  # before hours
    task = progress.add_task(name, total=len(checkpoints))

    def snapshots() -> Iterator[Checkpoint]:
        for checkpoint in checkpoints:
            yield checkpoint
            progress.advance(task)

    first = checkpoints[0]
    usable = usable_memory(memory, first, graphs=how.graphs)
    with shown_reading(progress, first) as watch:
        taken = how.signature(snapshots(), topology, memory=usable, watch=watch)
    progress.remove_task(task)
    return Run(name, taken, metrics, settings | how.settings())


def _note_left_out(checkpoints: CheckpointRun, topology: Topology, run: Run) -> None:
    """Say what was not looked at, or not found."""
    if run.metrics.empty:
        notes.print(
            f"{checkpoints.path}: stored without metrics, as there is no {METRICS_FILE} beside it", markup=False
        )
    share = topology.coverage.share
    if share < 1:
        left_out = f"{1 - share:.1%} of the parameters are left out (epochgraph inspect says which)"
        notes.print(f"{checkpoints.path}: {left_out}", markup=False)
    for path in checkpoints.skipped:
        notes.print(f"{path}: skipped, since its name tells no epoch", markup=False)


def _metrics(path: Path) -> pd.DataFrame:
    if not exists(path):
        return pd.DataFrame(index=pd.Index([], name="epoch", dtype=float))
    try:
        table = pd.read_csv(path, dtype=float).set_index("epoch").sort_index()
    except (ValueError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableFileError(
            path, f"it is no table of metrics ({reason})", "Give numbers under a header with 'epoch'."
        ) from error
    _check(table, path)
    return table


def _check(table: pd.DataFrame, path: Path) -> None:
    """Refuse metrics that a run cannot have."""
    epochs, found = table.index, None
    advice = (
        "Give one row an epoch, of completed passes: join those of Lightning, which fill different columns, and add 1."
    )
    if table.columns.empty and len(table):
        found, advice = "it has no column beside 'epoch'", "Give a metric a column, such as validation_accuracy."
    elif epochs.hasnans:
        found = f"{len(epochs) - len(epochs.dropna())} of its rows have no epoch"
    elif epochs.has_duplicates:
        found = f"epoch {epochs[epochs.duplicated()][0]:.12g} has several rows"
    if found:
        raise UnreadableFileError(path, found, advice)


def _settings(path: Path) -> dict[str, Setting]:
    if not exists(path):
        return {}
    advice = 'Give one object of plain values, such as {"learning_rate": 0.1}.'
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UnreadableFileError(path, f"it is no JSON file ({error})", advice) from error
    plain = isinstance(document, dict) and all(isinstance(value, Setting) for value in document.values())
    if not plain:
        raise UnreadableFileError(path, "it is not an object of plain values", advice)
    return dict(document)

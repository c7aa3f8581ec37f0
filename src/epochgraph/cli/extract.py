"""`epochgraph extract`."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import Progress

from epochgraph.checkpoints import Checkpoint, CheckpointRun
from epochgraph.checkpoints.archive import exists
from epochgraph.checkpoints.layout import beside, run_names
from epochgraph.cli.batch import Batch
from epochgraph.cli.memory import shown_reading, usable_memory
from epochgraph.cli.output import notes, progress_bar
from epochgraph.cli.reading import ReadingOptions
from epochgraph.cli.wiring import WiringOptions
from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.extraction import PREFIX, Extraction, extraction
from epochgraph.runs import Log, LogOptions, Run, Setting, read_log, read_stored_run, write_run
from epochgraph.runs.logs import NAMES
from epochgraph.topology import Topology

SETTINGS_FILE = "settings.json"


def run(
    runs: list[Path],
    out: Path,
    how: Extraction,
    options: WiringOptions,
    reading: ReadingOptions,
    logs: LogOptions,
    *,
    memory: str | None,
    force: bool,
) -> None:
    """Extract the runs that are not stored yet; what cannot be read stops no other run.

    Raises:
        BatchError: Some of several runs could not be extracted, or are stored in another way than is asked for.
        EpochgraphError: The only run could not be extracted; or as `Batch.each`.
    """
    names = run_names(runs)
    targets = {path: out / f"{name}.parquet" for path, name in names.items()}
    missing = {path: target for path, target in targets.items() if force or not exists(target)}
    batch, log_notes = Batch(len(targets)), list[str]()
    with progress_bar() as progress:
        task = progress.add_task("runs", total=len(missing))
        for path, target in missing.items():
            with batch.each(path):
                checkpoints = reading.run(path)
                wiring = options.topology_of(checkpoints[0])
                run, log = extracted(checkpoints, wiring, how, progress, name=names[path], memory=memory, logs=logs)
                write_run(run, target)
                _note_left_out(checkpoints, wiring, run)
                log_notes += log.notes
            progress.advance(task)
    for note in dict.fromkeys(log_notes):  # the logs of a sweep are alike
        notes.print(note, markup=False, highlight=False)
    done = len(missing) - len(batch.failures)
    for path in (path for path in targets if path not in missing):
        with batch.each(path):
            check_current(path, targets[path], how, logs, reading)
    already = len(targets) - len(missing)
    there = f", {already} were there already" if already else ""
    if len(batch.failures) < len(targets):
        notes.print(f"{done} runs extracted to {out}{there}", markup=False)
    batch.finish()


def extracted(
    checkpoints: CheckpointRun,
    topology: Topology,
    how: Extraction,
    progress: Progress,
    *,
    name: str,
    logs: LogOptions,
    memory: str | None = None,
) -> tuple[Run, Log]:
    """The run in a folder of checkpoints, with the metrics and settings beside them.

    Args:
        checkpoints: The checkpoints.
        topology: Their wiring.
        how: How the signature is taken.
        progress: Shows how far it is.
        name: What the run is called.
        logs: What the user says of metrics.
        memory: The size that graphs may take, as the user says it (see `usable_memory`).

    Returns:
        The run, and its log.

    Raises:
        SettingError: The memory is no size.
        UnreadableFileError: The metrics or settings cannot be read.
        EpochgraphError: As for the checkpoints and the signature.
    """
    log, settings = _recorded(checkpoints, logs)  # before what takes hours
    task = progress.add_task(name, total=len(checkpoints))

    def snapshots() -> Iterator[Checkpoint]:
        for checkpoint in checkpoints:
            yield checkpoint
            progress.advance(task)

    first = checkpoints[0]
    usable = usable_memory(memory, first, graphs=how.graphs)
    try:
        with shown_reading(progress, first) as watch:
            taken = how.signature(snapshots(), topology, memory=usable, watch=watch)
    finally:
        progress.remove_task(task)
    return Run(name, taken, log.metrics, settings | how.settings()), log


def _recorded(checkpoints: CheckpointRun, logs: LogOptions) -> tuple[Log, dict[str, Setting]]:
    """The log and the settings that lie beside checkpoints.

    Raises:
        UnreadableFileError: They cannot be read.
    """
    times = [time for time in checkpoints.epochs if time is not None]
    log = read_log(checkpoints.path, times, logs, steps=_in_steps(checkpoints.files))
    return log, _settings(beside(checkpoints.path, SETTINGS_FILE))


def _in_steps(files: Sequence[Path]) -> bool:
    """Whether the names of checkpoints tell steps: those of transformers, or such as step_500.pt."""
    names = [path.name.lower() for path in files]
    return all(
        re.fullmatch(r"checkpoint-[0-9]+", name)
        or (re.search(r"(?<![a-z])(step|iter)", name) and not re.search(r"(?<![a-z])(e|ep|epoch)s?(?![a-z])", name))
        for name in names
    )


def check_current(path: Path, target: Path, how: Extraction, logs: LogOptions, reading: ReadingOptions) -> None:
    """See that a stored run is what would be extracted now; one whose checkpoints are gone is all that there is.

    Raises:
        UnreadableFileError: It was extracted with other options, or before its metrics, settings or checkpoints came.
    """
    try:
        stored = read_stored_run(target)
        found = None if extraction(stored.settings) == how else _difference(extraction(stored.settings), how)
    except (UnreadableFileError, SettingError) as error:
        raise UnreadableFileError(target, f"it is no stored run ({error})", FORCE) from error
    if found is None and exists(path):
        found = _newer(stored, path, logs, reading)
    if found is not None:
        raise UnreadableFileError(target, found, FORCE)


FORCE = "Give `--force` to extract it anew."


def _difference(stored: Extraction, how: Extraction) -> str:
    """How a stored run was extracted otherwise than is asked for."""
    before, now = stored.settings(), how.settings()
    parts = [f"{n.removeprefix(PREFIX)} {before[n]!r}, not {now[n]!r}" for n in now if before[n] != now[n]]
    return f"it was extracted with other options: {'; '.join(parts)}"


def _newer(stored: Run, path: Path, logs: LogOptions, reading: ReadingOptions) -> str | None:
    """What has come beside the checkpoints, or changed there, since a run was stored."""
    checkpoints = reading.run(path)
    log, settings = _recorded(checkpoints, logs)
    times = [time for time in checkpoints.epochs if time is not None]
    if times and times != stored.signature.times.tolist():
        return f"it has the checkpoints up to epoch {stored.signature.times[-1]:g}, and there are {len(times)} now"
    if log.path is not None and not log.metrics.equals(stored.metrics):
        return f"{log.path.name} has come or changed since it was extracted"
    own = {name: value for name, value in stored.settings.items() if not name.startswith(PREFIX)}
    return f"{SETTINGS_FILE} has come or changed since it was extracted" if settings and settings != own else None


def _note_left_out(checkpoints: CheckpointRun, topology: Topology, run: Run) -> None:
    """Say what was not looked at, or not found."""
    if run.metrics.empty:
        notes.print(f"{checkpoints.path}: stored without metrics, as there is no {NAMES[0]} beside it", markup=False)
    share = topology.coverage.share
    if share < 1:
        left_out = f"{1 - share:.1%} of the parameters are left out (epochgraph inspect says which)"
        notes.print(f"{checkpoints.path}: {left_out}", markup=False)
    for path in checkpoints.skipped:
        notes.print(f"{path}: skipped, since its name tells no epoch", markup=False)


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

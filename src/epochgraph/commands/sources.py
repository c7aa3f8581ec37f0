"""Reads runs from anywhere: folders of checkpoints, stored runs, or objects."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from epochgraph.checkpoints import CheckpointRun
from epochgraph.checkpoints.archive import readable
from epochgraph.checkpoints.layout import run_name
from epochgraph.commands.batch import Batch
from epochgraph.commands.extracting import extracted
from epochgraph.commands.progress import OnProgress, unwatched
from epochgraph.commands.reading import Reading
from epochgraph.errors import SettingError, UnfinishedRunsError
from epochgraph.extraction import PREFIX, Extraction, extraction
from epochgraph.predictors.shipped.applicability import OF_A_ZOO
from epochgraph.predictors.views import folded
from epochgraph.runs import Run, canonical_names, parquet_files, read_stored_runs
from epochgraph.runs.ends import unfinished
from epochgraph.signature import Signature

Source = str | os.PathLike[str] | Run | Signature | CheckpointRun
"""One run, or a folder or file of several."""

Sources = Source | Iterable[Source]

Unfinished = Literal["refuse", "leave-out", "take"]
"""What to do with runs that were stopped before their end."""


def listed(runs: Sources) -> list[Path | Run | Signature | CheckpointRun]:
    """The given runs, folders and files as a list.

    Raises:
        SettingError: It is empty.
    """
    alone = isinstance(runs, str | os.PathLike | Run | Signature | CheckpointRun)
    several = [runs] if alone else [*runs]  # type: ignore[misc]  # by the line above
    if not several:
        raise SettingError("runs", [], "at least one run, or a folder of them")
    return [Path(one) if isinstance(one, str | os.PathLike) else one for one in several]  # type: ignore[misc]


def stored_runs(runs: Sources, batch: Batch) -> list[Run]:
    """Finished runs: objects, or stored in a folder or a file; the batch keeps the errors of those that fail.

    Raises:
        UnreadableFileError: There are no runs, or there is a single file, which cannot be read.
        BatchError: None of several can be read.
    """
    given = listed(runs)
    if len(given) == 1 and isinstance(given[0], Path):
        return _in_store(given[0], batch)
    found, batch.of = list[Run](), len(given)
    for place, one in enumerate(given):
        with batch.each(_name(one, place)):
            found += read_stored_runs(one) if isinstance(one, Path) else [_finished_run(one)]
    if not found:
        batch.check_any()
    return found


def _in_store(store: Path, batch: Batch) -> list[Run]:
    """The runs of a folder of stored runs, or of one file."""
    with readable(store):
        single = store.is_file()
    files = [] if single else parquet_files(store)
    if not files:
        runs = read_stored_runs(store)
        batch.of = len(runs)
        return runs
    batch.of, runs = len(files), []
    for file in files:
        with batch.each(file):
            runs += read_stored_runs(file)
    if not runs:
        batch.check_any()
    return runs


def _name(one: object, place: int) -> str:
    """What to call a run in an error."""
    if isinstance(one, Path | Run):
        return one.name if isinstance(one, Run) else str(one)
    return str(one.path) if isinstance(one, CheckpointRun) else f"run {place}"


def _finished_run(one: Run | Signature | CheckpointRun) -> Run:
    if isinstance(one, Run):
        return one
    expected = "a Run, which knows how it ended; `extract` makes runs of folders of checkpoints"
    raise SettingError("runs", type(one).__name__, expected)


def ended_runs(runs: Sources, batch: Batch, what: Unfinished) -> tuple[list[Run], list[str]]:
    """Runs with a known end, however they were extracted, and why others are left out.

    Args:
        runs: The runs, or where they are stored.
        batch: Keeps the errors of runs that cannot be read.
        what: What to do with runs that were stopped before their end.

    Raises:
        UnfinishedRunsError: Some were stopped before their end.
        UnreadableFileError: There are no runs.
    """
    found, stopped = stored_runs(runs, batch), dict[str, str]()
    if what != "take":
        stopped = unfinished(found)
    if stopped and what == "refuse":
        raise UnfinishedRunsError(stopped)
    notes = [f"run {name!r} {reason}: left out" for name, reason in stopped.items()]
    return [run for run in found if run.name not in stopped], notes


def finished_runs(runs: Sources, target: str, batch: Batch, what: Unfinished) -> tuple[list[Run], str, list[str]]:
    """Stored runs, all extracted in the same way and with a known end.

    Args:
        runs: The runs, or where they are stored.
        target: The metric whose last value is the end, by its name here or in the runs' own logs.
        batch: Keeps the errors of runs that cannot be read.
        what: What to do with runs that were stopped before their end.

    Returns:
        The runs, the name of the target in them, and why others are left out.

    Raises:
        SettingError: They are extracted in different ways, or a run lacks the target.
        UnfinishedRunsError: Some were stopped before their end.
        UnreadableFileError: There are no runs.
    """
    found, notes = ended_runs(runs, batch, what)
    if not all(target in run.metrics for run in found):
        target = canonical_names([target]).get(target, target)
    first = extraction(found[0].settings)
    for run in found:
        run.final_accuracy(target)
        if extraction(run.settings) != first:
            expected = f"extracted like {found[0].name!r}: extract all runs with the same options"
            raise SettingError(f"run {run.name!r}", "another extraction", expected)
    return [_selected(run, first) for run in found], target, notes


@dataclass(frozen=True, slots=True, eq=False)
class Unended:
    """Runs to predict.

    Attributes:
        runs: The runs.
        notes: Notes on how they were read, by the name of the run.
    """

    runs: list[Run]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def runs_to_predict(
    runs: Sources, how: Extraction, read: Reading, batch: Batch, progress: OnProgress = unwatched
) -> Unended:
    """Runs to predict: objects, folders of checkpoints, or stored runs in a folder or a file.

    Args:
        runs: The runs, or their paths.
        how: How signatures must be extracted.
        read: How folders of checkpoints are read, and new names for metrics.
        batch: Keeps the errors of runs that cannot be read.
        progress: As in `extract`.

    Raises:
        SettingError: A stored run was extracted in another way than `how`.
        EpochgraphError: As for reading them.
    """
    given = listed(runs)
    if len(given) > 1:
        return _several(given, how, read, batch, progress)
    one = given[0]
    if isinstance(one, CheckpointRun) or (isinstance(one, Path) and not _stored(one)):
        return _extracted(one, how, read, progress)
    if isinstance(one, Signature):
        return Unended([_bare(one, how)])
    found = []
    for run in stored_runs(one, batch):
        with batch.each(run.name):
            found.append(_as_extracted(_renamed(run, read.logs.names), how))
    return Unended(found)


def _several(
    given: list[Path | Run | Signature | CheckpointRun],
    how: Extraction,
    read: Reading,
    batch: Batch,
    progress: OnProgress,
) -> Unended:
    found, notes = list[Run](), dict[str, tuple[str, ...]]()
    batch.of = len(given)
    for place, one in enumerate(given):
        with batch.each(_name(one, place)):
            inner = Batch()
            own = runs_to_predict(one, how, read, inner, progress)
            batch.of += inner.of - 1
            batch.failures |= inner.failures
            found += own.runs
            notes |= own.notes
    return Unended(found, notes)


def _stored(path: Path) -> bool:
    return path.suffix == ".parquet" or bool(parquet_files(path))


def _extracted(one: Path | CheckpointRun, how: Extraction, read: Reading, progress: OnProgress) -> Unended:
    checkpoints = one if isinstance(one, CheckpointRun) else read.checkpoints(one)
    name = run_name(checkpoints.path if isinstance(one, CheckpointRun) else one)
    topology = read.topology_of(checkpoints[0])
    run, log = extracted(checkpoints, topology, how, read, name=name, progress=progress)
    return Unended([run], {run.name: log.notes})


def _bare(signature: Signature, how: Extraction) -> Run:
    """A signature as a run without metrics."""
    metrics = pd.DataFrame(index=pd.Index([], name="epoch", dtype=float))
    return Run("run", signature, metrics, how.settings())


def _renamed(run: Run, given: Mapping[str, str]) -> Run:
    """The run with its metrics renamed as if its log were read now."""
    mine = {old: new for old, new in given.items() if old in run.metrics}
    return replace(run, metrics=run.metrics.rename(columns=canonical_names([*run.metrics], mine)))


def _as_extracted(run: Run, how: Extraction) -> Run:
    """The run with only the features that `how` takes."""
    taken = extraction(run.settings)
    if how.fold_batch_norm and run.settings.keys() >= OF_A_ZOO:  # a zoo records both ways
        run, taken = folded(run), replace(taken, fold_batch_norm=True)
    if not taken.covers(how):
        options = ", ".join(f"{name.removeprefix(PREFIX)}={value}" for name, value in how.settings().items())
        raise SettingError(f"run {run.name!r}", "extracted in another way", f"extracted with {options}")
    return _selected(run, how)


def _selected(run: Run, how: Extraction) -> Run:
    """The run with only the features that its checkpoints would give; a zoo records more."""
    return replace(run, signature=how.selected(run.signature))

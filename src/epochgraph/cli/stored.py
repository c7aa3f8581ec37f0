"""Runs from wherever they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from epochgraph.checkpoints.layout import run_name
from epochgraph.cli.batch import Batch, stored_runs
from epochgraph.cli.extract import extracted
from epochgraph.cli.output import notes, progress_bar
from epochgraph.cli.reading import ReadingOptions
from epochgraph.cli.wiring import WiringOptions
from epochgraph.errors import SettingError, UnfinishedRunsError
from epochgraph.extraction import PREFIX, Extraction, extraction
from epochgraph.predictors.shipped.applicability import OF_A_ZOO
from epochgraph.predictors.views import folded
from epochgraph.runs import LogOptions, Run, canonical_names, parquet_files
from epochgraph.runs.ends import unfinished

Unfinished = Literal["refuse", "leave-out", "take"]
"""What becomes of runs that were stopped before their end."""


def finished_runs(store: Path, target: str, batch: Batch, what: Unfinished = "refuse") -> tuple[list[Run], str]:
    """The stored runs of a folder or a population's file, all extracted in the same way and with a known end.

    Args:
        store: The folder or file.
        target: The metric whose last value is the end, by its name here or in the runs' own logs.
        batch: Keeps what cannot be read.
        what: What becomes of runs that were stopped before their end.

    Returns:
        The runs, and what the target is called in them.

    Raises:
        SettingError: They are not extracted in the same way, or a run lacks the target.
        UnfinishedRunsError: Some were stopped before their end.
        UnreadableFileError: There are no runs.
    """
    runs = _finished(stored_runs(store, batch), what)
    if not all(target in run.metrics for run in runs):
        target = canonical_names([target]).get(target, target)
    first = extraction(runs[0].settings)
    for run in runs:
        run.final_accuracy(target)
        if extraction(run.settings) != first:
            expected = f"extracted like {runs[0].name!r}: extract all runs with the same options"
            raise SettingError(f"run {run.name!r}", "another extraction", expected)
    return [_selected(run, first) for run in runs], target


def _finished(runs: list[Run], what: Unfinished) -> list[Run]:
    """The runs, less those that were stopped before their end."""
    stopped = {} if what == "take" else unfinished(runs)
    if stopped and what == "refuse":
        raise UnfinishedRunsError(stopped)
    for name, reason in stopped.items():
        notes.print(f"run {name!r} {reason}: left out", markup=False, highlight=False)
    return [run for run in runs if run.name not in stopped]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Runs to predict.

    Attributes:
        runs: The runs.
        notes: What is to be known of how they were read, by the name of the run.
    """

    runs: list[Run]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def runs_to_tell(
    path: Path, how: Extraction, options: WiringOptions, batch: Batch, logs: LogOptions, reading: ReadingOptions
) -> Told:
    """The run in a folder of checkpoints or a stored run's file, or all runs of a folder of stored runs.

    Args:
        path: The folder or file.
        how: What is asked of each run.
        options: Where the wiring of checkpoints stands.
        batch: Keeps what cannot be read.
        logs: What the user says of metrics.
        reading: How folders of checkpoints are read.

    Raises:
        SettingError: A stored run was extracted in another way than `how`.
        EpochgraphError: As for reading them.
    """
    if not (path.suffix == ".parquet" or parquet_files(path)):
        checkpoints = reading.run(path)
        wiring = options.topology_of(checkpoints[0])
        with progress_bar() as progress:
            run, log = extracted(checkpoints, wiring, how, progress, name=run_name(path), logs=logs)
        return Told([run], {run.name: log.notes})
    runs = []
    for run in stored_runs(path, batch):
        with batch.each(run.name):
            runs.append(_as_extracted(_renamed(run, logs.names), how))
    return Told(runs)


def _renamed(run: Run, given: Mapping[str, str]) -> Run:
    """The run with its metrics under the names that are known here, as if its log were read now."""
    mine = {old: new for old, new in given.items() if old in run.metrics}
    return replace(run, metrics=run.metrics.rename(columns=canonical_names([*run.metrics], mine)))


def _as_extracted(run: Run, how: Extraction) -> Run:
    """The run with the features that `how` takes; what it was extracted with may have taken more."""
    taken = extraction(run.settings)
    if how.fold_batch_norm and run.settings.keys() >= OF_A_ZOO:  # a zoo records both ways
        run, taken = folded(run), replace(taken, fold_batch_norm=True)
    if not taken.covers(how):
        options = ", ".join(f"{name.removeprefix(PREFIX)}={value}" for name, value in how.settings().items())
        raise SettingError(f"run {run.name!r}", "extracted in another way", f"extracted with {options}")
    return _selected(run, how)


def _selected(run: Run, how: Extraction) -> Run:
    """The run with the features that its checkpoints would give; those of a zoo have recorded more."""
    return replace(run, signature=how.selected(run.signature))

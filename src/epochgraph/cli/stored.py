"""Runs from wherever they are."""

from dataclasses import replace
from pathlib import Path

from epochgraph.checkpoints.layout import run_name
from epochgraph.cli.extract import extracted
from epochgraph.cli.output import progress_bar
from epochgraph.cli.reading import ReadingOptions
from epochgraph.cli.wiring import WiringOptions
from epochgraph.errors import SettingError
from epochgraph.extraction import PREFIX, Extraction, extraction
from epochgraph.predictors.views import folded
from epochgraph.runs import Run, parquet_files, read_stored_runs

OF_A_ZOO = frozenset({"recipe", "scale", "architecture", "data", "threshold"})
"""The settings of every run of a zoo (see `zoo.running.run_settings`), by which one is known."""


def finished_runs(store: Path, target: str) -> list[Run]:
    """The stored runs of a folder or a population's file, all extracted in the same way and with a known end.

    Raises:
        SettingError: They are not, or a run lacks the target.
        UnreadableFileError: There are no runs.
    """
    runs = read_stored_runs(store)
    first = extraction(runs[0].settings)
    for run in runs:
        run.final_accuracy(target)
        if extraction(run.settings) != first:
            expected = f"extracted like {runs[0].name!r}: extract all runs with the same options"
            raise SettingError(f"run {run.name!r}", "another extraction", expected)
    return [_selected(run, first) for run in runs]


def runs_to_tell(path: Path, how: Extraction, options: WiringOptions, reading: ReadingOptions) -> list[Run]:
    """The run in a folder of checkpoints or a stored run's file, or all runs of a folder of stored runs.

    Args:
        path: The folder or file.
        how: What is asked of each run.
        options: Where the wiring of checkpoints stands.
        reading: How folders of checkpoints are read.

    Raises:
        SettingError: A stored run was extracted in another way than `how`.
        EpochgraphError: As for reading them.
    """
    if path.suffix == ".parquet" or parquet_files(path):
        runs = read_stored_runs(path)
    else:
        checkpoints = reading.run(path)
        wiring = options.topology_of(checkpoints[0])
        with progress_bar() as progress:
            return [extracted(checkpoints, wiring, how, progress, name=run_name(path))]
    return [_as_extracted(run, how) for run in runs]


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

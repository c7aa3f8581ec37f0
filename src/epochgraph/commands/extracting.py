"""`extract`: checkpoints -> runs with their signatures, stored or not."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from epochgraph.checkpoints import CheckpointRun
from epochgraph.checkpoints.archive import exists
from epochgraph.checkpoints.layout import run_names
from epochgraph.commands.batch import Batch, failure_lines
from epochgraph.commands.outdated import current
from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.progress import OnProgress, Progress, counted, reading, unwatched
from epochgraph.commands.reading import Reading, Wiring
from epochgraph.errors import EpochgraphError
from epochgraph.extraction import Extraction
from epochgraph.graph.memory import usable_memory
from epochgraph.runs import Log, LogOptions, Run, write_run
from epochgraph.runs.logs import NAMES
from epochgraph.signature.change import Reference
from epochgraph.signature.scopes import Scoping
from epochgraph.signature.smoothing import Smoothing
from epochgraph.topology import Topology

Folder = str | os.PathLike[str] | CheckpointRun
"""A folder of checkpoints, or what `read_run` found in it."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Extracted(Sequence[Run], Shown):
    """The runs that `extract` has read, as a sequence in the order of the request.

    Attributes:
        runs: Each run with its signature, metrics and settings.
        new: How many were extracted now; the others had been stored before.
        of: How many were asked for.
        out: The folder of the stored runs; None if they were not stored.
        notes: What was left out or not found, and which metrics were renamed.
        failures: The error of each run that failed, by its folder.
    """

    runs: tuple[Run, ...]
    new: int
    of: int
    out: Path | None = None
    notes: tuple[str, ...] = ()
    failures: Mapping[str, EpochgraphError] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Run]: ...
    def __getitem__(self, index: int | slice) -> Run | Sequence[Run]:
        return self.runs[index]

    def page(self) -> Sequence[Sheet | Line]:
        """One row per run."""
        rows = [
            (
                run.name,
                f"{len(run.signature.times)}",
                f"{run.signature.times[-1]:g}",
                f"{len(run.signature.names)}",
                ", ".join(map(str, run.metrics)) or "none",
            )
            for run in self.runs
        ]
        sheet = Sheet(("run", "snapshots", "last epoch", "features", "metrics"), rows, numbers=(1, 2, 3))
        return [sheet]

    def asides(self) -> Sequence[str]:
        """Notes on the runs, and which failed."""
        return [*self.notes, *failure_lines(self.failures).values()]


def extract(  # noqa: PLR0913 - the words of the command line
    runs: Folder | Iterable[Folder],
    *,
    out: str | os.PathLike[str] | None = None,
    topology: Wiring = None,
    measures: Sequence[str] = ("degree", "eigenvector_centrality"),
    scopes: Sequence[Scoping] = ("graph",),
    change: Sequence[Reference] = (),
    smoothing: Smoothing = "none",
    alpha: float = 0.5,
    fold_batch_norm: bool = False,
    memory: str | int | None = None,
    allow_gaps: bool = False,
    epochs_from: str | None = None,
    metric: Mapping[str, str] | None = None,
    log: str | None = None,
    first_pass: int | None = None,
    force: bool = False,
    progress: OnProgress = unwatched,
) -> Extracted:
    """Turn the checkpoints of runs into signatures, with the metrics and settings that lie beside them.

    A run is a folder of checkpoints whose names contain their epoch. If one cannot be read, the others still are: the
    error is kept in `failures` of the result. With `out`, each run is stored as a Parquet file as soon as it is done,
    and runs that are already stored are read instead, so an interrupted call resumes where it stopped.

    Args:
        runs: Folders of checkpoints, or what `read_run` found there; one or several.
        out: Folder for the stored runs, one Parquet file each; None stores nothing.
        topology: How the network is wired: a `Topology`, the path of one that `write_topology` wrote, or a function
            from weights by name to one. None takes the layers one after another, as their shapes allow.
        measures: Names of measures of nodes, parts or the whole graph (see `Extraction`).
        scopes: Groups of nodes to summarise: any of "graph", "part", "depth".
        change: The references that changes are measured against: any of "initial", "previous".
        smoothing: How features are averaged over time: "none", "linear" or "exponential".
        alpha: Weight of the present in exponential smoothing, from 0 to 1.
        fold_batch_norm: Multiply batch norms into the weights they follow.
        memory: The memory that the graph may take, such as "2GiB", or in bytes; further weights are read from disk
            again and again. None takes half of the free memory.
        allow_gaps: Accept runs whose epochs are not evenly spaced.
        epochs_from: Pattern for the epoch in the names of checkpoints, such as "weights.{epoch}-{_}.pt".
        metric: New names for metrics of the log, by their old names.
        log: File name of the log in each run's folder, if it is not one of the usual ones.
        first_pass: The number of the first pass in the log, 0 or 1, where its layout leaves it open.
        force: Extract runs anew that are stored already.
        progress: Called with a `Progress` whenever something more is done.

    Returns:
        The runs; with S snapshots and F features, each `signature.values` is S x F.

    Raises:
        EpochgraphError: The only run cannot be extracted, or all fail for the same reason, such as a wrong option; a
            file cannot be written; two runs are the same folder.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> from epochgraph import extract
        >>> with TemporaryDirectory() as folder:
        ...     run = Path(folder) / "run7"
        ...     run.mkdir()
        ...     for epoch in range(3):
        ...         torch.save({"fc.weight": (1 + epoch) * torch.eye(2)}, run / f"epoch_{epoch}.pt")
        ...     extracted = extract(run, measures=["degree"], change=["initial"])
        >>> extracted[0].signature.values.shape
        (3, 8)
        >>> print(extracted)  # doctest: +ELLIPSIS
        run   snapshots  last epoch  features  metrics
        run7          3           2         8  none
        ...: stored without metrics, as there is no metrics.csv beside it
    """
    how = Extraction(
        measures=tuple(measures),
        scopes=tuple(scopes),
        change=tuple(change),
        smoothing=smoothing,
        alpha=alpha,
        fold_batch_norm=fold_batch_norm,
    )
    logs = LogOptions(names=metric or {}, file=log, first_pass=first_pass)
    read = Reading(topology=topology, logs=logs, allow_gaps=allow_gaps, epochs_from=epochs_from)
    folder = None if out is None else Path(out)
    return _Extracting(how, read, memory, progress).all(_listed(runs), folder, force=force)


def _listed(runs: Folder | Iterable[Folder]) -> dict[Path, Folder]:
    """The folder of each run, and what was given for it."""
    several = [runs] if isinstance(runs, str | os.PathLike | CheckpointRun) else [*runs]
    return {Path(one.path if isinstance(one, CheckpointRun) else one): one for one in several}


@dataclass(frozen=True, slots=True)
class _Extracting:
    """One call of `extract`.

    Attributes:
        how: How signatures are taken.
        read: How folders are read.
        memory: As in `extract`.
        progress: As in `extract`.
    """

    how: Extraction
    read: Reading
    memory: str | int | None
    progress: OnProgress

    def all(self, given: Mapping[Path, Folder], out: Path | None, *, force: bool) -> Extracted:
        """Extract what is not stored yet, then look at what was."""
        names = run_names([*given])
        targets = {path: None if out is None else out / f"{name}.parquet" for path, name in names.items()}
        missing = [path for path, target in targets.items() if force or target is None or not exists(target)]
        batch, notes, logged, found = Batch(len(targets)), list[str](), list[str](), dict[Path, Run]()
        for done, path in enumerate(missing):
            self.progress(Progress("runs", "runs", done, len(missing)))
            with batch.each(path):
                found[path], about, log = self._one(given[path], names[path], targets[path])
                notes += about
                logged += log.notes
        self.progress(Progress("runs", "runs", len(missing), len(missing)))
        new = len(found)
        for path, target in targets.items():
            if target is not None and path not in missing:
                with batch.each(path):
                    found[path] = current(path, target, self.how, self.read)
        batch.check_common()
        runs = tuple(found[path] for path in targets if path in found)
        notes += dict.fromkeys(logged)  # the logs of a sweep are alike
        return Extracted(runs, new, len(targets), out, tuple(notes), batch.failures)

    def _one(self, given: Folder, name: str, target: Path | None) -> tuple[Run, list[str], Log]:
        checkpoints = given if isinstance(given, CheckpointRun) else self.read.checkpoints(given)
        topology = self.read.topology_of(checkpoints[0])
        run, log = extracted(
            checkpoints, topology, self.how, self.read, name=name, memory=self.memory, progress=self.progress
        )
        if target is not None:
            write_run(run, target)
        return run, [*_left_out(checkpoints, topology, run)], log


def extracted(
    checkpoints: CheckpointRun,
    topology: Topology,
    how: Extraction,
    read: Reading,
    *,
    name: str,
    memory: str | int | None = None,
    progress: OnProgress = unwatched,
) -> tuple[Run, Log]:
    """The run in a folder of checkpoints, with the metrics and settings beside them.

    Args:
        checkpoints: The checkpoints.
        topology: Their wiring.
        how: How the signature is taken.
        read: What the user says of metrics.
        name: What the run is called.
        memory: The size that graphs may take, as the user says it (see `usable_memory`).
        progress: As in `extract`.

    Returns:
        The run, and its log.

    Raises:
        SettingError: The memory is not a size.
        UnreadableFileError: The metrics or settings cannot be read.
        EpochgraphError: As for the checkpoints and the signature.
    """
    log, settings = read.recorded(checkpoints)  # before what takes hours
    first, total = checkpoints[0], len(checkpoints)
    usable = usable_memory(memory, first, graphs=how.graphs)
    try:
        with reading(first, progress) as watch:
            snapshots = counted(checkpoints, total, name, progress)
            taken = how.signature(snapshots, topology, memory=usable, watch=watch)
    finally:
        progress(Progress("checkpoints", name, total, total))
    return Run(name, taken, log.metrics, settings | how.settings()), log


def _left_out(checkpoints: CheckpointRun, topology: Topology, run: Run) -> Iterator[str]:
    """What was left out or not found."""
    if run.metrics.empty:
        yield f"{checkpoints.path}: stored without metrics, as there is no {NAMES[0]} beside it"
    share = topology.coverage.share
    if share < 1:
        yield f"{checkpoints.path}: {1 - share:.1%} of the parameters are left out (epochgraph inspect says which)"
    for path in checkpoints.skipped:
        yield f"{path}: skipped, since its name tells no epoch"

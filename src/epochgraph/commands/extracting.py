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
from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.progress import OnProgress, Progress, counted, reading, unwatched
from epochgraph.commands.reading import SETTINGS_FILE, Reading, Wiring
from epochgraph.errors import EpochgraphError, SettingError, UnreadableFileError
from epochgraph.extraction import PREFIX, Extraction, extraction
from epochgraph.graph.memory import usable_memory
from epochgraph.runs import Log, LogOptions, Run, read_stored_run, write_run
from epochgraph.runs.logs import NAMES
from epochgraph.signature.change import Reference
from epochgraph.signature.scopes import Scoping
from epochgraph.signature.smoothing import Smoothing
from epochgraph.topology import Topology

FORCE = "Give `--force` to extract it anew."

Folder = str | os.PathLike[str] | CheckpointRun
"""A folder of checkpoints, or what `read_run` found in it."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Extracted(Sequence[Run], Shown):
    """The runs that `extract` has read: a sequence of them, in the order they were asked for.

    Attributes:
        runs: Each run with its signature, metrics and settings.
        new: How many were extracted now; the others were stored already.
        of: How many were asked for.
        out: The folder of the stored runs; None if they were not stored.
        notes: What was not looked at or not found, and what was read otherwise than it is written.
        failures: What was wrong with runs that are missing, by their folder.
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
        """A row a run."""
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
        """What is to be known of the runs, and which are missing."""
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

    A run is a folder of checkpoints whose names tell their epoch. One that cannot be read stops no other: it stands in
    `failures` of the result. With `out`, each run is stored as a Parquet file at once, and runs that are stored already
    are read, not extracted, so that an interrupted call goes on where it was.

    Args:
        runs: Folders of checkpoints, or what `read_run` found there; one or several.
        out: Folder for the stored runs, one Parquet file each; None stores nothing.
        topology: How the network is wired: a `Topology`, the path of one that `write_topology` wrote, or a function
            from weights by name to one. None takes the layers one after another, as their shapes allow.
        measures: Names of measures of nodes, parts or the whole graph (see `Extraction`).
        scopes: Groups of nodes to summarise: any of "graph", "part", "depth".
        change: Since when changes are measured: any of "initial", "previous".
        smoothing: Average over time: "none", "linear" or "exponential".
        alpha: Weight of the present in exponential smoothing, from 0 to 1.
        fold_batch_norm: Multiply batch norms into the weights they follow.
        memory: What the graph may take of the memory, such as "2GiB", or in bytes; weights beyond that are read from
            disk again and again. None takes half of what is free.
        allow_gaps: Accept runs whose epochs are not evenly spaced.
        epochs_from: Where the epoch stands in the names of checkpoints, such as "weights.{epoch}-{_}.pt".
        metric: What metrics of the log are called here, by their own names.
        log: The name of the log in each run's folder, if it is another than usual.
        first_pass: The number that the log gives the first pass, 0 or 1, where its layout does not tell.
        force: Extract runs anew that are stored already.
        progress: Called with a `Progress` whenever something more is done.

    Returns:
        The runs; of S snapshots and F features, each `signature.values` is S x F.

    Raises:
        EpochgraphError: The only run cannot be extracted, or none can, all for one reason, such as an option; a file
            cannot be written; two runs are the same folder.

    Example:
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
    """Where each run lies, and what was given for it."""
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
        progress: Told how far it is.

    Returns:
        The run, and its log.

    Raises:
        SettingError: The memory is no size.
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


def current(path: Path, target: Path, how: Extraction, read: Reading) -> Run:
    """A stored run, if it is what would be extracted now; one whose checkpoints are gone is all that there is.

    Raises:
        UnreadableFileError: It was extracted with other options, or before its metrics, settings or checkpoints came.
    """
    try:
        stored = read_stored_run(target)
        found = None if extraction(stored.settings) == how else _difference(extraction(stored.settings), how)
    except (UnreadableFileError, SettingError) as error:
        raise UnreadableFileError(target, f"it is no stored run ({error})", FORCE) from error
    if found is None and exists(path):
        found = _newer(stored, path, read)
    if found is not None:
        raise UnreadableFileError(target, found, FORCE)
    return stored


def _difference(stored: Extraction, how: Extraction) -> str:
    """How a stored run was extracted otherwise than is asked for."""
    before, now = stored.settings(), how.settings()
    parts = [f"{n.removeprefix(PREFIX)} {before[n]!r}, not {now[n]!r}" for n in now if before[n] != now[n]]
    return f"it was extracted with other options: {'; '.join(parts)}"


def _newer(stored: Run, path: Path, read: Reading) -> str | None:
    """What has come beside the checkpoints, or changed there, since a run was stored."""
    checkpoints = read.checkpoints(path)
    log, settings = read.recorded(checkpoints)
    times = [time for time in checkpoints.epochs if time is not None]
    if times and times != stored.signature.times.tolist():
        return f"it has the checkpoints up to epoch {stored.signature.times[-1]:g}, and there are {len(times)} now"
    if log.path is not None and not log.metrics.equals(stored.metrics):
        return f"{log.path.name} has come or changed since it was extracted"
    own = {name: value for name, value in stored.settings.items() if not name.startswith(PREFIX)}
    return f"{SETTINGS_FILE} has come or changed since it was extracted" if settings and settings != own else None


def _left_out(checkpoints: CheckpointRun, topology: Topology, run: Run) -> Iterator[str]:
    """What was not looked at, or not found."""
    if run.metrics.empty:
        yield f"{checkpoints.path}: stored without metrics, as there is no {NAMES[0]} beside it"
    share = topology.coverage.share
    if share < 1:
        yield f"{checkpoints.path}: {1 - share:.1%} of the parameters are left out (epochgraph inspect says which)"
    for path in checkpoints.skipped:
        yield f"{path}: skipped, since its name tells no epoch"

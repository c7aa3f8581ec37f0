"""How the checkpoints of a run are read: their epochs, their wiring, and the log and settings beside them."""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from epochgraph.checkpoints import CheckpointRun, read_run
from epochgraph.checkpoints.archive import exists
from epochgraph.checkpoints.layout import beside
from epochgraph.errors import UnreadableFileError
from epochgraph.runs import Log, LogOptions, Setting, read_log
from epochgraph.topology import Topology, chain, read_topology

SETTINGS_FILE = "settings.json"

Wiring = Topology | str | os.PathLike[str] | Callable[[Mapping[str, Tensor]], Topology] | None
"""How a network is wired: its topology, the file of one, or a function from its weights to it. None takes the layers
one after another, as their shapes allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Options for reading folders of checkpoints.

    Attributes:
        topology: How the network is wired.
        logs: How logs of metrics are read.
        allow_gaps: Whether checkpoints may be missing between the first and the last.
        epochs_from: Pattern for the epoch in the names of checkpoints; None to find it.
    """

    topology: Wiring = None
    logs: LogOptions = field(default_factory=LogOptions)
    allow_gaps: bool = False
    epochs_from: str | None = None

    def checkpoints(self, path: str | os.PathLike[str]) -> CheckpointRun:
        """The checkpoints in a folder.

        Raises:
            EpochgraphError: As `read_run`.
        """
        return read_run(Path(path), allow_gaps=self.allow_gaps, epochs_from=self.epochs_from)

    def topology_of(self, weights: Mapping[str, Tensor]) -> Topology:
        """The wiring of the network that some weights belong to.

        Raises:
            UnreadableFileError: The topology's file cannot be read.
            TracingError: The weights are not a chain.
        """
        if self.topology is None:
            return chain(weights)
        if isinstance(self.topology, Topology):
            return self.topology
        if callable(self.topology):
            return self.topology(weights)
        return read_topology(Path(self.topology))

    def recorded(self, checkpoints: CheckpointRun) -> tuple[Log, dict[str, Setting]]:
        """The log and the settings beside checkpoints.

        Raises:
            UnreadableFileError: They cannot be read.
        """
        times = [time for time in checkpoints.epochs if time is not None]
        log = read_log(checkpoints.path, times, self.logs, steps=_in_steps(checkpoints.files))
        return log, _settings(beside(checkpoints.path, SETTINGS_FILE))


def _in_steps(files: Sequence[Path]) -> bool:
    """Whether the names of checkpoints count steps: those of transformers, or names such as step_500.pt."""
    names = [path.name.lower() for path in files]
    return all(
        re.fullmatch(r"checkpoint-[0-9]+", name)
        or (re.search(r"(?<![a-z])(step|iter)", name) and not re.search(r"(?<![a-z])(e|ep|epoch)s?(?![a-z])", name))
        for name in names
    )


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

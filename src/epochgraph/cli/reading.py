"""Options that say how folders of checkpoints are read."""

from dataclasses import dataclass
from pathlib import Path

from epochgraph.checkpoints import CheckpointRun, read_run


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """What the user says about folders of checkpoints.

    Attributes:
        allow_gaps: Whether epochs may be missing of which checkpoints lie on either side.
        epochs_from: Where the epoch stands in the names of checkpoints; None to find it there.
    """

    allow_gaps: bool = False
    epochs_from: str | None = None

    def run(self, path: Path) -> CheckpointRun:
        """The checkpoints in a folder.

        Raises:
            EpochgraphError: As `read_run`.
        """
        return read_run(path, allow_gaps=self.allow_gaps, epochs_from=self.epochs_from)

"""`pack`: stored runs -> one small file."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from epochgraph.commands.batch import Batch, failure_lines
from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.sources import Sources, stored_runs
from epochgraph.errors import EpochgraphError, SettingError
from epochgraph.runs import write_runs


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Packed(Shown):
    """The file that `pack` wrote.

    Attributes:
        path: Where it is.
        runs: How many runs are in it.
        of: How many were given.
        size: Its size in bytes.
        failures: The error of each run that could not be read, by its name.
    """

    path: Path
    runs: int
    of: int
    size: int
    failures: Mapping[str, EpochgraphError] = field(default_factory=dict)

    def page(self) -> Sequence[Sheet | Line]:
        """What was written."""
        return [Line(f"{self.runs} runs: {self.path} ({self.size / 1e3:.0f} kB)")]

    def asides(self) -> Sequence[str]:
        """Which runs are not in it."""
        return [*failure_lines(self.failures).values()]


def pack(runs: Sources, out: str | os.PathLike[str], *, up_to: float | None = None) -> Packed:
    """Write runs as one small Parquet file, to publish them or to send them on.

    Features are rounded to 32 bits. The file can be used wherever a folder of stored runs can.

    Args:
        runs: Stored runs (a folder from `extract`, a population's file), or `Run` objects.
        out: The file (.parquet).
        up_to: The last epoch whose snapshots are kept; None for all of them.

    Raises:
        SettingError: The file's name does not end in .parquet, or a run has no snapshot that early.
        UnreadableFileError: There are no runs, or the only one cannot be read.
        OutputError: The file cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> from epochgraph import extract, pack
        >>> with TemporaryDirectory() as folder:
        ...     torch.save({"fc.weight": torch.eye(2)}, Path(folder) / "epoch_0.pt")
        ...     packed = pack(extract(folder), Path(folder) / "runs.parquet")
        >>> packed.runs
        1
    """
    path = Path(out)
    if path.suffix != ".parquet":
        raise SettingError("out", str(path), "the name of a .parquet file")
    batch = Batch()
    found = stored_runs(runs, batch)
    if up_to is not None:
        found = [replace(run, signature=run.signature.up_to(up_to)) for run in found]
    write_runs(found, path)
    return Packed(path, len(found), batch.of, path.stat().st_size, batch.failures)

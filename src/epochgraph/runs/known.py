"""The runs of a store that other processes write to."""

import logging
from pathlib import Path

from epochgraph.errors import UnreadableFileError
from epochgraph.runs.ends import said_of, unfinished
from epochgraph.runs.run import Run
from epochgraph.runs.storage import parquet_files, read_headers, read_stored_runs

_log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]
"""What tells a file from what stood there before: it is replaced as a whole."""


class StoredRuns:
    """Reads the runs of a folder whenever it is called, and of the files only those that are new.

    A file that cannot be read is passed over, and said once.

    Args:
        store: The folder.
        finished: Whether to leave out runs that were stopped, or are not at their end: what they would have ended with
            is not known. Of a file whose settings say so, nothing else is read.
    """

    def __init__(self, store: Path, *, finished: bool) -> None:
        self.store = store
        self.finished = finished
        self._read: dict[Path, tuple[_Stamp, list[Run]]] = {}

    def __call__(self, *, besides: str = "") -> list[Run]:
        """The runs, in natural order of their files.

        Args:
            besides: Name of a run that is left out.

        Raises:
            UnreadableFileError: The folder cannot be looked at.
        """
        self._read = {path: found for path in parquet_files(self.store) if (found := self._of(path)) is not None}
        runs = [run for _, found in self._read.values() for run in found if run.name != besides]
        left_out = unfinished(runs) if self.finished else {}
        return [run for run in runs if run.name not in left_out]

    def _of(self, path: Path) -> tuple[_Stamp, list[Run]] | None:
        """The runs of a file that may be finished; None for a file that is gone."""
        try:
            status = path.stat()
        except OSError:
            return None
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        before = self._read.get(path)
        return before if before is not None and before[0] == stamp else (stamp, self._readable(path))

    def _readable(self, path: Path) -> list[Run]:
        try:
            if self.finished and all(said_of(settings) for _, settings in read_headers(path)):
                return []
            return read_stored_runs(path)
        except UnreadableFileError as error:
            _log.warning("passed over: %s", error)
            return []

"""What a watched run leaves in its store, so that a killed job goes on in the same numbers.

`RUN.parquet` is the run as any other; moving it into place is the one moment at which a snapshot counts. What lies in
the folder `RUN.watch` is written before: `state.json`, a line of which counts only if the run has its epoch, and the
weights that later snapshots are compared with, a file of their epoch each, which are removed once they are no longer
needed.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter
from safetensors.torch import save_file
from torch import Tensor

from epochgraph.checkpoints import Checkpoint, load_checkpoint
from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.files import atomic_write, left_behind
from epochgraph.predictors import Prediction
from epochgraph.runs import Run, read_stored_run, write_run
from epochgraph.watch.layers import Totals

WEIGHTS = ".safetensors"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a snapshot beside the run.

    Attributes:
        epoch: When it was taken.
        totals: The sum of the weights into each part; None where it had diverged, or is no longer needed.
        prediction: What was forecast then.
        warnings: What was said to be wrong.
    """

    epoch: float
    totals: Totals | None
    prediction: Prediction
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """What `state.json` says."""

    entries: tuple[Entry, ...]
    format: Literal["epochgraph watch"] = "epochgraph watch"
    version: Literal[1] = 1


_STATE = TypeAdapter(State)


def state_text(entries: Sequence[Entry]) -> str:
    """Entries as JSON."""
    return json.dumps(asdict(State(tuple(entries))))


def entries_of(text: str | bytes) -> tuple[Entry, ...]:
    """The entries of `state_text`; a ValueError if there are none."""
    return _STATE.validate_json(text, strict=True).entries


@dataclass(frozen=True, slots=True)
class Files:
    """Where the files of a run are.

    Attributes:
        store: The folder of all runs.
        run: Name of the run.

    Raises:
        SettingError: No file can have this name.
    """

    store: Path
    run: str

    def __post_init__(self) -> None:
        plain = self.run.isprintable() and not {"/", "\\"} & set(self.run) and len(self.run.encode()) <= 200
        if not plain or not self.run or self.run.startswith("."):
            raise SettingError("run", self.run, "a name that a file can have: no slash, and no point at its start")

    @property
    def record(self) -> Path:
        """The run."""
        return self.store / f"{self.run}.parquet"

    @property
    def folder(self) -> Path:
        """All else."""
        return self.store / f"{self.run}.watch"

    def read(self) -> tuple[Run, tuple[Entry, ...]] | None:
        """The run so far and what is kept beside it; None if there is none.

        Raises:
            UnreadableFileError: A file is damaged.
        """
        for path in left_behind(self.folder):
            path.unlink(missing_ok=True)  # by a kill
        if not self.record.exists():
            return None
        run = read_stored_run(self.record)
        times = set(run.signature.times.tolist())
        return run, tuple(entry for entry in self.entries() if entry.epoch in times)

    def write(self, run: Run, entries: Sequence[Entry]) -> None:
        """Write the run so far, and what is kept beside it.

        Raises:
            OutputError: A file cannot be written; those of before are as they were.
        """
        with atomic_write(self.folder / "state.json") as temporary:
            temporary.write_text(state_text(entries), encoding="utf-8")
        write_run(run, self.record)

    def keep(self, weights: Mapping[str, Tensor], epoch: float) -> None:
        """Write the weights of a snapshot, for later ones to be compared with.

        Raises:
            OutputError: They cannot be written.
        """
        with atomic_write(self._weights(epoch)) as temporary:
            save_file(dict(weights), temporary)

    def weights(self, epoch: float) -> Checkpoint | None:
        """The weights of a snapshot, if they are kept.

        Raises:
            UnreadableFileError: The file is damaged.
        """
        path = self._weights(epoch)
        return load_checkpoint(path) if path.exists() else None

    def forget(self, besides: Collection[float] = ()) -> None:
        """Remove the weights that are no longer needed; what cannot be removed stays."""
        kept = {self._weights(epoch).name for epoch in besides}
        with suppress(OSError):
            for path in self.folder.glob(f"*{WEIGHTS}"):
                if path.name not in kept and not path.name.startswith("."):
                    path.unlink(missing_ok=True)

    def _weights(self, epoch: float) -> Path:
        return self.folder / f"{float(epoch)!r}{WEIGHTS}"

    def entries(self) -> tuple[Entry, ...]:
        """What is kept beside the run; nothing for a run that was never watched.

        Raises:
            UnreadableFileError: The file is damaged.
        """
        path = self.folder / "state.json"
        advice = "Remove the run's .parquet file, to watch it from its start, or restore this file."
        try:
            return entries_of(path.read_bytes())
        except FileNotFoundError:
            return ()  # a run that was extracted from checkpoints
        except OSError as error:
            raise UnreadableFileError(path, error.strerror or str(error), advice) from error
        except ValueError as error:
            raise UnreadableFileError(path, "it is not the state of a watched run", advice) from error


def shortened(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Entries of which only those that are still needed have their totals: the first and the last two."""
    needed = {place for place, entry in enumerate(entries) if entry.totals is not None}
    needed = {*sorted(needed)[:1], *sorted(needed)[-2:]}
    return tuple(e if place in needed else replace(e, totals=None) for place, e in enumerate(entries))

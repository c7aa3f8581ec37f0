"""The epochs of a log's rows: what the log counts, and one row for each moment.

Lightning, Keras, YOLO and timm call the first pass epoch 0; here it is 1, and 0 is the untrained network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from epochgraph.errors import UnreadableFileError
from epochgraph.runs.entries import Entries

EPOCH, STEP = ("epoch", "epochs"), ("step", "global_step", "iteration", "iter")

TRAINING = ("train_", "training_", "train/")
"""Prefixes of metrics that are measured during training: several values in an epoch are averaged."""

ONE_ROW = "Give one row an epoch, of completed passes, or Lightning's rows with their column `step`."
WHICH = (
    "Say `--first-pass 0` if its 0 is the first pass over the data, `--first-pass 1` if it is the untrained network."
)


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known about a run's time besides its log.

    Attributes:
        times: The times of its checkpoints.
        steps: Whether these are steps instead of epochs.
        first_pass: The number that the log gives the first pass, if the user says so.
    """

    times: tuple[float, ...]
    steps: bool = False
    first_pass: int | None = None


def timed(path: Path, entries: Entries, clock: Clock, renamed: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """One row of metrics for each moment, and notes on what was read differently from how it is written.

    Args:
        path: The log.
        entries: What it says.
        clock: What else is known about its times.
        renamed: The names that columns get here.

    Raises:
        UnreadableFileError: It has no epochs, repeats one, or does not make clear what it counts.
    """
    epoch, step = entries.column(*EPOCH), entries.column(*STEP)
    names = [name for name in entries.columns if name not in (epoch, step)]
    notes = [f"its column {name!r} has no numbers" for name in entries.words]
    if step is not None and (clock.steps or epoch is None):
        moments = _in_steps(path, entries.of(step), clock)
    elif epoch is None:
        raise without_clock(path, (*entries.columns, *entries.words))
    else:
        if step is None:
            _check_rows(path, entries.of(epoch))
        moments, more = _in_epochs(path, entries, epoch, step, clock, renamed)
        notes += more
    whole = epoch is not None and path.suffix == ".json" and not clock.steps
    if step is not None and path.suffix != ".json":
        _check_once(path, entries, entries.of(step), names)
    table = _joined(path, entries, moments, names, renamed)
    return (_with_means(table, entries, moments, renamed) if whole else table), notes


def without_clock(path: Path, columns: Sequence[str]) -> UnreadableFileError:
    """The error for a log with neither epochs nor steps."""
    shown = ", ".join(columns[:6]) or "none"
    return UnreadableFileError(path, f"it is no table of metrics: no column 'epoch', but {shown}", ONE_ROW)


def _in_steps(path: Path, steps: np.ndarray, clock: Clock) -> np.ndarray:
    """The steps of the rows, counted as the checkpoints count them; Lightning counts them from 0 in logs."""
    _check_moments(path, steps, "step")
    whole = [time for time in clock.times if time > 0]
    for shift in (0, 1):
        if not whole or np.isin(whole, steps + shift).any():
            return steps + shift
    found = f"it counts steps, and none of its {len(steps)} rows is of the step of a checkpoint ({whole[0]:g}, ...)"
    raise UnreadableFileError(path, found, "Log at the steps of checkpoints, or give it a column 'epoch'.")


def _check_rows(path: Path, epochs: np.ndarray) -> None:
    """Refuse several rows for one epoch if no column of steps tells them apart."""
    times, counts = np.unique(epochs[np.isfinite(epochs)], return_counts=True)
    if (counts > 1).any():
        raise UnreadableFileError(path, f"epoch {times[counts > 1][0]:.12g} has several rows", ONE_ROW)


def _check_moments(path: Path, moments: np.ndarray, what: str) -> None:
    missing = int((~np.isfinite(moments)).sum())
    if missing:
        raise UnreadableFileError(path, f"{missing} of its rows have no {what}", ONE_ROW)


def _in_epochs(
    path: Path, entries: Entries, epoch: str, step: str | None, clock: Clock, renamed: Mapping[str, str]
) -> tuple[np.ndarray, list[str]]:
    """The completed passes at each row, and whether this differs from the log's number."""
    epochs = entries.of(epoch)
    _check_moments(path, epochs, "epoch")
    steps = None if step is None else entries.of(step)
    from_zero = clock.first_pass == 0
    if clock.first_pass is None and len(epochs):
        from_zero = _counts_from_zero(path, entries, epochs, steps, clock, renamed)
    if not from_zero:
        return epochs, []
    if steps is not None:
        epochs = _without_progress(epochs, steps, _trained(entries, renamed))
    return epochs + 1, ["its epochs count from 0, so 1 is added"]


def _counts_from_zero(
    path: Path,
    entries: Entries,
    epochs: np.ndarray,
    steps: np.ndarray | None,
    clock: Clock,
    renamed: Mapping[str, str],
) -> bool:
    """Whether epoch 0 is the first pass, judging by the steps, the layout or the checkpoints."""
    if path.suffix == ".json":  # transformers counts completed passes
        return False
    by_steps = None if steps is None else _by_steps(epochs, steps)
    if by_steps is not None:
        return by_steps
    if epochs.min() != 0 or (epochs % 1).any():
        return False
    if not _trained(entries, renamed)[epochs == 0].any():
        return False
    of_a_tool, as_many = _is_of_a_tool(entries.columns), epochs.max() == max(clock.times, default=-1)
    if of_a_tool == as_many and clock.times:
        ends = f"ends at {epochs.max():g}, the checkpoints at {max(clock.times):g}"
        raise UnreadableFileError(path, f"it has training metrics of epoch 0 and {ends}", WHICH)
    return of_a_tool


def _trained(entries: Entries, renamed: Mapping[str, str]) -> np.ndarray:
    """Which rows hold metrics of the training."""
    of_training = [renamed.get(name, name).startswith(TRAINING) for name in entries.columns]
    return np.asarray(entries.written[:, of_training].any(axis=1))


def _by_steps(epochs: np.ndarray, steps: np.ndarray) -> bool | None:
    """What the steps imply: those of epoch 0 come after a first pass, or each epoch adds equally many."""
    known = np.isfinite(steps)
    if not known.any():
        return None
    numbers = np.unique(epochs[known])
    last = np.array([steps[known & (epochs == number)].max() for number in numbers])
    if numbers[0] == 0:
        return bool(last[0] > 0) or None
    if len(numbers) < 2:
        return None
    lengths_from_zero, lengths_from_one = (last + 1) / (numbers + 1), last / numbers
    same = [np.ptp(lengths) < 1e-6 * lengths.max() for lengths in (lengths_from_zero, lengths_from_one)]
    return None if same[0] == same[1] else bool(same[0])


def _is_of_a_tool(columns: tuple[str, ...]) -> bool:
    """Whether the columns are in the layout of YOLO, timm or Keras, which sorts its names."""
    names = [name for name in columns if name.lower() not in EPOCH]
    yolo = any(name.startswith("train/") for name in names) and any(name.startswith("metrics/") for name in names)
    timm = "eval_top1" in names
    keras = "loss" in names and names == sorted(names) and any(name.startswith("val_") for name in names)
    return yolo or timm or keras


def _without_progress(epochs: np.ndarray, steps: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """The epochs; a test after the last pass, to which Lightning gives the next number, belongs to that pass."""
    last, before = epochs == epochs.max(), epochs < epochs.max()
    if not before.any() or trained[last].any() or not np.isfinite(steps).all():
        return epochs
    if steps[last].max() > steps[before].max() + 1:
        return epochs
    return np.where(last, epochs[before].max(), epochs)


def _check_once(path: Path, entries: Entries, steps: np.ndarray, names: list[str]) -> None:
    """Refuse a log that holds two runs, or a run and its repetition, one after the other."""
    for name in names:
        written = entries.written[:, entries.columns.index(name)]
        known, counts = np.unique(steps[written & np.isfinite(steps)], return_counts=True)
        if (counts > 1).any():
            found = f"step {known[counts > 1][0]:.12g} has {name} several times"
            raise UnreadableFileError(path, found, "Give each run a log of its own.")


def _joined(
    path: Path, entries: Entries, moments: np.ndarray, names: list[str], renamed: Mapping[str, str]
) -> pd.DataFrame:
    """One row per moment; of several values, the mean if measured during training, otherwise the last."""
    times = np.unique(moments)
    columns, of_json = {}, path.suffix == ".json"  # transformers may evaluate its best model at the end
    for name in names:
        values, written = entries.of(name), entries.written[:, entries.columns.index(name)]
        own = renamed.get(name, name)
        columns[own] = [_one(values[written & (moments == time)], own, first=of_json) for time in times]
    return pd.DataFrame(columns, pd.Index(times, name="epoch", dtype=np.float64), dtype=np.float64)


def _one(values: np.ndarray, name: str, *, first: bool = False) -> float:
    if not len(values):
        return np.nan
    return float(values.mean() if name.startswith(TRAINING) else values[0 if first else -1])


def _with_means(table: pd.DataFrame, entries: Entries, moments: np.ndarray, renamed: Mapping[str, str]) -> pd.DataFrame:
    """The table, with the epoch means of what transformers logs several times an epoch."""
    table = table.copy()
    for name in entries.columns:
        own = renamed.get(name, name)
        if own in table and own.startswith(TRAINING):
            values, written = entries.of(name), entries.written[:, entries.columns.index(name)]
            for time in table.index[(table.index % 1 == 0) & (table.index > 0)]:
                table.loc[time, own] = _one(values[written & (moments > time - 1) & (moments <= time)], own)
    return table

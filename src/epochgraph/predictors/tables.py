"""Signatures and accuracies -> a table and labels, which scikit-learn learns from."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int64
from numpy.typing import ArrayLike

from epochgraph.errors import FeatureMismatchError, SettingError
from epochgraph.runs import Run
from epochgraph.signature import Signature
from epochgraph.signature.names import Column, columns, rounded


def feature_table(
    signatures: Sequence[Signature], *, up_to: float | None = None, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """The temporal signatures of many runs as one table.

    Args:
        signatures: Signatures that were extracted with the same settings.
        up_to: The last epoch to use, so that runs of different length compare; None for every snapshot.
        names: Names of the runs, for errors; None to number them.

    Returns:
        One row per run, one column `<feature>@<epoch>` per feature and snapshot; NaN where a run had diverged.

    Raises:
        SettingError: There are no signatures, or `up_to` is later than what they record.
        FeatureMismatchError: A signature lacks a feature or an epoch that another has.

    References:
        Vahedian et al. 2022, section 3 (S3).
    """
    if not signatures:
        raise SettingError("signatures", signatures, "at least one signature")
    last = max(float(np.max(signature.times, initial=-np.inf)) for signature in signatures)
    if up_to is not None and up_to > last:
        raise SettingError("up_to", up_to, f"at most {last:g}, the last epoch that a signature records")
    rows = [_row(signature if up_to is None else signature.up_to(up_to)) for signature in signatures]
    return _table(rows, tuple(dict.fromkeys(name for row in rows for name in row)), names)


def selected_table(signatures: Sequence[Signature], columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of `feature_table`; the signatures may have further features and later epochs.

    Raises:
        FeatureMismatchError: A signature lacks one of the columns.
    """
    return _table([_row(signature) for signature in signatures], columns)


def run_table(runs: Sequence[Run], columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of what is known about runs: features of their signatures, metrics as `<metric>@<epoch>`.

    Raises:
        FeatureMismatchError: A run lacks one of the columns.
    """
    rows = [{**_row(run.signature), **_measured(run)} for run in runs]
    for run, row in zip(runs, rows, strict=True):
        if run.signature.diverged.any():  # it may have ended before anything more was measured
            row.update({name: np.nan for name in columns if name not in row and _after_divergence(name, run)})
    return _table(rows, columns, [run.name for run in runs])


def _after_divergence(column: str, run: Run) -> bool:
    """Whether the weights of a run were already NaN or infinite at the epoch of a column."""
    return bool(Column.parse(column).epoch >= run.signature.times[run.signature.diverged].min())


def of_epochs(table: pd.DataFrame, epoch: float, *, since_previous_from: float = 0) -> pd.DataFrame:
    """The columns `<feature>@<epoch>` at whole epochs; if `epoch` is a fraction of the first, at that moment.

    Args:
        table: Its columns are at epochs up to `epoch`.
        epoch: The last to look at.
        since_previous_from: The first epoch at which changes since the previous snapshot are wanted.
    """
    chosen = []
    for text in table.columns:
        column = Column.parse(str(text))
        wanted = column.epoch == rounded(epoch) if epoch < 1 else column.epoch % 1 == 0 and column.epoch > 0
        if wanted and not (column.epoch < since_previous_from and column.since == "previous"):
            chosen.append(text)
    return table[chosen]


def labels(accuracies: ArrayLike, threshold: float, *, falls: bool = False) -> Int64[np.ndarray, "runs"]:
    """Label runs by their final accuracy: 1 (good) from the threshold on, 0 (bad) below it.

    Args:
        accuracies: How each run ends.
        threshold: The worst value of a good end.
        falls: Whether the metric falls as runs get better, as a loss does: then values up to the threshold are good.

    Raises:
        SettingError: An accuracy is NaN, or the threshold leaves all runs on one side.

    References:
        Vahedian et al. 2022, section 3 (S4), table 1.
    """
    values = np.asarray(accuracies, dtype=np.float64)
    if np.isnan(values).any():
        raise SettingError("accuracies", values.tolist(), "numbers; leave out the runs whose accuracy is unknown")
    high = values <= threshold if falls else values >= threshold
    if high.all() or not high.any():
        found = f"from {values.min():g} to {values.max():g}" if len(values) else "none at all"
        between = "not below the lowest and below" if falls else "above the lowest and not above"
        expected = f"{between} the highest of the {len(values)} accuracies ({found})"
        raise SettingError("threshold", threshold, expected)
    return high.astype(np.int64)


def _row(signature: Signature) -> Mapping[str, float]:
    return dict(zip(*signature.concatenated(), strict=True))


def _measured(run: Run) -> Mapping[str, float]:
    """The metrics of a run. Before it has diverged, NaN means missing; afterwards, it is a value like any other.

    An infinite metric is treated as NaN.
    """
    diverged = run.signature.times[run.signature.diverged].min(initial=np.inf)
    found: dict[str, float] = {}
    for metric, values in run.metrics.items():
        written = zip(columns([str(metric)], values.index), values.index, values, strict=True)
        known = ((column, value) for column, epoch, value in written if epoch >= diverged or np.isfinite(value))
        found |= {column: value if np.isfinite(value) else np.nan for column, value in known}
    return found


def _table(
    rows: Sequence[Mapping[str, float]], columns: Sequence[str], names: Sequence[str] | None = None
) -> pd.DataFrame:
    for position, row in enumerate(rows):
        missing = [name for name in columns if name not in row]
        if missing:
            who = position if names is None else names[position]
            raise FeatureMismatchError(missing, len(columns), len(row), who)
    values = np.array([[row[name] for name in columns] for row in rows], dtype=np.float64)
    return pd.DataFrame(values.reshape(len(rows), len(columns)), columns=list(columns))  # by lists it takes far longer

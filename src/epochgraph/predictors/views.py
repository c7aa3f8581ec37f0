"""What a predictor may look at: runs and an epoch -> a table of what is known of each run once that epoch is over."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from epochgraph.errors import SettingError
from epochgraph.predictors.features import feature_table, of_epochs
from epochgraph.runs import Run
from epochgraph.signature import Signature
from epochgraph.signature.smoothing import Smoothing, smoothed
from epochgraph.signature.statistics import STATISTICS

View = Callable[[Sequence[Run], float], pd.DataFrame]
"""Runs and an epoch -> what is known of each run (a row) once that epoch is over."""

LAST_LAYER = "last_layer"
SEVEN = ("mean", "variance", *(f"percentile_{q}" for q in (0, 25, 50, 75, 100)))
"""The aggregators of Unterthiner et al. 2020, which the paper uses on the last layer."""

FIVE = ("percentile_50", "mean", "std", "skewness", "kurtosis")
"""Those of the signature, as the zoo names them for weights."""

FOLDED = "folded/"
"""How the names of features begin for which the scale of batch norms was multiplied into the weights."""

# the whole graph and its depth, without the unrolled graph and without folded batch norms
POOLED = f"(?!unrolled_|{FOLDED})[^/]*/(graph|depth:[^/]*)"


def folded(run: Run) -> Run:
    """A run of a zoo as if it had been extracted with batch norms folded.

    Where there is something to fold, a zoo records both ways; else they are the same.
    """
    whole = run.signature
    places = _places(whole.names, f"{FOLDED}.*") or [*range(len(whole.names))]
    plain = tuple(whole.names[place].removeprefix(FOLDED) for place in places)
    return replace(run, signature=replace(whole, names=plain, values=whole.values[:, places]))


def less_start(run: Run) -> Run:
    """A run with each feature less its value at the first snapshot."""
    signature = run.signature
    return replace(run, signature=replace(signature, values=signature.values - signature.values[0]))


def signature_so_far(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The temporal signature up to `epoch`, all of it."""
    return feature_table([run.signature for run in runs], up_to=epoch)


@dataclass(frozen=True, slots=True)
class Selected:
    """Some features of the signature: at every snapshot but the initial one, or at whole epochs.

    Attributes:
        names: A regular expression for the whole name of a feature.
        whole_epochs: Whether to leave out fractions of the first epoch.
        smoothing: How each feature is averaged with its past.
        alpha: Weight of the present in exponential smoothing.
    """

    names: str
    whole_epochs: bool = True
    smoothing: Smoothing = "none"
    alpha: float = 0.5

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        """See `View`."""
        table = feature_table([self._selected(run.signature) for run in runs], up_to=epoch)
        if table.empty:
            raise SettingError("runs", [run.name for run in runs][:1], f"recorded with features named {self.names!r}")
        return table

    def _selected(self, signature: Signature) -> Signature:
        columns = _places(signature.names, self.names)
        rows = signature.times > 0
        if self.whole_epochs:
            rows &= signature.times % 1 == 0
        values = smoothed(signature.values[rows][:, columns], self.smoothing, self.alpha)
        names = tuple(signature.names[column] for column in columns)
        return Signature(signature.times[rows], names, values, signature.diverged[rows])


@dataclass(frozen=True, slots=True)
class Together:
    """What several views show, side by side."""

    views: tuple[View, ...]

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        """See `View`."""
        return pd.concat([view(runs, epoch) for view in self.views], axis="columns")


@dataclass(frozen=True, slots=True)
class Mapped:
    """Another view, of what is made of each run.

    Attributes:
        view: The other one.
        made: Of a run, such as `folded` or `less_start`.
    """

    view: View
    made: Callable[[Run], Run]

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        """See `View`."""
        return self.view([self.made(run) for run in runs], epoch)


def statistics_of(values: str, *, smoothing: Smoothing = "none", alpha: float = 0.5) -> View:
    """The paper's signature: five statistics of node values over the whole graph, at each whole epoch from 1 on.

    Args:
        values: Of what: the name of a measure, or "unrolled_degree".
        smoothing: How each statistic is averaged with its past.
        alpha: Weight of the present in exponential smoothing.

    References:
        Vahedian et al. 2022, section 3 (S3).
    """
    return Selected(f"{values}/graph/{_one_of(STATISTICS)}", smoothing=smoothing, alpha=alpha)


def last_layer_statistics(aggregators: Sequence[str]) -> View:
    """Statistics of the weights and biases of the last layer, at each whole epoch from 1 on.

    References:
        Vahedian et al. 2022, section 4.1: B_W^ has `SEVEN`, B_W' has `FIVE`.
    """
    return Selected(f"{LAST_LAYER}/{_one_of(aggregators)}")


def every_layer_statistics(aggregators: Sequence[str] = SEVEN) -> View:
    """Statistics of each weight and bias of the network, at each whole epoch from 1 on.

    References:
        Unterthiner et al. 2020, "Predicting neural network accuracy from weights", section 3.
    """
    return Selected(f"parameter:.*/{_one_of(aggregators)}")


def changes_between_epochs(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """What has changed since the start and between whole epochs, of the whole graph and by depth.

    This is what any network has of which the initial weights and those after each epoch are kept, or for a fraction of
    the first epoch, the initial ones and those of that moment.
    """
    return of_epochs(pooled_changes()(runs, epoch), epoch, since_previous_from=2)


def last_layer_weights(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """All weights and biases of the last layer at `epoch`, or the latest before it that is in the file.

    Raises:
        SettingError: A run has none recorded by then, or they differ in their number.

    References:
        Vahedian et al. 2022, section 4.1 (B_Wl).
    """
    rows = []
    for run in runs:
        recording = run.recordings.get(LAST_LAYER)
        if recording is None or not (recording.times <= epoch).any():
            raise SettingError("runs", run.name, f"recorded with their last layer up to epoch {epoch:g}")
        rows.append(recording.values[recording.times <= epoch][-1].astype(np.float64))
    sizes = {len(row) for row in rows}
    if len(sizes) > 1:
        raise SettingError("last layers", sorted(sizes), "of one number of weights, to compare them weight by weight")
    return pd.DataFrame(np.stack(rows)).add_prefix("weight")


def pooled_changes() -> View:
    """The changes of the whole graph and of its depth, at every snapshot: what networks of any architecture have."""
    return Selected(f"{POOLED}/.*_since_.*", whole_epochs=False)


@lru_cache(maxsize=64)  # the runs of a population have thousands of names, and all the same
def _places(names: tuple[str, ...], pattern: str) -> list[int]:
    """Where the names that match as a whole stand."""
    return [place for place, name in enumerate(names) if re.fullmatch(pattern, name)]


def _one_of(names: Sequence[str]) -> str:
    return f"({'|'.join(map(re.escape, names))})"

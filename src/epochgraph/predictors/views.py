"""What a predictor may look at: runs and an epoch -> what is known about each run once that epoch is over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from epochgraph.errors import SettingError
from epochgraph.predictors.tables import feature_table, of_epochs
from epochgraph.runs import Run
from epochgraph.signature import Signature
from epochgraph.signature.names import CHANGES, FeatureChoice, FeatureName, positions
from epochgraph.signature.smoothing import Smoothing, smoothed

View = Callable[[Sequence[Run], float], pd.DataFrame]
"""Runs and an epoch -> what is known about each run (a row) once that epoch is over."""

LAST_LAYER = "last_layer"
SEVEN = ("mean", "variance", *(f"percentile_{q}" for q in (0, 25, 50, 75, 100)))
"""The aggregators of Unterthiner et al. 2020, which the paper uses on the last layer."""

UNROLLED_DEGREE = "unrolled_degree"
"""The measure under which a zoo records the degree of the unrolled graph."""


def folded(run: Run) -> Run:
    """A run of a zoo as if it had been extracted with batch norms folded.

    If there is something to fold, a zoo records the features both ways; otherwise they are the same.
    """
    whole = run.signature
    places = positions(whole.names, FeatureChoice(folded=True)) or [*range(len(whole.names))]
    plain = tuple(str(replace(FeatureName.parse(whole.names[place]), folded=False)) for place in places)
    return replace(run, signature=replace(whole, names=plain, values=whole.values[:, places]))


def signature_so_far(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The whole temporal signature up to `epoch`."""
    return feature_table([run.signature for run in runs], up_to=epoch, names=[run.name for run in runs])


@dataclass(frozen=True, slots=True)
class Selected:
    """Some features of the signature, at every snapshot except the initial one, or at whole epochs.

    Attributes:
        choice: Which features.
        whole_epochs: Whether to leave out fractions of the first epoch.
        smoothing: How each feature is averaged with its past.
        alpha: Weight of the present in exponential smoothing.
    """

    choice: FeatureChoice
    whole_epochs: bool = True
    smoothing: Smoothing = "none"
    alpha: float = 0.5

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        """See `View`."""
        signatures, names = [self._selected(run.signature) for run in runs], [run.name for run in runs]
        table = feature_table(signatures, up_to=epoch, names=names)
        if table.empty:
            raise SettingError("runs", [run.name for run in runs][:1], f"recorded with features of {self.choice}")
        return table

    def _selected(self, signature: Signature) -> Signature:
        columns = positions(signature.names, self.choice)
        rows = signature.times > 0
        if self.whole_epochs:
            rows &= signature.times % 1 == 0
        values = smoothed(signature.values[rows][:, columns], self.smoothing, self.alpha)
        names = tuple(signature.names[column] for column in columns)
        return Signature(signature.times[rows], names, values, signature.diverged[rows])


@dataclass(frozen=True, slots=True)
class Concatenated:
    """What several views show, side by side."""

    views: tuple[View, ...]

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        """See `View`."""
        return pd.concat([view(runs, epoch) for view in self.views], axis="columns")


def changes_between_epochs(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """Changes since the start and between whole epochs, of the whole graph and by depth.

    These are known for any network whose initial weights and those after each epoch are kept; for a fraction of the
    first epoch, the initial weights and those of that moment suffice.
    """
    return of_epochs(pooled_changes()(runs, epoch), epoch, since_previous_from=2)


def pooled_changes() -> View:
    """The changes of the whole graph and by depth, at every snapshot: what networks of any architecture have."""
    pooled = FeatureChoice(scopes=("graph", "depth"), since=CHANGES, without=(UNROLLED_DEGREE,))
    return Selected(pooled, whole_epochs=False)

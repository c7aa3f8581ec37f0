"""What is known about runs without their weights: settings, validation accuracies, training losses.

Each function is a `View`: runs and an epoch -> what is known about each run (a row) once that epoch is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from epochgraph.errors import SettingError
from epochgraph.predictors.tables import of_epochs
from epochgraph.runs import Run
from epochgraph.signature.names import columns

CURVE = ("validation_accuracy", "train_loss")
"""What a learning curve is made of."""


def nothing(runs: Sequence[Run], _: float) -> pd.DataFrame:
    """The same constant for every run."""
    return pd.DataFrame({"nothing": [0.0] * len(runs)})


def hyper_parameters(runs: Sequence[Run], _: float) -> pd.DataFrame:
    """The numeric settings in which the runs differ, except the seed: what is known before the first epoch.

    On random folds of a grid, runs with nearly the same settings are in the training folds, so this may predict better
    than anything seen of the run itself; on folds grouped by a setting it cannot.
    """
    numeric = [{k: v for k, v in run.settings.items() if isinstance(v, int | float)} for run in runs]
    table = pd.DataFrame(numeric, dtype=float).drop(columns="seed", errors="ignore")
    differing = table.loc[:, table.nunique(dropna=False) > 1]
    return nothing(runs, 0) if differing.empty else differing


def validation_curve(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The validation accuracies up to `epoch`."""
    return _curve(runs, "validation_accuracy", epoch)


def validation_accuracy(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The validation accuracy of `epoch`, or the latest before it."""
    return validation_curve(runs, epoch).iloc[:, -1:]


def training_losses(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The training losses up to `epoch`."""
    return _curve(runs, "train_loss", epoch)


def learning_curve(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """All that is known about a run's progress without its weights: validation accuracies and training losses."""
    return pd.concat([validation_curve(runs, epoch), training_losses(runs, epoch)], axis="columns")


def sum_of_training_losses(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The sum of the training losses up to `epoch`: how fast the run learns; NaN if one of them is.

    References:
        Ru et al. 2021, "Speedy performance estimation for neural architecture search".
    """
    return training_losses(runs, epoch).sum(axis="columns", skipna=False).to_frame("sum_of_training_losses")


def mean_of_training_losses(runs: Sequence[Run], epoch: float, *, decay: float = 0.9) -> pd.DataFrame:
    """The exponential moving average of the training losses up to `epoch`, which forgets the first; NaN if one is.

    References:
        Ru et al. 2021, "Speedy performance estimation for neural architecture search" (TSE-EMA).
    """
    losses = training_losses(runs, epoch).to_numpy()
    mean = losses[:, 0]
    for loss in losses.T[1:]:
        mean = decay * mean + (1 - decay) * loss
    return pd.DataFrame({"mean_of_training_losses": mean})


@dataclass(frozen=True, slots=True)
class MetricsOfEpochs:
    """Some metrics at whole epochs; for a fraction of the first epoch, at that moment.

    Attributes:
        metrics: Their names.
    """

    metrics: tuple[str, ...]

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        """See `View`."""
        curves = pd.concat([_curve(runs, metric, epoch) for metric in self.metrics], axis="columns")
        return of_epochs(curves, epoch)


@dataclass(frozen=True, slots=True)
class MetricSoFar:
    """One metric at every epoch so far, or its latest value alone.

    Attributes:
        metric: Its name.
        latest: Whether only the latest value counts.
    """

    metric: str
    latest: bool = False

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        """See `View`."""
        curve = _curve(runs, self.metric, epoch)
        return curve.iloc[:, -1:] if self.latest else curve


def learning_curve_of_epochs(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The `learning_curve` at whole epochs; for a fraction of the first epoch, at that moment."""
    return of_epochs(learning_curve(runs, epoch), epoch)


def _curve(runs: Sequence[Run], metric: str, epoch: float) -> pd.DataFrame:
    """One metric at every epoch so far at which any run measured it: a row a run, a column an epoch."""
    for run in runs:
        if metric not in run.metrics:
            raise SettingError("metrics", [*run.metrics], f"with {metric!r}, which run {run.name!r} lacks")
    times = [run.metrics.index.to_numpy() for run in runs]
    epochs = np.unique(np.concatenate(times))
    epochs = epochs[epochs <= epoch]
    curves = np.full((len(runs), len(epochs)), np.nan)
    for curve, of_run, run in zip(curves, times, runs, strict=True):
        known = of_run[of_run <= epoch]
        values = run.metrics[metric].to_numpy()[: len(known)]
        curve[np.searchsorted(epochs, known)] = np.where(np.isfinite(values), values, np.nan)  # infinity is as missing
    measured = ~np.isnan(curves).all(axis=0)
    if not measured.any():
        raise SettingError("epoch", epoch, f"late enough for a run to have measured {metric!r}")
    return pd.DataFrame(curves[:, measured], columns=columns([metric], epochs[measured]))

"""What is compared in our tables: predictors of the signature, and what is known without it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sklearn.dummy import DummyClassifier, DummyRegressor

from epochgraph.errors import SettingError
from epochgraph.predictors.estimators import SignatureClassifier, SignatureRegressor, Task
from epochgraph.predictors.features import feature_table
from epochgraph.runs import Run

Inputs = Callable[[Sequence[Run], float], pd.DataFrame]
"""Runs and an epoch -> what is known of each run (a row) once that epoch is over."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to tell how a run will end: a row of a table.

    Attributes:
        name: What the table calls it.
        inputs: What it looks at, a row a run in the order of the runs.
        estimator: Seed -> a scikit-learn estimator that has not been fitted.
    """

    name: str
    inputs: Inputs
    estimator: Callable[[int], Any]


def standard_candidates(task: Task) -> tuple[Candidate, ...]:
    """The rows of every table: what needs no graph first, then the signature, then both together.

    The paper compares with other summaries of the weights only; but whoever trains a network has its validation
    accuracy for nothing, and that already tells much of the end. On grouped folds the majority of the training folds
    is often the minority of the held-out one, so "majority class" may be right less than half of the time.
    """
    constant = DummyClassifier if task == "classification" else DummyRegressor
    learned = SignatureClassifier if task == "classification" else SignatureRegressor

    def svm(seed: int) -> Any:
        return learned("svm", random_state=seed)

    def mlp(seed: int) -> Any:
        return learned("mlp", random_state=seed)

    def trees(seed: int) -> Any:
        return learned("trees", random_state=seed)

    return (
        Candidate("majority class" if task == "classification" else "mean accuracy", _nothing, lambda _: constant()),
        Candidate("hyper-parameters trees", hyper_parameters, trees),
        Candidate("validation accuracy", validation_accuracy, svm),
        Candidate("validation curve", validation_curve, svm),
        Candidate("sum of training losses", sum_of_training_losses, svm),
        Candidate("signature SVM", signature_so_far, svm),
        Candidate("signature MLP", signature_so_far, mlp),
        Candidate("signature trees", signature_so_far, trees),
        Candidate("curve and signature trees", curve_and_signature, trees),
    )


def signature_so_far(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The temporal signature up to `epoch`."""
    return feature_table([run.signature for run in runs], up_to=epoch)


def validation_curve(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The validation accuracies up to `epoch`."""
    return _curve(runs, "validation_accuracy", epoch)


def validation_accuracy(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The validation accuracy of `epoch`, or the latest before it."""
    return validation_curve(runs, epoch).iloc[:, -1:]


def sum_of_training_losses(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The sum of the training losses up to `epoch`: how fast the run learns; NaN if one of them is.

    References:
        Ru et al. 2021, "Speedy performance estimation for neural architecture search".
    """
    return _curve(runs, "train_loss", epoch).sum(axis="columns", skipna=False).to_frame("sum_of_training_losses")


def hyper_parameters(runs: Sequence[Run], _: float) -> pd.DataFrame:
    """The numeric settings in which the runs differ, but for the seed: what is known before the first epoch.

    On random folds of a grid, runs with nearly the same settings are among those that were fitted on, so this may tell
    more than any look at the run; on folds grouped by a setting it has to do without.
    """
    numeric = [{k: v for k, v in run.settings.items() if isinstance(v, int | float)} for run in runs]
    table = pd.DataFrame(numeric, dtype=float).drop(columns="seed", errors="ignore")
    differing = table.loc[:, table.nunique(dropna=False) > 1]
    return _nothing(runs, 0) if differing.empty else differing


def curve_and_signature(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The validation accuracies and the signature, side by side."""
    return pd.concat([validation_curve(runs, epoch), signature_so_far(runs, epoch)], axis="columns")


def _nothing(runs: Sequence[Run], _: float) -> pd.DataFrame:
    return pd.DataFrame({"nothing": [0.0] * len(runs)})


def _curve(runs: Sequence[Run], metric: str, epoch: float) -> pd.DataFrame:
    """One metric at every epoch so far at which any run measured it: a row a run, a column an epoch."""
    for run in runs:
        if metric not in run.metrics:
            raise SettingError("metrics", [*run.metrics], f"with {metric!r}, which run {run.name!r} lacks")
    curves = pd.concat([run.metrics[metric].loc[:epoch] for run in runs], axis="columns")
    curves = curves.sort_index().dropna(how="all")
    if curves.empty:
        raise SettingError("epoch", epoch, f"late enough for a run to have measured {metric!r}")
    return pd.DataFrame(curves.to_numpy().T, columns=[f"{metric}@{time:g}" for time in curves.index])

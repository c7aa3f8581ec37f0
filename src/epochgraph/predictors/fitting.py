"""Finished runs -> a calibrated `Predictor`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold

from epochgraph.errors import SettingError
from epochgraph.predictors.calibration import Calibration, outside
from epochgraph.predictors.estimators import SignatureClassifier, SignatureRegressor, predictions_of
from epochgraph.predictors.storage import Predictor
from epochgraph.predictors.tables import labels

FOLDS = 10
"""At most: if there are fewer groups, each is held out alone."""

LEAST_RUNS = 3


def fitted(  # noqa: PLR0913 - what a run is, what a good end is, and what is to be kept of both
    estimator: SignatureClassifier | SignatureRegressor,
    table: pd.DataFrame,
    accuracies: Sequence[float],
    *,
    threshold: float | None = None,
    groups: Sequence[Any] | None = None,
    categories: Sequence[str] | None = None,
    falls: bool = False,
    extraction: Mapping[str, Any],
    trained_on: Mapping[str, Any],
) -> Predictor:
    """Fit an estimator on all runs, and calibrate it by what it predicts for each run while that is held out.

    Args:
        estimator: Not yet fitted; a classifier learns whether a run ends with at least `threshold`.
        table: What is known about each run (a row) at the last epoch to look at: a `View` of the runs.
        accuracies: The final accuracy of each run.
        threshold: The final accuracy from which on a run is good; may be None for a regressor.
        groups: Runs of one group are held out together: grouped by learning rate, promises hold for new learning rates;
            by architecture, for new architectures. None holds runs out at random.
        categories: The category of each run (see `Calibration`); None puts all runs in one.
        falls: Whether `accuracies` hold a metric that falls as runs get better, such as a loss: then runs that end with
            at most `threshold` are good.
        extraction: As `Predictor.extraction`.
        trained_on: As `Predictor.trained_on`.

    Raises:
        SettingError: All runs are in one group; a fold leaves fewer than two runs, or fewer than two of a class, to fit
            on; a classifier has no threshold; or an accuracy is NaN or infinite.
    """
    truth = np.asarray(accuracies, dtype=np.float64)
    ends = _ends(estimator, truth, threshold, falls=falls)
    predicted, out_of_range = _held_out(estimator, table, ends, groups)
    low, high = _range(table)
    categories = tuple(categories) if categories is not None else ("run",) * len(truth)
    new_categories = groups is not None and tuple(groups) == categories
    probabilities = isinstance(estimator, SignatureClassifier)
    calibration = Calibration(
        predicted, truth, categories, out_of_range, low, high, new_categories, falls, probabilities
    )
    return Predictor(clone(estimator).fit(table, ends), threshold, extraction, trained_on, calibration)


def _ends(
    estimator: SignatureClassifier | SignatureRegressor, truth: np.ndarray, threshold: float | None, *, falls: bool
) -> np.ndarray:
    """What the estimator learns to predict for each run: its accuracy, or for a classifier its label."""
    if not np.isfinite(truth).all():
        raise SettingError("accuracies", truth.tolist(), "finite; leave out the runs whose accuracy is unknown")
    if isinstance(estimator, SignatureRegressor):
        return truth
    if threshold is None:
        raise SettingError("threshold", None, "the accuracy from which on a run is good, for a classifier")
    return labels(truth, threshold, falls=falls)


def _held_out(
    estimator: SignatureClassifier | SignatureRegressor,
    table: pd.DataFrame,
    ends: np.ndarray,
    groups: Sequence[Any] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """For each run the prediction of the estimator fitted on the other folds, and its share of features out of range.

    The range is that of the runs that the estimator was fitted on.
    """
    predicted, out_of_range = np.empty(len(ends)), np.empty(len(ends))
    for known, others in _folds(len(ends), groups):
        model = clone(estimator).fit(table.iloc[known], ends[known])
        predicted[others] = predictions_of(model, table.iloc[others])
        out_of_range[others] = outside(table.iloc[others].to_numpy(), *_range(table.iloc[known]))
    return predicted, out_of_range


def _folds(runs: int, groups: Sequence[Any] | None) -> list[tuple[np.ndarray, np.ndarray]]:
    places = np.arange(runs)
    if runs < LEAST_RUNS:
        raise SettingError("the number of runs", runs, f"at least {LEAST_RUNS}, to fit on two while one is held out")
    if groups is None:
        return list(KFold(min(FOLDS, runs), shuffle=True, random_state=0).split(places))
    numbers = pd.factorize(np.asarray(groups))[0]
    several = len(set(numbers.tolist()))
    if several < 2:
        raise SettingError("groups", sorted({str(group) for group in groups}), "at least two, to hold one out")
    folds = list(GroupKFold(min(FOLDS, several)).split(places, groups=numbers))
    if min(len(known) for known, _ in folds) < LEAST_RUNS - 1:
        raise SettingError("groups", [str(group) for group in groups], "such that each leaves at least two other runs")
    return folds


def _range(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and largest value of each feature; for a feature that no run has, any value is in range."""
    return table.min().fillna(-np.inf).to_numpy(np.float64), table.max().fillna(np.inf).to_numpy(np.float64)

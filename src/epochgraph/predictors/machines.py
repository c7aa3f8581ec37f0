"""Support vector machines that choose their penalty by cross-validation on the runs that they are fitted on."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import pdist, squareform
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.svm import SVC, SVR

from epochgraph.predictors.dual import coefficients

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
"""The default of 1 fits most populations of a few dozen runs too loosely."""

FOLDS = 5
"""At most: each fold holds out a run of every class."""

MARGIN = 0.1
"""Regression errors up to this size do not count: scikit-learn's default."""

SLOPES = (1e-3, 1e3)
"""The smallest and largest slope of the log-odds, for decisions up to one."""

Folds = list[tuple[np.ndarray, np.ndarray]]
Solution = tuple[np.ndarray, float]


class TunedSVC(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A machine for two classes with the penalty that classifies most held-out runs correctly; the smallest on ties.

    Its probabilities are Platt's, from the decisions about held-out runs, but without his offset: a machine that lacks
    a run of one class leans towards the other, and an offset learned from a few dozen such runs would lean back too
    far, so that the more probable label would not be the predicted one. The machine is the one that `GridSearchCV`
    finds, in a fraction of the time: scikit-learn spends longer on checking each fit than on fitting.

    Args:
        random_state: Seed of the folds.

    Attributes:
        classes_: The two labels.
        machine_: Fitted on all runs, with the penalty that was chosen.
        slope_: Turns the machine's decision into the log-odds of the second label; positive.

    References:
        Platt 1999, "Probabilistic outputs for support vector machines".
    """

    def __init__(self, *, random_state: Any = 0) -> None:
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "TunedSVC":  # noqa: N803 - scikit-learn's name, here and below
        """Learn two labels from a scaled table without missing values."""
        self.classes_, places = np.unique(y, return_inverse=True)
        count = min(FOLDS, int(np.bincount(places).min()))
        folds = list(StratifiedKFold(count, shuffle=True, random_state=self.random_state).split(X, places))
        predicted = _held_out_predictions(X, 2.0 * places - 1, folds, _classifier)
        best = _best((predicted > 0) == (places == 1), folds)
        self.machine_ = SVC(C=PENALTIES[best]).fit(X, y)
        self.slope_ = _slope(predicted[best], places == 1)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """The probability of each label (a column) for each run (a row)."""
        p = expit(self.slope_ * self.machine_.decision_function(X))
        return np.stack([1 - p, p], axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """The more probable label of each run."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class TunedSVR(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # likewise
    """A machine with the penalty that predicts the numbers of held-out runs with the smallest squared error.

    Args:
        random_state: Seed of the folds.

    Attributes:
        machine_: Fitted on all runs, with the penalty that was chosen.
    """

    def __init__(self, *, random_state: Any = 0) -> None:
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "TunedSVR":  # noqa: N803
        """Learn standardised numbers from a scaled table without missing values."""
        folds = list(KFold(min(FOLDS, len(y)), shuffle=True, random_state=self.random_state).split(X))
        predicted = _held_out_predictions(X, y, folds, _regressor)
        self.machine_ = SVR(C=PENALTIES[_best(-np.square(predicted - y), folds)], epsilon=MARGIN).fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """The number of each run."""
        return np.asarray(self.machine_.predict(X))


def _held_out_predictions(
    table: np.ndarray, y: np.ndarray, folds: Folds, solved: Callable[[np.ndarray, np.ndarray, float], Solution]
) -> np.ndarray:
    """For each penalty (a row) what the machine fitted on the other folds predicts for each run."""
    distances = squareform(pdist(table, "sqeuclidean"))
    predicted = np.empty((len(PENALTIES), len(y)))
    for known, others in folds:
        spread = table[known].var() or 1.0
        kernel = np.exp(distances[:, known] / (-table.shape[1] * spread))  # the width of SVC and SVR
        for row, penalty in enumerate(PENALTIES):
            weights, offset = solved(kernel[known], y[known], penalty)
            predicted[row:, others] = kernel[others] @ weights + offset
            if np.abs(weights).max() < penalty:  # no run is at the bound: a higher one changes nothing
                break
    return predicted


def _classifier(kernel: np.ndarray, signs: np.ndarray, penalty: float) -> Solution:
    bounds = penalty * signs
    return coefficients(kernel, signs, np.minimum(bounds, 0), np.maximum(bounds, 0))


def _regressor(kernel: np.ndarray, y: np.ndarray, penalty: float) -> Solution:
    """Each run counts twice: its prediction may be too low or too high."""
    free, fixed = np.full(len(y), penalty), np.zeros(len(y))
    linear = np.concatenate([y - MARGIN, y + MARGIN])
    low, high = np.concatenate([fixed, -free]), np.concatenate([free, fixed])
    weights, offset = coefficients(np.tile(kernel, (2, 2)), linear, low, high)
    return weights[: len(y)] + weights[len(y) :], offset


def _best(right: np.ndarray, folds: Folds) -> int:
    """The first row with the highest mean over the folds."""
    return int(np.mean([right[:, others].mean(axis=1) for _, others in folds], axis=0).argmax())


def _slope(predicted: np.ndarray, high: np.ndarray) -> float:
    """The maximum-likelihood slope of the log-odds, for Platt's targets, which are never certain."""
    targets = np.where(high, (high.sum() + 1) / (high.sum() + 2), 1 / ((~high).sum() + 2))
    largest = np.abs(predicted).max() or 1.0

    def unlikeliness(slope: float) -> float:
        odds = slope / largest * predicted
        return float((np.logaddexp(0, odds) - targets * odds).sum())

    return float(minimize_scalar(unlikeliness, bounds=SLOPES, method="bounded").x / largest)

"""Support vector machines whose penalty is chosen by the runs that they are fitted on."""

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
"""The default of 1 fits most populations of some dozens of runs too loosely."""

FOLDS = 5
"""At most: each holds out a run of every class."""

MARGIN = 0.1
"""Errors of a regression up to this do not count: scikit-learn's default."""

SLOPES = (1e-3, 1e3)
"""The least and the largest slope of log-odds, for decisions of at most one."""

Folds = list[tuple[np.ndarray, np.ndarray]]
Solution = tuple[np.ndarray, float]


class TunedSVC(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A machine for two classes with the one of `PENALTIES` that tells most held-out runs rightly; of equals the least.

    Its probabilities are Platt's, from what the runs were told while they were held out, but for his offset: a machine
    that lacks a run of a class leans towards the other one, and an offset learned from some dozens of such runs would
    lean back too far, so that the more probable label would not be the one that the machine tells. The machine is the
    one that `GridSearchCV` finds, in a fraction of the time: each fit takes scikit-learn longer to check than to do.

    Args:
        random_state: Seed of the folds.

    Attributes:
        classes_: The two labels.
        machine_: Fitted on all runs, with the penalty that was chosen.
        slope_: By which the machine's decision is the log-odds of the second label; positive.

    References:
        Platt 1999, "Probabilistic outputs for support vector machines".
    """

    def __init__(self, *, random_state: Any = 0) -> None:
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "TunedSVC":  # noqa: N803 - scikit-learn's name, here and below
        """Learn from a table that is scaled and without missing values, and two labels."""
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
    """A machine with the one of `PENALTIES` that tells numbers of held-out runs with the least squared error.

    Args:
        random_state: Seed of the folds.

    Attributes:
        machine_: Fitted on all runs, with the penalty that was chosen.
    """

    def __init__(self, *, random_state: Any = 0) -> None:
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "TunedSVR":  # noqa: N803
        """Learn from a table that is scaled and without missing values, and standardised numbers."""
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
    """What machines tell of each run that were fitted on the other folds: a row a penalty."""
    distances = squareform(pdist(table, "sqeuclidean"))
    predicted = np.empty((len(PENALTIES), len(y)))
    for known, others in folds:
        spread = table[known].var() or 1.0
        kernel = np.exp(distances[:, known] / (-table.shape[1] * spread))  # as wide as SVC and SVR have it
        for row, penalty in enumerate(PENALTIES):
            weights, offset = solved(kernel[known], y[known], penalty)
            predicted[row:, others] = kernel[others] @ weights + offset
            if np.abs(weights).max() < penalty:  # it binds no run: a higher one changes nothing
                break
    return predicted


def _classifier(kernel: np.ndarray, signs: np.ndarray, penalty: float) -> Solution:
    bounds = penalty * signs
    return coefficients(kernel, signs, np.minimum(bounds, 0), np.maximum(bounds, 0))


def _regressor(kernel: np.ndarray, y: np.ndarray, penalty: float) -> Solution:
    """Each run counts twice: what is told of it may be too little, or too much."""
    free, fixed = np.full(len(y), penalty), np.zeros(len(y))
    linear = np.concatenate([y - MARGIN, y + MARGIN])
    low, high = np.concatenate([fixed, -free]), np.concatenate([free, fixed])
    weights, offset = coefficients(np.tile(kernel, (2, 2)), linear, low, high)
    return weights[: len(y)] + weights[len(y) :], offset


def _best(right: np.ndarray, folds: Folds) -> int:
    """The first row with the highest mean over the folds."""
    return int(np.mean([right[:, others].mean(axis=1) for _, others in folds], axis=0).argmax())


def _slope(predicted: np.ndarray, high: np.ndarray) -> float:
    """The slope of the log-odds, by maximum likelihood with Platt's targets, which are never certain."""
    targets = np.where(high, (high.sum() + 1) / (high.sum() + 2), 1 / ((~high).sum() + 2))
    largest = np.abs(predicted).max() or 1.0

    def unlikeliness(slope: float) -> float:
        odds = slope / largest * predicted
        return float((np.logaddexp(0, odds) - targets * odds).sum())

    return float(minimize_scalar(unlikeliness, bounds=SLOPES, method="bounded").x / largest)

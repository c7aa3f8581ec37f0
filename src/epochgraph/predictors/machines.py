"""Support vector machines whose penalty is chosen by the runs that they are fitted on."""

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.svm import SVC, SVR

PENALTIES = (1.0, 10.0, 100.0, 1000.0)
"""The default of 1 fits most populations of some dozens of runs too loosely."""


def tuned(kind: type[SVC] | type[SVR], table: np.ndarray, y: np.ndarray, folds: StratifiedKFold | KFold) -> SVC | SVR:
    """The machine, not yet fitted, with that of `PENALTIES` that tells held-out runs best; of equals the least.

    It is the one that `GridSearchCV` finds, in half of the time: on some dozens of runs a machine is fitted in less
    than its bookkeeping takes.

    Args:
        kind: Its class.
        table: A row a run, scaled and without missing values.
        y: The label of each run, or a number.
        folds: How to hold runs out: classes are compared by their accuracy, numbers by their squared error.
    """
    scores = [_scores(kind, table, y, known, others) for known, others in folds.split(table, y)]
    return kind(C=PENALTIES[int(np.mean(scores, axis=0).argmax())])


def _scores(
    kind: type[SVC] | type[SVR], table: np.ndarray, y: np.ndarray, known: np.ndarray, others: np.ndarray
) -> list[float]:
    """How well the machine tells the other runs, with each of the penalties."""
    scores: list[float] = []
    for penalty in PENALTIES:
        machine = kind(C=penalty).fit(table[known], y[known])
        told = machine.predict(table[others])
        right = told == y[others] if kind is SVC else -np.square(told - y[others])
        scores.append(float(right.mean()))
        if np.abs(machine.dual_coef_).max(initial=0) < penalty:  # it binds no run: a higher one changes nothing
            break
    return scores + scores[-1:] * (len(PENALTIES) - len(scores))

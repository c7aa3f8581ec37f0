"""The rule that a sceptic would write: trees on the curve so far and the hyper-parameters, learned from this sweep."""

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from epochgraph.sweeps.rules import STARTUP, no_stopping
from epochgraph.sweeps.sweep import Sweep

TREES = 20
"""More change little on a few dozen runs, and a replay grows hundreds of forests."""


def trees_on_curve(sweep: Sweep, settings: np.ndarray, best: int, rate: float = 0.05) -> np.ndarray:
    """One run after another is trained; trees predict its end from its curve and its hyper-parameters.

    They are grown on the runs that have finished by then, as many as the median rule wants, too. A run is stopped when
    even a prediction that errs as far to the good side as the trees err on runs they have not seen (those out of their
    bags) in all but `rate` of the cases would be below the `best`-th of the finished runs.

    Args:
        sweep: The runs, in the order in which they are started.
        settings: Their hyper-parameters, a row a run.
        best: How many of the runs count as good.
        rate: The share of good runs that may be stopped.

    Returns:
        The steps that each run is trained for.
    """
    trained = no_stopping(sweep)
    finished: list[int] = []
    for run in range(len(trained)):
        if len(finished) >= max(STARTUP, best):
            goal = np.sort(sweep.final[finished])[-best]
            steps = (
                step for step in range(1, sweep.epochs) if _highest(sweep, settings, finished, run, step, rate) < goal
            )
            trained[run] = next(steps, sweep.epochs)
        if trained[run] == sweep.epochs:
            finished.append(run)
    return trained


def _highest(sweep: Sweep, settings: np.ndarray, finished: list[int], run: int, step: int, rate: float) -> float:
    """The best end that a run may come to, after a step, by what those have taught that are finished."""
    seen = sweep.curves[:, :step]
    known = np.column_stack([seen[:, -1], seen.max(axis=1), settings])
    trees = ExtraTreesRegressor(TREES, bootstrap=True, oob_score=True, min_samples_leaf=2, random_state=0)
    trees.fit(known[finished], sweep.final[finished])
    errors = sweep.final[finished] - trees.oob_prediction_
    return float(trees.predict(known[[run]])[0] + np.quantile(errors, 1 - rate))

"""Forecasts that learn in place: from the runs of the same sweep that have finished."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from epochgraph.forecasts.moments import Paced
from epochgraph.forecasts.prior import Prior
from epochgraph.forecasts.scores import COMMON, own_setting_scores
from epochgraph.predictors.forests import RegressionForest

LEAST_KNOWN = 4
"""Finished runs of a sweep, to learn from it."""

EQUAL = 8
"""Known runs with which trees are trusted as much as the line; with fewer the line counts for more."""

PRIOR_RUNS = 2.0
"""Known runs whose word on the line's slope counts as much as the prior's."""

PRIOR = "prior"
"""The column of standings that the prior expects."""


def in_place_scores(runs: Sequence[Paced], scores: pd.DataFrame, share: float, prior: Prior) -> pd.DataFrame:
    """What is learned from in place: what the prior looks at and what it expects, and all settings of the sweep.

    Args:
        runs: Of one sweep.
        scores: How they compare (see `scores_of`), with the prior's columns.
        share: Of the budget.
        prior: What other sweeps have taught.
    """
    columns = [column for column in prior.columns if column not in COMMON]
    standing = pd.DataFrame({PRIOR: prior.standings(scores, share)})
    return pd.concat([scores[columns], own_setting_scores(runs), standing], axis="columns")


def learned_ends(
    scores: pd.DataFrame, known: Bool[np.ndarray, "runs"], ends: Float64[np.ndarray, "runs"]
) -> Float64[np.ndarray, "runs"]:
    """Learn from known ends, and forecast those of all runs.

    Two forecasts are averaged. A line turns the standing that the prior expects into a value; its slope starts from the
    one that standings would have if they were certain. Trees look at everything: they split by order, so they need no
    scale, and are not led astray by a column that says nothing. The more runs are known, the more the trees count.

    Args:
        scores: What is known of each run (a row), with a column `PRIOR`.
        known: Which runs have finished; at least two.
        ends: The final value of each of them, the higher, the better, and finite; what stands for the others is not
            looked at.
    """
    found = ends[known]
    forest = RegressionForest(random_state=0).fit(scores.to_numpy()[known], found).predict(scores.to_numpy())
    trees = len(found) / (len(found) + EQUAL)
    return np.asarray(trees * forest + (1 - trees) * _line(scores[PRIOR].to_numpy(), known, found))


def _line(standings: np.ndarray, known: np.ndarray, ends: np.ndarray) -> np.ndarray:
    centred, beyond = standings[known] - standings[known].mean(), ends - ends.mean()
    slope = (PRIOR_RUNS * np.std(ends, ddof=1) + centred @ beyond) / (PRIOR_RUNS + centred @ centred)
    return np.asarray(ends.mean() + slope * (standings - standings[known].mean()))


def bounded(ends: Float64[np.ndarray, "runs"]) -> Float64[np.ndarray, "runs"]:
    """Ends, the higher, the better, of which none is so bad that it would outweigh all others.

    What lies below the lowest tenth by more than the range of the middle eight tenths is raised to that bound, and so
    is what is not finite: a run that has diverged is as bad as that. To tell good runs from better ones is what counts.
    """
    finite = ends[np.isfinite(ends)]
    if not len(finite):
        return np.zeros(len(ends))
    low, high = np.quantile(finite, [0.1, 0.9])
    return np.asarray(np.clip(np.where(np.isfinite(ends), ends, -np.inf), low - (high - low), None))

"""What is expected of the runs of one sweep at one moment, and the chance that each of them ends well."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64
from scipy.stats import norm

from epochgraph.errors import SettingError
from epochgraph.forecasts.learning import LEAST_KNOWN, bounded, in_place_scores, learned_ends
from epochgraph.forecasts.moments import Paced
from epochgraph.forecasts.prior import Prior
from epochgraph.forecasts.scores import normal_scores
from epochgraph.forecasts.target import Target

WITHIN = float(norm.ppf(0.95))
"""Standard deviations on either side of the mean that hold nine in ten."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a good end is: at least a threshold (of what falls, at most), or one of the best runs of the sweep.

    Attributes:
        threshold: The final value.
        best: How many runs of the sweep count as good.

    Raises:
        SettingError: Both are given, or `best` is not a positive number.
    """

    threshold: float | None = None
    best: int | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and self.best is not None:
            raise SettingError("best", self.best, "left out where a threshold is given: a good end is one or the other")
        if self.best is not None and self.best < 1:
            raise SettingError("best", self.best, "at least 1")


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What is expected of the runs of a sweep, all looked at after the same share of their budget.

    Attributes:
        standings: The normal score that each run is expected to have at the end, the higher, the better.
        spread: Standard deviation of what standings miss.
        ends: The expected final value of each run, of known ones their own; None where too few are known.
        error: What one in ten of these misses its end by; None likewise.
        known: How many ends were learned from.
        sign: 1 if the target rises as runs get better, -1 if it falls.
    """

    standings: Float64[np.ndarray, "runs"]
    spread: float
    ends: Float64[np.ndarray, "runs"] | None
    error: float | None
    known: int
    sign: int

    def chances(self, goal: Goal) -> Float64[np.ndarray, "runs"] | None:
        """The chance that each run ends well.

        Returns:
            From 0 to 1; None where it cannot be said: there is no goal, or it is a threshold and too few ends are known
            to tell what standings are worth.
        """
        if goal.best is not None and goal.best >= len(self.standings):
            return np.ones(len(self.standings))
        if self.ends is None or self.error is None:
            if goal.best is None:
                return None
            border = norm.ppf(1 - goal.best / len(self.standings))
            return np.asarray(norm.cdf((self.standings - border) / self.spread))
        ends = self.sign * self.ends
        if goal.best is not None:
            in_order = np.sort(ends)[::-1]
            border = in_order[goal.best - 1 : goal.best + 1].mean()
        elif goal.threshold is not None:
            border = self.sign * goal.threshold
        else:
            return None
        return np.asarray(norm.cdf((ends - border) * WITHIN / max(self.error, np.finfo(float).tiny)))


def outlook(
    runs: list[Paced],
    scores: pd.DataFrame,
    share: float,
    target: Target,
    prior: Prior,
    *,
    known: Bool[np.ndarray, "runs"],
    ends: Float64[np.ndarray, "runs"],
) -> Outlook:
    """Look at the runs of a sweep after a share of their budget.

    Args:
        runs: All that have come that far.
        scores: How they compare (see `scores_of`), with the prior's columns.
        share: Of the budget.
        target: What is forecast.
        prior: What other sweeps have taught.
        known: Which of the runs have finished.
        ends: The final value of each of them; NaN or infinite where it diverged.
    """
    number = int(known.sum())
    error = prior.error_at(share, number) if number >= LEAST_KNOWN else None
    if error is None:
        standings = prior.standings(scores, share)
        return Outlook(standings, prior.spread_at(share), None, None, number, target.sign)
    own = bounded(target.sign * ends[known])
    better = np.zeros(len(runs))
    better[known] = own
    expected = learned_ends(in_place_scores(runs, scores, share, prior), known, better)
    expected[known] = own
    wide = error * float(np.std(own, ddof=1))
    return Outlook(normal_scores(expected), prior.spread_at(share), target.sign * expected, wide, number, target.sign)

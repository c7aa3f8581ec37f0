"""What held-out runs show about an estimator's errors: intervals, and decisions that keep a promise."""

from dataclasses import dataclass
from math import floor

import numpy as np
from jaxtyping import Bool, Float64
from scipy.stats import binomtest

from epochgraph.errors import SettingError

FEWEST_CATEGORIES = 3
SIGNIFICANT = 0.05

RUNS_PER_BIN = 40
"""Errors depend on the prediction (failed runs err less): intervals come from the runs with similar predictions."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was predicted for each run while it was held out, and how it ended.

    All statements are those of split-conformal prediction, with scores from cross-validation. They hold for new runs
    that differ from the known ones as a held-out fold differed from the rest. If whole architectures were held out,
    this covers a run of a new architecture; but a few architectures are few draws, so the worst of them decides.

    Attributes:
        predicted: From a regressor the final value of the target, mostly an accuracy; from a classifier the probability
            of a good end.
        truth: The final value of the target.
        categories: The category of each run, such as its architecture: a promise is kept in each known category.
        out_of_range: The share of each run's features outside the range of those that its estimator was fitted on.
        low: The smallest value of each feature over all runs.
        high: The largest.
        new_categories: Whether each category was held out as a whole, so that promises extend to new categories.
        falls: Whether the target falls as runs get better, as a loss does.
        probabilities: Whether `predicted` holds probabilities of a good end, which rise as runs get better.

    Raises:
        SettingError: The lengths differ, there are no runs, or a prediction is not a number.

    References:
        Lei et al. 2018, "Distribution-free predictive inference for regression"; Boström and Johansson 2020, "Mondrian
        conformal regressors" (bins); Vovk 2012, "Conditional validity of inductive conformal predictors" (good runs).
    """

    predicted: Float64[np.ndarray, "runs"]
    truth: Float64[np.ndarray, "runs"]
    categories: tuple[str, ...]
    out_of_range: Float64[np.ndarray, "runs"]
    low: Float64[np.ndarray, "features"]
    high: Float64[np.ndarray, "features"]
    new_categories: bool = False
    falls: bool = False
    probabilities: bool = False

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.predicted, self.truth, self.categories, self.out_of_range)}
        if len(lengths) > 1 or lengths == {0}:
            raise SettingError("calibration", sorted(lengths), "one length for all, of at least one run")
        of_runs = (self.predicted, self.truth, self.out_of_range)
        if self.low.shape != self.high.shape or {values.ndim for values in (*of_runs, self.low)} != {1}:
            raise SettingError("calibration", self.low.shape, "as many lows as highs, each in one row")
        if not np.isfinite(of_runs).all():
            raise SettingError("calibration", "NaN or infinite", "finite in `predicted`, `truth` and `out_of_range`")

    def interval(self, predicted: float, *, level: float = 0.9) -> tuple[float, float] | None:
        """Where the final value of a run lies for which a regressor predicts `predicted`.

        Returns:
            The interval that contains the share `level` of such values, with at most half of the rest on either side;
            None if there are too few runs to say.
        """
        errors = np.sort(self._errors_near(predicted))
        beyond = _allowed(len(errors), (1 - level) / 2)
        if beyond == 0:
            return None
        low, high = predicted + errors[beyond - 1], predicted + errors[-beyond]
        if self.truth.min() >= 0:  # accuracies are not negative, and fractions if all known ones are
            low, high = max(low, 0.0), max(high, 0.0)
        if self.truth.max() <= 1 and not self.falls:  # a loss has no upper bound
            low, high = min(low, 1.0), min(high, 1.0)
        return float(low), float(high)

    def p_good(self, predicted: float, threshold: float) -> float:
        """The probability of a good end for a run for which a regressor predicts `predicted`."""
        ends = predicted + self._errors_near(predicted)
        good = ends <= threshold if self.falls else ends >= threshold
        return float((good.sum() + 0.5) / (len(ends) + 1))

    def good(self, threshold: float) -> Bool[np.ndarray, "runs"]:
        """Which runs ended well: with at least the threshold, or if the target falls, with at most the threshold."""
        return np.asarray(self.truth <= threshold if self.falls else self.truth >= threshold)

    def stops(self, predicted: float, limit: float) -> bool:
        """Whether a prediction is worse than the limit, so that its run is stopped."""
        return predicted > limit if self._predictions_fall else predicted < limit

    @property
    def _predictions_fall(self) -> bool:
        return self.falls and not self.probabilities

    def limit(self, threshold: float, rate: float) -> float | None:
        """The lowest prediction that is not stopped; if the target falls, the highest.

        For new categories, the known ones must support the promise. Each is treated as new in turn; if more of its good
        runs fall below the limit set by the others than the rate explains (binomial test at 5 %), or if there are fewer
        than three categories, nothing is promised.

        Args:
            threshold: The final value from which on a run is good.
            rate: The share of good runs that may be stopped.

        Returns:
            The value that at most `rate` of the good runs score below, over all runs and within each category that has
            enough of them; in a smaller category, none scores below it. None if nothing can be promised. If the target
            falls, read "above" for "below".

        Raises:
            SettingError: The rate is not between 0 and 1.
        """
        if not 0 <= rate <= 1:
            raise SettingError("rate", rate, "from 0 to 1")
        categories, good = np.array(self.categories), self.good(threshold)
        if self.new_categories:
            known = set(categories[good].tolist())
            if len(known) < FEWEST_CATEGORIES or any(self._surprised_by(category, good, rate) for category in known):
                return None
        limit = self._limit(good, rate)
        return None if limit is None else self._sign * limit

    @property
    def _sign(self) -> int:
        """The factor after which a higher prediction is a better one."""
        return -1 if self._predictions_fall else 1

    def _surprised_by(self, category: str, good: np.ndarray, rate: float) -> bool:
        """Whether the limit set by the other categories would stop too many good runs of this one."""
        of_category = np.array(self.categories) == category
        limit = self._limit(good & ~of_category, rate)
        if limit is None:
            return False
        predicted = self._sign * self.predicted[good & of_category]
        return bool(
            binomtest(int((predicted < limit).sum()), len(predicted), rate, alternative="greater").pvalue < SIGNIFICANT
        )

    def _limit(self, good: np.ndarray, rate: float) -> float | None:
        """The limit set by the runs of a mask, all of them good, where higher predictions are better."""
        allowed, predicted = _allowed(int(good.sum()), rate), self._sign * self.predicted
        if allowed == 0:
            return None
        limits = [np.sort(predicted[good])[allowed - 1]]
        for category in set(self.categories):
            of_category = np.sort(predicted[good & (np.array(self.categories) == category)])
            if len(of_category):
                limits.append(of_category[max(1, _allowed(len(of_category), rate)) - 1])
        return float(min(limits))

    def is_out_of_range(self, features: Float64[np.ndarray, "features"]) -> bool:
        """Whether a larger share of its features is out of range than of any known run while that was held out."""
        return bool(outside(features[None], self.low, self.high)[0] > self.out_of_range.max())

    def _errors_near(self, predicted: float) -> np.ndarray:
        """The estimator's errors on the runs with similar predictions."""
        errors = self.truth - self.predicted
        bins = max(1, len(errors) // RUNS_PER_BIN)
        edges = np.quantile(self.predicted, np.linspace(0, 1, bins + 1)[1:-1], method="higher")
        edges = edges[edges > self.predicted.min()]  # many predictions may be equal: no bin is empty
        return np.asarray(errors[np.digitize(self.predicted, edges) == np.digitize(predicted, edges)])


def _allowed(runs: int, rate: float) -> int:
    """How many of `runs` exchangeable runs may lie below a limit, for a new one to do so at most at this rate."""
    return min(runs, floor(rate * (runs + 1) + 1e-9))  # 0.05 * 20 is 1


def outside(
    values: Float64[np.ndarray, "runs features"],
    low: Float64[np.ndarray, "features"],
    high: Float64[np.ndarray, "features"],
) -> Float64[np.ndarray, "runs"]:
    """For each run the share of its features below `low` or above `high`; NaN counts as neither."""
    return np.asarray(((values < low) | (values > high)).mean(axis=1, dtype=np.float64))

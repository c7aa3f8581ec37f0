"""What held-out runs teach about an estimator's errors: intervals, and decisions that keep a promise."""

from dataclasses import dataclass
from math import floor

import numpy as np
from jaxtyping import Bool, Float64
from scipy.stats import binomtest

from epochgraph.errors import SettingError

LEAST_KINDS = 3
SIGNIFICANT = 0.05

RUNS_PER_BIN = 40
"""For intervals, runs are told apart by what was told of them, as doomed ones err less; so many go together."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was told of runs while they were held out, and how they ended.

    All statements are those of split-conformal prediction, with scores from cross-validation: they hold for new runs
    that are to the known ones as a held-out fold was to the others. If whole architectures were held out, that is a
    run of a new architecture; but a few architectures are few draws, so the decision is that of the worst of them.

    Attributes:
        told: By a regressor the final accuracy (or whatever the target is), by a classifier the probability of a good
            end.
        truth: The final accuracy, or the target's final value.
        kinds: What each run is one of, such as its architecture: a promise is kept for each kind that is known.
        strangeness: Share of a run's features that lie outside of the range of those its estimator was fitted on.
        low: The least value of each feature, over all runs.
        high: The greatest.
        new_kinds: Whether each kind was held out as a whole, so that what is promised is to hold for kinds to come.
        falls: Whether what is told of falls as runs get better, such as a loss, so that low ends are good.
        probabilities: Whether what was told is the probability of a good end, which never falls as runs get better.

    Raises:
        SettingError: The lengths differ, there is no run, or what was told of one is not a number.

    References:
        Lei et al. 2018, "Distribution-free predictive inference for regression"; Boström and Johansson 2020, "Mondrian
        conformal regressors" (bins); Vovk 2012, "Conditional validity of inductive conformal predictors" (good runs).
    """

    told: Float64[np.ndarray, "runs"]
    truth: Float64[np.ndarray, "runs"]
    kinds: tuple[str, ...]
    strangeness: Float64[np.ndarray, "runs"]
    low: Float64[np.ndarray, "features"]
    high: Float64[np.ndarray, "features"]
    new_kinds: bool = False
    falls: bool = False
    probabilities: bool = False

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.told, self.truth, self.kinds, self.strangeness)}
        if len(lengths) > 1 or lengths == {0}:
            raise SettingError("calibration", sorted(lengths), "one length for all, of at least one run")
        of_runs = (self.told, self.truth, self.strangeness)
        if self.low.shape != self.high.shape or {values.ndim for values in (*of_runs, self.low)} != {1}:
            raise SettingError("calibration", self.low.shape, "of as many least as greatest values, each in one row")
        if not np.isfinite(of_runs).all():
            raise SettingError("calibration", "NaN or infinite", "finite in what was told, is true, and is strange")

    def interval(self, told: float, *, level: float = 0.9) -> tuple[float, float] | None:
        """Where the final accuracy of a run lies, of which a regressor told `told`.

        Returns:
            The interval that contains the share `level` of such accuracies, at most half of the rest on either side;
            None if there are too few runs to say.
        """
        errors = np.sort(self._errors_near(told))
        beyond = _allowed(len(errors), (1 - level) / 2)
        if beyond == 0:
            return None
        low, high = told + errors[beyond - 1], told + errors[-beyond]
        if self.truth.min() >= 0:  # an accuracy stays one: a fraction, if all of them are
            low, high = max(low, 0.0), max(high, 0.0)
        if self.truth.max() <= 1 and not self.falls:  # a loss knows no highest value
            low, high = min(low, 1.0), min(high, 1.0)
        return float(low), float(high)

    def p_good(self, told: float, threshold: float) -> float:
        """The probability that a run of which a regressor told `told` ends with at least `threshold`."""
        ends = told + self._errors_near(told)
        good = ends <= threshold if self.falls else ends >= threshold
        return float((good.sum() + 0.5) / (len(ends) + 1))

    def good(self, threshold: float) -> Bool[np.ndarray, "runs"]:
        """Which runs ended well: with at least the threshold, or of what falls, with at most that."""
        return np.asarray(self.truth <= threshold if self.falls else self.truth >= threshold)

    def condemns(self, told: float, limit: float) -> bool:
        """Whether what was told of a run is worse than the limit."""
        return told > limit if self._told_falls else told < limit

    @property
    def _told_falls(self) -> bool:
        return self.falls and not self.probabilities

    def limit(self, threshold: float, rate: float) -> float | None:
        """What is to be told of a run at least, for it not to be condemned; of what falls, at most.

        For kinds to come, the past must speak for it: each known kind is taken for new in turn, and if more of its good
        runs are told less than the limit of the others than the rate explains (binomial test at 5 %), or if there are
        less than three kinds, there is no promise.

        Args:
            threshold: The final accuracy from which on a run is good.
            rate: The share of good runs that may be condemned.

        Returns:
            What at most `rate` of the good runs are told less than, over all and of each kind with as many; of a
            kind with fewer, the least that was told. None if nothing can be promised. Of what falls, in both cases
            "less" is more, and "least" is most.

        Raises:
            SettingError: The rate is no share.
        """
        if not 0 <= rate <= 1:
            raise SettingError("rate", rate, "from 0 to 1")
        kinds, good = np.array(self.kinds), self.good(threshold)
        if self.new_kinds:
            known = set(kinds[good].tolist())
            if len(known) < LEAST_KINDS or any(self._surprised_by(kind, good, rate) for kind in known):
                return None
        limit = self._limit(good, rate)
        return None if limit is None else self._sign * limit

    @property
    def _sign(self) -> int:
        """What turns what was told into what is the higher, the better."""
        return -1 if self._told_falls else 1

    def _surprised_by(self, kind: str, good: np.ndarray, rate: float) -> bool:
        """Whether good runs of a kind would be condemned too often by the limit of the others."""
        of_kind = np.array(self.kinds) == kind
        limit = self._limit(good & ~of_kind, rate)
        if limit is None:
            return False
        told = self._sign * self.told[good & of_kind]
        return bool(binomtest(int((told < limit).sum()), len(told), rate, alternative="greater").pvalue < SIGNIFICANT)

    def _limit(self, good: np.ndarray, rate: float) -> float | None:
        """The limit by the good runs among those that are given as a mask, of what is the higher, the better."""
        allowed, told = _allowed(int(good.sum()), rate), self._sign * self.told
        if allowed == 0:
            return None
        limits = [np.sort(told[good])[allowed - 1]]
        for kind in set(self.kinds):
            of_kind = np.sort(told[good & (np.array(self.kinds) == kind)])
            if len(of_kind):
                limits.append(of_kind[max(1, _allowed(len(of_kind), rate)) - 1])
        return float(min(limits))

    def is_strange(self, features: Float64[np.ndarray, "features"]) -> bool:
        """Whether a run lies further outside of the known ones than any of them did while it was held out."""
        return bool(outside(features[None], self.low, self.high)[0] > self.strangeness.max())

    def _errors_near(self, told: float) -> np.ndarray:
        """How far from the truth the estimator was on the runs that were told about the same."""
        errors = self.truth - self.told
        bins = max(1, len(errors) // RUNS_PER_BIN)
        edges = np.quantile(self.told, np.linspace(0, 1, bins + 1)[1:-1], method="higher")
        edges = edges[edges > self.told.min()]  # many runs may be told the same: no bin is empty
        return np.asarray(errors[np.digitize(self.told, edges) == np.digitize(told, edges)])


def _allowed(runs: int, rate: float) -> int:
    """How many of so many exchangeable runs may lie below a limit, for a new one to do so at the given rate."""
    return min(runs, floor(rate * (runs + 1) + 1e-9))  # 0.05 * 20 is 1


def outside(
    values: Float64[np.ndarray, "runs features"],
    low: Float64[np.ndarray, "features"],
    high: Float64[np.ndarray, "features"],
) -> Float64[np.ndarray, "runs"]:
    """For each run the share of its features that are less than `low` or greater than `high`; NaN is neither."""
    return np.asarray(((values < low) | (values > high)).mean(axis=1, dtype=np.float64))

"""Finished sweeps -> a `Prior`: its weights, and what it is worth on families of sweeps that it has not seen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64
from sklearn.linear_model import Ridge

from epochgraph.errors import SettingError
from epochgraph.forecasts.learning import bounded
from epochgraph.forecasts.moments import SHARES, Paced, paced
from epochgraph.forecasts.outlook import Goal, Outlook, outlook
from epochgraph.forecasts.prior import Prior
from epochgraph.forecasts.scores import CHANGES, COMMON, CURVE, normal_scores, scores_of
from epochgraph.forecasts.target import Target, target_of
from epochgraph.runs import Run

WITH_CURVE = (*CURVE, *COMMON)
"""What the prior looks at where learning curves are known."""

WITHOUT_CURVE = (*COMMON, *CHANGES)
"""What it looks at where they are not: settings, and changes of the graphs."""

EVERYTHING = (*CURVE, *COMMON, *CHANGES)

PENALTY = 30.0
"""Of the squared weights, where a sweep counts as at most `MOST_RUNS` runs."""

MOST_RUNS = 24
"""Of a sweep that count: one of 150 runs is not twelve sweeps."""

KNOWN = (0, 4, 8, 16)
"""Numbers of finished runs that are tried."""

FRACTIONS = (1 / 12, 1 / 4, 1 / 2)
"""Shares of a sweep's runs that are taken for good."""

LEAST_LEFT = 3
"""Runs that are left to forecast in a trial."""

PROMISE = 0.05
"""The share of good runs that may be stopped, over all looks together."""


@dataclass(frozen=True, slots=True, eq=False)
class FinishedSweep:
    """The runs of a sweep, all of them trained to their end.

    Attributes:
        family: What it is held out with: sweeps much like each other.
        runs: At most `MOST_RUNS` of them.
        target: What is forecast.
        ends: The final value of each run; NaN or infinite where it diverged.
        scores: For each of `SHARES` a row a run, with at least the columns that the prior is to look at.
    """

    family: str
    runs: list[Paced]
    target: Target
    ends: Float64[np.ndarray, "runs"]
    scores: Mapping[float, pd.DataFrame]

    @property
    def final_scores(self) -> Float64[np.ndarray, "runs"]:
        """How the runs stand at the end."""
        return normal_scores(bounded(self.target.sign * self.ends))


def finished_sweep(
    runs: Sequence[Run], family: str, *, target: str | None = None, columns: Sequence[str] = EVERYTHING
) -> FinishedSweep:
    """Prepare a finished sweep for learning from it.

    Args:
        runs: All of one sweep; of more than `MOST_RUNS`, that many are drawn.
        family: What it is held out with.
        target: As in `target_of`.
        columns: What may be learned from (see `scores_of`).

    Raises:
        SettingError: As `target_of`.
    """
    if len(runs) > MOST_RUNS:
        chosen = np.random.default_rng(0).permutation(len(runs))[:MOST_RUNS]
        runs = [runs[place] for place in sorted(chosen)]
    what, prepared = target_of(runs, target), paced(runs, known=runs)
    scores = {share: scores_of(columns, prepared, share, what) for share in SHARES}
    return FinishedSweep(family, prepared, what, np.array([end_of(one, what) for one in prepared]), scores)


def end_of(one: Paced, target: Target) -> float:
    """The final value of a run; NaN if it diverged, or did not measure the target at its end."""
    if target.metric not in one.run.metrics or one.run.signature.diverged.any() or not one.finished:
        return np.nan
    values = one.run.metrics[target.metric]
    return float(values.iloc[-1]) if len(values) else np.nan


def fitted_prior(sweeps: Sequence[FinishedSweep], *, columns: Sequence[str] = WITH_CURVE, repeats: int = 2) -> Prior:
    """Learn from finished sweeps, and measure it on each family while that is held out.

    Args:
        sweeps: Of two families at least.
        columns: What the prior is to look at.
        repeats: How often other runs of a sweep are taken for known.

    Raises:
        SettingError: All sweeps are of one family.
    """
    return measured(weighed(sweeps, columns), trials(sweeps, columns=columns, repeats=repeats))


def weighed(sweeps: Sequence[FinishedSweep], columns: Sequence[str]) -> Prior:
    """A prior with weights, of whose worth nothing has been measured: a spread of one, errors of one, no limits."""
    weights = _ridge(sweeps, columns)
    curves = [name for name in columns if name in CURVE]
    settled = weights
    if curves:
        settled = np.zeros_like(weights)
        settled[:, [columns.index(name) for name in curves]] = _ridge(sweeps, curves)
    return Prior(
        columns=tuple(columns),
        shares=np.array(SHARES),
        weights=weights,
        settled=settled,
        spread=np.ones(len(SHARES)),
        known=KNOWN,
        errors=np.ones((len(KNOWN) - 1, len(SHARES))),
        fractions=np.array(FRACTIONS),
        limits=np.zeros((len(KNOWN), len(FRACTIONS))),
        sweeps=len(sweeps),
        runs=sum(len(sweep.runs) for sweep in sweeps),
    )


def _ridge(sweeps: Sequence[FinishedSweep], columns: Sequence[str]) -> Float64[np.ndarray, "shares columns"]:
    """Weights of columns by ridge regression, a row a share."""
    ends = np.concatenate([sweep.final_scores for sweep in sweeps])
    tables = [np.concatenate([sweep.scores[share][list(columns)].to_numpy() for sweep in sweeps]) for share in SHARES]
    return np.array([Ridge(PENALTY, fit_intercept=False).fit(table, ends).coef_ for table in tables])


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A sweep of a held-out family, some of whose runs were taken for known, and what was expected of it.

    Attributes:
        sweep: All of whose ends are known in truth.
        known: Which ends were shown.
        outlooks: What was expected at each of `SHARES`, by a prior of whose worth nothing was known.
    """

    sweep: FinishedSweep
    known: Bool[np.ndarray, "runs"]
    outlooks: tuple[Outlook, ...]

    @property
    def number(self) -> int:
        """How many ends were shown."""
        return int(self.known.sum())

    def errors(self, share: float) -> Float64[np.ndarray, "unknown"]:
        """By how much the forecasts of unknown ends missed, in standard deviations of the known ones."""
        seen = self.outlooks[SHARES.index(share)]
        if seen.ends is None or not seen.error:
            return np.empty(0)
        sign = self.sweep.target.sign
        return np.asarray(np.abs(sign * seen.ends - bounded(sign * self.sweep.ends))[~self.known] / seen.error)

    def chances(self, prior: Prior, best: int) -> Float64[np.ndarray, "shares runs"]:
        """The chance at each share that each run is one of the best, as wide as a measured prior says."""
        found = []
        for share, seen in zip(SHARES, self.outlooks, strict=True):
            scale = prior.error_at(share, self.number)
            error = None if seen.error is None or scale is None else scale * seen.error
            chances = replace(seen, spread=prior.spread_at(share), error=error).chances(Goal(best=best))
            found.append(np.ones(len(seen.standings)) if chances is None else chances)
        return np.array(found)

    def good(self, best: int) -> Bool[np.ndarray, "runs"]:
        """Which runs are among the best of the sweep at their end."""
        order = np.argsort(-bounded(self.sweep.target.sign * self.sweep.ends), kind="stable")
        return np.isin(np.arange(len(order)), order[:best])


def trials(sweeps: Sequence[FinishedSweep], *, columns: Sequence[str] = WITH_CURVE, repeats: int = 2) -> list[Trial]:
    """Hold out each family in turn, and forecast its sweeps by what the others teach.

    Raises:
        SettingError: All sweeps are of one family.
    """
    families = sorted({sweep.family for sweep in sweeps})
    if len(families) < 2:
        raise SettingError("families", families, "at least two, to measure the prior on one that it has not seen")
    found = []
    for family in families:
        prior = weighed([sweep for sweep in sweeps if sweep.family != family], columns)
        found += [
            trial
            for sweep in sweeps
            if sweep.family == family
            for number in KNOWN
            for trial in _trials(sweep, prior, number, repeats)
        ]
    return found


def _trials(sweep: FinishedSweep, prior: Prior, number: int, repeats: int) -> Iterator[Trial]:
    for repeat in range(repeats if number else 1):
        if number <= len(sweep.runs) - LEAST_LEFT:
            known = np.zeros(len(sweep.runs), dtype=bool)
            known[np.random.default_rng(repeat).permutation(len(known))[:number]] = True
            shown = {"known": known, "ends": sweep.ends}
            seen = [outlook(sweep.runs, sweep.scores[share], share, sweep.target, prior, **shown) for share in SHARES]
            yield Trial(sweep, known, tuple(seen))


def measured(prior: Prior, held_out: Sequence[Trial]) -> Prior:
    """A prior with what trials say of its worth: how far it misses, and below which chance hardly a good run was."""
    of = {number: [trial for trial in held_out if trial.number == number] for number in KNOWN}
    errors = np.array([[_nine_in_ten(of[number], share) for share in SHARES] for number in KNOWN[1:]])
    # more known runs never make a forecast worse: what looks so is the luck of few sweeps
    errors = np.maximum.accumulate(errors[::-1], axis=0)[::-1]
    prior = replace(prior, errors=errors, spread=_spread(of[0]))
    limits = np.array([[_limit(of[number], fraction, prior) for fraction in FRACTIONS] for number in KNOWN])
    limits[1:] = np.minimum.accumulate(limits[1:], axis=0)  # few sweeps are so large that sixteen runs can be known
    return replace(prior, limits=limits)


def _nine_in_ten(held_out: Sequence[Trial], share: float) -> float:
    errors = [trial.errors(share) for trial in held_out]
    found = np.concatenate(errors) if errors else np.empty(0)
    return float(np.quantile(found, 0.9, method="higher")) if len(found) else 1.0


def _spread(held_out: Sequence[Trial]) -> np.ndarray:
    missed = [
        np.concatenate([trial.outlooks[place].standings - trial.sweep.final_scores for trial in held_out])
        for place in range(len(SHARES))
    ]
    return np.array([float(np.sqrt(np.mean(one**2))) for one in missed])


def _limit(held_out: Sequence[Trial], fraction: float, prior: Prior) -> float:
    """The chance that at most `PROMISE` of the good runs of families to come undercut at any look."""
    lowest = []
    for trial in held_out:
        best = best_of(fraction, len(trial.sweep.runs))
        lowest.append(trial.chances(prior, best).min(axis=0)[trial.good(best) & ~trial.known])
    found = np.sort(np.concatenate(lowest)) if lowest else np.empty(0)
    allowed = floor(PROMISE * (len(found) + 1))
    return float(found[allowed - 1]) if allowed else 0.0


def best_of(fraction: float, runs: int) -> int:
    """How many of so many runs count as good."""
    return max(1, round(fraction * runs))

"""Runs of a sweep -> a `Prediction` of each, learned from many other sweeps and from this one."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64
from scipy.stats import norm

from epochgraph.errors import SettingError
from epochgraph.forecasts.fitting import PROMISE, end_of
from epochgraph.forecasts.learning import LEAST_KNOWN
from epochgraph.forecasts.moments import SHARES, TOLERANCE, Paced, as_of, paced
from epochgraph.forecasts.outlook import Goal, Outlook, outlook
from epochgraph.forecasts.prior import Prior, shipped_prior
from epochgraph.forecasts.scores import scores_of
from epochgraph.forecasts.target import Target, target_of
from epochgraph.predictors.prediction import Decision, Prediction, divergence
from epochgraph.runs import Direction, Run
from epochgraph.runs.ends import unfinished

LEAST_COMPANY = 4
"""Runs that a run is compared with, for a standing among them to mean anything."""


def forecast(  # noqa: PLR0913 - what is known, what is wanted, and how it is measured
    runs: Sequence[Run],
    *,
    known: Sequence[Run] = (),
    at: float | None = None,
    budget: float | None = None,
    target: str | None = None,
    direction: Direction | None = None,
    threshold: float | None = None,
    best: int | None = None,
    rate: float = PROMISE,
    prior: Prior | None = None,
) -> list[Prediction]:
    """Forecast how the runs of one sweep will end, from how they compare with each other and with those that finished.

    With less than four finished runs, only the order of the runs is forecast, by what other sweeps have taught: which
    of them will stand where (`Prediction.standing`). From four on, their final values are, by trees that see the
    curves, the settings and that order; intervals are as wide as such forecasts have missed in families of sweeps that
    were held out. A run is compared with the others as they were after the same share of their budget.

    Args:
        runs: As far as they have come. Those that have finished are learned from, too.
        known: Further finished runs of the sweep. One that was stopped early is compared with, but its last value is
            never taken for an end.
        at: The epoch up to which `runs` are looked at; None for all that is known of them.
        budget: The epochs that each run has in all; None where settings or finished runs tell.
        target: The metric whose final value is forecast; None for the usual one that all runs have.
        direction: Which way it improves, where its name does not say.
        threshold: The final value from which on an end is good (of what falls, down to which).
        best: How many of the sweep's runs count as good, instead of a threshold.
        rate: The share of good runs that decisions may stop; below 5 % nothing is promised, and they abstain.
        prior: What other sweeps have taught; None for the one that comes with the package: where no learning curve was
            recorded, that is one of settings and weights alone, which never stops a run.

    Returns:
        A prediction a run, in their order. Its decision is "abstain" unless the chance of a good end can be told.

    Raises:
        SettingError: There are no runs, nothing tells their budget or target, or threshold and best are both given.

    Examples:
        >>> import numpy as np, pandas as pd
        >>> from epochgraph.runs import Run
        >>> from epochgraph.signature import Signature
        >>> def run(rate):
        ...     curve = {"validation_accuracy": [0.1, 0.1 + rate], "train_loss": [2.3, 2.3 - rate]}
        ...     metrics = pd.DataFrame(curve, index=pd.Index([0.0, 1.0], name="epoch"))
        ...     nothing = Signature(np.empty(0), (), np.empty((0, 0)), np.empty(0, dtype=bool))
        ...     return Run(f"rate {rate}", nothing, metrics, {"learning_rate": rate, "epochs": 8})
        >>> predictions = forecast([run(rate) for rate in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)], best=2)
        >>> predictions[0].standing < predictions[5].standing
        True
    """
    if not runs:
        raise SettingError("runs", 0, "at least one")
    if not 0 <= rate <= 1:
        raise SettingError("rate", rate, "from 0 to 1")
    goal = Goal(threshold, best)
    seen = list(runs) if at is None else [as_of(run, at) for run in runs]
    stopped = unfinished(known) if known else {}
    everybody = paced([*seen, *known], known=[run for run in known if run.name not in stopped], budget=budget)
    begun = [one for one in everybody if one.share >= SHARES[0]] or everybody  # of others nothing may be logged yet
    what = target_of([one.run for one in begun], target, direction)
    blind = not _recorded(begun, what)
    given = prior or shipped_prior("without-curves" if blind else "with-curves")
    ends = np.array([end_of(one, what) for one in everybody])
    sweep = _Sweep(everybody, what, goal, given, blind=blind, promised=rate >= PROMISE, ends=ends)
    return [sweep.prediction(place) for place in range(len(runs))]


def _recorded(runs: Sequence[Paced], target: Target) -> bool:
    """Whether a learning curve is known of every run."""
    names = {target.progress, "validation_loss", "train_loss"} - {None}
    return all(any(name in one.run.metrics and one.run.metrics[name].notna().any() for name in names) for one in runs)


@dataclass(frozen=True, slots=True, eq=False)
class _Sweep:
    """All runs of a sweep, and what is expected of them; each moment is looked at once."""

    runs: list[Paced]
    target: Target
    goal: Goal
    prior: Prior
    blind: bool
    promised: bool
    ends: Float64[np.ndarray, "runs"]
    outlooks: dict[float, tuple[list[int], Outlook]] = field(default_factory=dict)

    @property
    def finished(self) -> Bool[np.ndarray, "runs"]:
        """Which runs have come to their end."""
        return np.array([one.finished for one in self.runs])

    def prediction(self, place: int) -> Prediction:
        """What is expected of one run."""
        one = self.runs[place]
        diverged = divergence(one.run)
        if diverged is not None:
            return self._answer(one, "stop", diverged)
        if one.finished:
            end = float(self.ends[place])
            return self._answer(one, "continue", "it has finished", end=end if np.isfinite(end) else None)
        if one.share < SHARES[0]:
            return self._answer(one, "abstain", f"it has spent less than 1/{1 / SHARES[0]:.0f} of its budget")
        places, seen = self._outlook(one.share)
        here = places.index(place)
        if len(places) < LEAST_COMPANY + 1:
            reason = f"{len(places) - 1} other runs have come as far, and {LEAST_COMPANY} are needed to compare it with"
            return self._answer(one, "abstain", reason)
        return self._expected(one, here, seen)

    def _outlook(self, share: float) -> tuple[list[int], Outlook]:
        """Of all runs that have come as far; the places of those that have."""
        if share not in self.outlooks:
            places = [place for place, one in enumerate(self.runs) if one.share >= share - TOLERANCE or one.finished]
            runs = [self.runs[place] for place in places]
            known, ends = self.finished[places], self.ends[places]
            scores = scores_of(self.prior.columns, runs, share, self.target)
            seen = outlook(runs, scores, share, self.target, self.prior, known=known, ends=ends)
            self.outlooks[share] = places, seen
        return self.outlooks[share]

    def _expected(self, one: Paced, here: int, seen: Outlook) -> Prediction:
        chances = seen.chances(self.goal)
        standing = float(norm.cdf(seen.standings[here]))
        if seen.ends is None or seen.error is None:
            end, interval = None, None
        else:
            interval = self._interval(float(seen.ends[here]), seen.error)
            end = float(np.clip(seen.ends[here], *interval))
        if chances is None:
            reason = (
                "nothing says what a good end is: give a threshold, or how many of the best runs are wanted"
                if self.goal == Goal()
                else f"{seen.known} runs of the sweep have finished, and {LEAST_KNOWN} are needed to tell final values"
            )
            return self._answer(one, "abstain", reason, end=end, interval=interval, standing=standing)
        chance, limit = float(chances[here]), self.prior.limit(seen.known, self._fraction(seen, chances))
        decision: Decision = "stop" if chance < limit else "continue"
        than = "at most 5 % of good runs scored as low" if decision == "stop" else f"runs are stopped below {limit:.1%}"
        reason = f"its chance of a good end is {chance:.1%}, and {than}"
        if not self.promised:
            decision, reason = "abstain", f"less than {PROMISE:.0%} of good runs cannot be promised"
        if self.blind and decision == "stop":
            decision, reason = "abstain", "weights and settings alone stop no run: log a loss or a validation metric"
        return self._answer(one, decision, reason, end=end, interval=interval, standing=standing, chance=chance)

    def _interval(self, end: float, error: float) -> tuple[float, float]:
        """Where an end lies, on either side of what is expected, but not where no end can be."""
        known = self.ends[np.isfinite(self.ends)]
        low, high = end - error, end + error
        if known.min() >= 0:
            low = max(low, 0.0)
        if known.min() >= 0 and known.max() <= 1 and self.target.direction == "rises":  # such as an accuracy
            high = min(high, 1.0)
        return low, high

    def _fraction(self, seen: Outlook, chances: np.ndarray) -> float:
        """The share of the runs that count as good."""
        return float(np.mean(chances)) if self.goal.best is None else self.goal.best / len(seen.standings)

    def _notes(self) -> tuple[str, ...]:
        """What the forecasts rest on."""
        known = int(self.finished.sum())
        learned = f"{known} finished runs of the sweep" if known >= LEAST_KNOWN else "no finished runs of the sweep"
        others = f"compared with {len(self.runs) - 1} other runs"
        return (f"{others}, learned from {self.prior.sweeps} sweeps and {learned}",)

    def _answer(
        self,
        one: Paced,
        decision: Decision,
        reason: str,
        *,
        end: float | None = None,
        interval: tuple[float, float] | None = None,
        standing: float | None = None,
        chance: float | None = None,
    ) -> Prediction:
        metrics = one.run.metrics
        looked_at = {
            name: tuple(metrics[name].dropna().index.tolist()[-1:])
            for name in dict.fromkeys((self.target.progress, "validation_loss", "train_loss"))
            if name is not None and name in metrics and metrics[name].notna().any()
        }
        return Prediction(
            one.run.name,
            end,
            interval,
            chance,
            decision,
            reason,
            self.goal.threshold,
            (one.now,),
            target=self.target.metric,
            direction=self.target.direction,
            predictor="settings and weights" if self.blind else "the sweep",
            metrics=looked_at,
            notes=self._notes(),
            standing=standing,
        )

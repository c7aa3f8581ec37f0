"""Ray Tune: a scheduler that goes on with the trial of the best forecast, until a budget of epochs is spent."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import override

from epochgraph.errors import MissingPackageError, SettingError

try:
    from ray.tune.experiment import Trial
    from ray.tune.schedulers import TrialScheduler
except ImportError as error:
    raise MissingPackageError("ray", "ray") from error

Mode = Literal["max", "min"]
Rank = tuple[int, float]

DIVERGED, FORECAST, MEASURED, WAITING = range(4)
"""What is known of a trial; what comes later in this list goes first."""

OPTIMISTIC: Mapping[str, str] = {"max": "forecast_high", "min": "forecast_low"}
"""The end of a forecast's interval that is the better one."""


class BestFirstScheduler(TrialScheduler):  # type: ignore[misc, unused-ignore]
    """Trains every trial for a while, then always the one of the best forecast, until a budget of epochs is spent.

    A trial is paused when another one that waits has a better chance to be the best; nothing is lost, as it goes on
    from its last checkpoint if its turn comes again. A forecast counts by the better end of its interval: what is
    uncertain is worth a look. Trials without a forecast go first, the best metric of the moment before the others, so
    that four of them soon finish, from which the forecasts of the others are learned.

    Report what `Watch` answers: `tune.report({"validation_accuracy": accuracy, **answer.scalars}, checkpoint=...)`.
    Each report needs a checkpoint, or a resumed trial begins anew. To resume a trial takes seconds, so `interval`
    should be worth some of them. Everything is derived from the last results of the trials: an experiment that is
    restored goes on as it would have.

    Args:
        budget: Epochs of all trials together. When they are spent, all trials are stopped.
        interval: Epochs after which a trial may be paused.
        time_attr: The result that counts the epochs of a trial.
        metric: The result that trials are compared by; None for that of `TuneConfig`.
        mode: Whether it is to be high ("max") or low ("min"); None likewise.

    Raises:
        SettingError: The budget or the interval is not positive, or the mode is neither.

    Examples:
        >>> from ray import tune
        >>> scheduler = BestFirstScheduler(budget=200, interval=5)
        >>> config = tune.TuneConfig(metric="validation_accuracy", mode="max", num_samples=20, scheduler=scheduler)
    """

    _supports_buffered_results = False

    def __init__(
        self,
        budget: float,
        *,
        interval: float = 1,
        time_attr: str = "training_iteration",
        metric: str | None = None,
        mode: Mode | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        for name, value in (("budget", budget), ("interval", interval)):
            if not value > 0:
                raise SettingError(name, value, "a positive number of epochs")
        if mode not in (None, "max", "min"):
            raise SettingError("mode", mode, "'max' or 'min'")
        self.budget = budget
        self.interval = interval
        self.time_attr = time_attr
        self._metric = metric
        self._mode: str | None = mode

    @override
    def set_search_properties(self, metric: str | None, mode: str | None, **spec: object) -> bool:
        """Take metric and mode from `TuneConfig`.

        Returns:
            Whether they are known now, and were given once.
        """
        if (self._metric and metric) or (self._mode and mode):
            return False
        self._metric, self._mode = metric or self._metric, mode or self._mode
        return bool(self._metric and self._mode)

    @override
    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """See `TrialScheduler`."""

    @override
    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """See `TrialScheduler`."""

    @override
    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: Mapping[str, Any]) -> None:
        """See `TrialScheduler`."""

    @override
    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """See `TrialScheduler`."""

    @override
    def on_trial_result(self, tune_controller: Any, trial: Trial, result: Mapping[str, Any]) -> str:
        """Stop everything once the budget is spent; pause the trial where one that waits goes first."""
        others = [one for one in tune_controller.get_trials() if one is not trial]
        spent = self._epochs(result) + sum(self._epochs(one.last_result) for one in others)
        waiting = [one for one in others if one.status in (Trial.PENDING, Trial.PAUSED)]
        if spent >= self.budget:
            for one in waiting:
                tune_controller.stop_trial(one)
            return str(TrialScheduler.STOP)
        beaten = any(self._rank(one) > self._rank_of(result) for one in waiting)
        if beaten and self._epochs(result) % self.interval == 0:
            return str(TrialScheduler.PAUSE)
        return str(TrialScheduler.CONTINUE)

    @override
    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The trial that was chosen already and has not begun, else the one that goes first."""
        trials = tune_controller.get_trials()
        chosen = [one for one in trials if one.status == Trial.PENDING]
        paused = [one for one in trials if one.status == Trial.PAUSED]
        if sum(self._epochs(one.last_result) for one in trials) >= self.budget:
            return None
        return chosen[0] if chosen else max(paused, key=self._rank, default=None)

    @override
    def debug_string(self) -> str:
        """What the console shows."""
        return f"Best first: {self._metric} ({self._mode}), {self.budget:g} epochs in all"

    def _rank(self, trial: Trial) -> Rank:
        return self._rank_of(trial.last_result)

    def _rank_of(self, result: Mapping[str, Any] | None) -> Rank:
        """What goes first has the highest rank."""
        value = (result or {}).get(str(self._metric))
        if result is None or value is None:
            return WAITING, 0.0
        if not math.isfinite(value):
            return DIVERGED, 0.0
        sign = 1 if self._mode == "max" else -1
        bound = result.get(OPTIMISTIC[str(self._mode)])
        return (MEASURED, sign * float(value)) if bound is None else (FORECAST, sign * float(bound))

    def _epochs(self, result: Mapping[str, Any] | None) -> float:
        return float((result or {}).get(self.time_attr, 0))

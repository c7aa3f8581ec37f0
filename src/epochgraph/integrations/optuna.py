"""Optuna: trials that are watched, and a pruner that goes by what was said of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
from torch import nn
from typing_extensions import Unpack

from epochgraph.errors import MissingPackageError, SettingError
from epochgraph.runs import Setting
from epochgraph.runs.metrics import alike
from epochgraph.watch import ForecastOptions, Watch, Watched

try:
    from optuna import Study, Trial, TrialPruned
    from optuna.pruners import BasePruner
    from optuna.trial import FrozenTrial
except ImportError as error:
    raise MissingPackageError("optuna", "optuna") from error

KEY = "epochgraph"
"""The user attribute of a trial that holds what was said of it last."""


class ForecastPruner(BasePruner):
    """Prunes the trials that `TrialWatch` says to stop.

    It keeps no state: all that it goes by is in the user attributes and reports of the trial, so any storage and any
    number of workers will do, and a study is resumed as any other.

    Args:
        behind: Another pruner, which decides where nothing can be promised; None to go on there. First trials, of which
            nothing is known, are its own.
        stop: Whether to prune. Otherwise (shadow mode) only the other pruner does, and the attributes of trials say
            what was thought of them.
        nans: Values that are NaN, one after another, after which a trial is pruned.

    Examples:
        >>> import optuna
        >>> pruner = ForecastPruner(behind=optuna.pruners.MedianPruner())
        >>> study = optuna.create_study(direction="maximize", pruner=pruner)
    """

    def __init__(self, behind: BasePruner | None = None, *, stop: bool = True, nans: int = 2) -> None:
        if nans < 1:
            raise SettingError("nans", nans, "at least 1")
        self.behind = behind
        self.stop = stop
        self.nans = nans

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether to prune a trial.

        Raises:
            SettingError: The study has several objectives, for which Optuna knows no pruning.
        """
        if len(study.directions) > 1:
            expected = "one: with several objectives, go by the answers of `TrialWatch`, or by the user attributes"
            raise SettingError("the number of objectives", len(study.directions), expected)
        decision = _decision(trial)
        if self.stop and (decision == "stop" or self._is_lost(trial)):
            return True
        if self.stop and decision == "continue":
            return False
        return self.behind is not None and bool(self.behind.prune(study, trial))

    def _is_lost(self, trial: FrozenTrial) -> bool:
        """Whether the last values that were reported are NaN."""
        last = [trial.intermediate_values[step] for step in sorted(trial.intermediate_values)[-self.nans :]]
        return len(last) == self.nans and bool(np.isnan(last).all())


class TrialWatch:
    """Watches the training of a trial, as `epochgraph.Watch` does, reports to the study, and ends what it prunes.

    Call it after each epoch: it takes a snapshot, reports the objective, notes what is thought of the run in the
    trial's user attribute "epochgraph", and raises `TrialPruned` if the study's pruner says so. Before that it reports
    the forecast as the value at the end, where it is of the same metric: the value of a pruned trial is its last
    report, and the sampler learns from that.

    The run has the name of the study and the number of the trial; a trial that `RetryFailedTrialCallback` tries again
    goes on under the name of the first. In a study of several objectives nothing is reported, and nothing pruned.

    Args:
        trial: The trial, once its parameters are suggested: they are the settings of the run.
        model: As in `Watch`.
        example: As in `Watch`.
        store: As in `Watch`.
        objective: The metric to report.
        run: Name of the run; None for the one of study and trial.
        settings: Of the run, beside the trial's parameters.
        budget: As in `Watch`.
        options: As in `Watch`: predictor, threshold, best, rate, extraction.

    Attributes:
        watch: What watches.
    """

    def __init__(
        self,
        trial: Trial,
        model: nn.Module,
        example: object = None,
        *,
        store: Path | str,
        objective: str,
        run: str | None = None,
        settings: Mapping[str, Setting] | None = None,
        budget: float | None = None,
        **options: Unpack[ForecastOptions],
    ) -> None:
        self.trial = trial
        self.objective = objective
        self.budget = budget
        self.watch = Watch(
            model,
            example,
            run=run or _name(trial),
            store=store,
            settings={**trial.params, **(settings or {})},
            budget=budget,
            **options,
        )

    def __call__(self, epoch: float, /, **metrics: SupportsFloat | None) -> Watched:
        """Take a snapshot after an epoch, report, and ask the pruner.

        Args:
            epoch: As in `Watch`; a fraction of an epoch is not reported, as Optuna counts in whole steps.
            metrics: As in `Watch`, the objective among them.

        Raises:
            TrialPruned: The study's pruner says so.
            SettingError: The objective is not among the metrics; or as `Watch`.
        """
        value = metrics.get(self.objective)
        if value is None:
            raise SettingError("metrics", [*metrics], f"with {self.objective!r}, the objective")
        answer = self.watch(epoch, **metrics)
        self.trial.set_user_attr(KEY, _plain(answer))
        if len(self.trial.study.directions) > 1 or epoch % 1:
            return answer
        self.trial.report(float(value), int(epoch))
        if self.trial.should_prune():
            self._report_forecast(answer)
            self.watch.abandon()
            raise TrialPruned(f"at epoch {epoch:g}: {answer.decision}, {answer.reason}")
        return answer

    def _report_forecast(self, answer: Watched) -> None:
        """Report the forecast as the value at the end, if it is one of the objective."""
        target = answer.prediction.target
        same = self.objective == target or self.objective in alike(target, [self.objective])
        if same and answer.expected is not None and self.budget is not None and self.budget > answer.epoch:
            self.trial.report(answer.expected, int(self.budget))


def _name(trial: Trial) -> str:
    """What a run is called: a trial that is another one's retry goes on under that one's name."""
    same = (one for one in trial.study.get_trials(deepcopy=False) if one.number == trial.number)
    first = next((one.system_attrs.get("failed_trial") for one in same), None)
    return f"{trial.study.study_name}-{trial.number if first is None else first}"


def _decision(trial: FrozenTrial) -> str:
    said = trial.user_attrs.get(KEY)
    return str(said.get("decision", "abstain")) if isinstance(said, Mapping) else "abstain"


def _plain(answer: Watched) -> dict[str, Any]:
    """What is noted of a trial: plain values, which any storage can hold."""
    interval = answer.interval
    return {
        "epoch": answer.epoch,
        "decision": answer.decision,
        "reason": answer.reason,
        "target": answer.prediction.target,
        "forecast": answer.expected,
        "interval": None if interval is None else list(interval),
        "chance_of_a_good_end": answer.p_good,
        "warnings": list(answer.warnings),
    }

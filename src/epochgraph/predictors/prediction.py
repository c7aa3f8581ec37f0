"""A predictor and runs -> predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from epochgraph.errors import FeatureMismatchError
from epochgraph.predictors.estimators import predictions_of
from epochgraph.predictors.storage import Predictor
from epochgraph.predictors.tables import run_table
from epochgraph.runs import Direction, Run
from epochgraph.signature.names import Column

Decision = Literal["continue", "stop", "abstain"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """How one run is expected to end.

    Attributes:
        run: Name of the run.
        accuracy: The expected final value of the target, mostly an accuracy, in the unit that the predictor was fitted
            on; None from a classifier.
        interval: Where that value lies with 90 % probability; None from a classifier, or if too few runs are known.
        p_good: The probability of a good end; None from a regressor without a threshold or calibration.
        decision: "stop" if no more than the promised rate of good runs score this low, or if weights are NaN or
            infinite at any snapshot; "abstain" if nothing can be promised (`reason` says why); otherwise "continue".
        reason: What the decision rests on.
        threshold: The final value of the target from which on an end is good, if one was given.
        times: The epochs of the snapshots and metrics that were looked at.
        target: The metric whose final value is predicted.
        direction: Whether the target rises or falls as runs get better; if it falls, ends up to the threshold are good.
        predictor: The name of the shipped predictor that was used, or the predictor's file.
        metrics: The metrics that were looked at, and the epochs of each.
        notes: What else to know about the answer, one sentence each: what was not looked at, and why.
        standing: The share of the sweep's runs that are expected to end worse; None if runs were not compared.
    """

    run: str
    accuracy: float | None
    interval: tuple[float, float] | None
    p_good: float | None
    decision: Decision
    reason: str
    threshold: float | None
    times: tuple[float, ...]
    target: str = "test_accuracy"
    direction: Direction = "rises"
    predictor: str = ""
    metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    standing: float | None = None


def predict_runs(
    predictor: Predictor, runs: Sequence[Run], *, threshold: float | None = None, rate: float = 0.05
) -> list[Prediction]:
    """Predict the end of each run from what is known about it so far.

    Args:
        predictor: It was fitted on finished runs.
        runs: Extracted with `predictor.extraction`; epochs after `predictor.up_to` are ignored, except for weights
            that are NaN or infinite.
        threshold: The final value from which on an end is good, for a regressor; None for the predictor's own.
        rate: The share of runs with a good end that decisions may stop.

    Raises:
        FeatureMismatchError: A run lacks a feature or an epoch that the predictor needs.
        SettingError: The threshold is not the classifier's own, or the rate is not between 0 and 1.
    """
    return predict_at_rates(predictor, runs, (rate,), threshold=threshold)[0]


def most_hopeful_first(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Predictions in the order in which to continue runs if epochs are scarce: by how well they may end.

    Runs are sorted by the better end of their interval (the lower end for a loss), on ties by the expected value. A run
    without an interval may end anywhere, so it comes before those that have one; runs to stop come last. `python -m
    paper sweeps`, in a checkout, measures how much this order saves.
    """

    def hope(one: Prediction) -> tuple[bool, float, float]:
        sign, best = (-1, 0) if one.direction == "falls" else (1, 1)
        upper = np.inf if one.interval is None else sign * one.interval[best]
        likely = one.standing if one.p_good is None else one.p_good
        expected = likely if one.accuracy is None else sign * one.accuracy
        return one.decision != "stop", upper, -np.inf if expected is None else expected

    return sorted(predictions, key=hope, reverse=True)


def predict_at_rates(
    predictor: Predictor, runs: Sequence[Run], rates: Sequence[float], *, threshold: float | None = None
) -> list[list[Prediction]]:
    """As `predict_runs`, at several rates; the estimator is called once.

    Returns:
        For each rate the predictions of all runs.

    Raises:
        FeatureMismatchError: As `predict_runs`.
        SettingError: As `predict_runs`.
    """
    chosen = predictor.with_threshold(threshold)
    limits = [_limit(chosen, rate) for rate in rates]
    if not runs:
        return [[] for _ in rates]
    table = _table(chosen, runs)
    predicted = predictions_of(chosen.estimator, table).tolist()
    return [
        [
            _prediction(chosen, run, features, score, limit)
            for run, features, score in zip(runs, table.to_numpy(), predicted, strict=True)
        ]
        for limit in limits
    ]


def _table(predictor: Predictor, runs: Sequence[Run]) -> pd.DataFrame:
    """What the predictor looks at; all NaN for a diverged run that lacks some of it."""
    rows = []
    for run in runs:
        try:
            rows.append(run_table([run], predictor.columns))
        except FeatureMismatchError:
            if not run.signature.diverged.any():
                raise
            rows.append(pd.DataFrame([[np.nan] * len(predictor.columns)], columns=list(predictor.columns)))
    return pd.concat(rows, ignore_index=True)


def _limit(predictor: Predictor, rate: float) -> float | None:
    """The limit by `Calibration.limit`; None also without a calibration or threshold."""
    if predictor.calibration is None or predictor.threshold is None:
        return None
    return predictor.calibration.limit(predictor.threshold, rate)


def _prediction(
    predictor: Predictor, run: Run, features: np.ndarray, predicted: float, limit: float | None
) -> Prediction:
    calibration, threshold = predictor.calibration, predictor.threshold
    interval, p_good, accuracy = None, None, None
    if predictor.task == "classification":
        p_good = predicted
    else:
        accuracy = predicted
        if calibration is not None:
            interval = calibration.interval(predicted)
            p_good = None if threshold is None else calibration.p_good(predicted, threshold)
    decision, reason = _decision(predictor, run, features, predicted, limit)
    return Prediction(
        run.name,
        accuracy,
        interval,
        p_good,
        decision,
        reason,
        threshold,
        predictor.times,
        predictor.target,
        "falls" if predictor.falls else "rises",
        metrics=metrics_of(predictor, run),
    )


def metrics_of(predictor: Predictor, run: Run) -> dict[str, tuple[float, ...]]:
    """The metrics of a run that a predictor looks at, and the epochs of each."""
    found: dict[str, tuple[float, ...]] = {}
    for column in map(Column.parse, predictor.columns):
        if column.name in run.metrics and column.name not in run.signature.names:
            found[column.name] = (*found.get(column.name, ()), column.epoch)
    return found


def divergence(run: Run) -> str | None:
    """Why to stop a run whatever is predicted for it, if its weights were NaN or infinite at any snapshot."""
    diverged = run.signature.times[run.signature.diverged]
    return f"its weights are NaN or infinite at epoch {diverged[0]:g}" if len(diverged) else None


def _decision(
    predictor: Predictor, run: Run, features: np.ndarray, predicted: float, limit: float | None
) -> tuple[Decision, str]:
    """What to do with a run, and why."""
    calibration, threshold = predictor.calibration, predictor.threshold
    diverged = divergence(run)
    if diverged is not None:
        return "stop", diverged
    if calibration is None or threshold is None:
        return "abstain", "no threshold says what a good end is" if calibration else "the predictor is not calibrated"
    if limit is None:
        good = int(calibration.good(threshold).sum())
        return "abstain", f"the {good} known runs with a good end are too few, or too different, for a promise"
    if calibration.is_out_of_range(features):
        return "abstain", "it lies further outside of the known runs than any of them did while it was held out"
    beyond, within = ("above", "less") if predictor.falls and predictor.task == "regression" else ("below", "more")
    if calibration.stops(predicted, limit):
        return (
            "stop",
            f"{predicted:.3g} is predicted, and hardly a run with a good end was predicted {beyond} {limit:.3g}",
        )
    return (
        "continue",
        f"{predicted:.3g} is predicted, and runs with a good end were predicted at {limit:.3g} or {within}",
    )

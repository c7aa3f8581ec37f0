"""What evaluations compare: predictors that see the signature, and what is known without it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from epochgraph.predictors.curves import (
    CURVE,
    MetricSoFar,
    hyper_parameters,
    mean_of_training_losses,
    nothing,
    sum_of_training_losses,
    validation_accuracy,
    validation_curve,
)
from epochgraph.predictors.estimators import Method, SignatureClassifier, SignatureRegressor, Task
from epochgraph.predictors.views import Concatenated, View, signature_so_far
from epochgraph.runs import Run


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to predict how a run will end: a row of a table.

    Attributes:
        name: What the table calls it.
        inputs: What it looks at: one row per run, in the order of the runs.
        estimator: Seed -> a scikit-learn estimator that has not been fitted.
    """

    name: str
    inputs: View
    estimator: Callable[[int], Any]


def learned(task: Task, method: Method) -> Callable[[int], Any]:
    """Seed -> our estimator for a task."""
    return partial(_estimator, task, method)


def standard_candidates(task: Task) -> tuple[Candidate, ...]:
    """The rows of every table: first what needs no graph, then the signature, then both together.

    The paper compares with other summaries of the weights only; but whoever trains a network gets its validation
    accuracy for free, and that already says much about the end. On grouped folds the majority of the training folds
    is often the minority of the held-out one, so "majority class" may be right less than half of the time.
    """
    svm, mlp, trees = learned(task, "svm"), learned(task, "mlp"), learned(task, "trees")
    return (
        *without_graphs(task),
        Candidate("signature SVM", signature_so_far, svm),
        Candidate("signature MLP", signature_so_far, mlp),
        Candidate("signature trees", signature_so_far, trees),
        Candidate("curve and signature trees", Concatenated((validation_curve, signature_so_far)), trees),
    )


def candidates_for(
    task: Task, runs: Sequence[Run], target: str, epoch: float
) -> tuple[tuple[Candidate, ...], dict[str, str]]:
    """The `standard_candidates` that the runs have the metrics for, and one that sees the target's own curve.

    Args:
        task: What is predicted.
        runs: The population.
        target: The metric whose final value is predicted.
        epoch: The first of the epochs to look at.

    Returns:
        The candidates, and for each one left out the metric that some run lacks by then.
    """
    lacking = [metric for metric in CURVE if not _measured_by(runs, metric, epoch)]
    chosen, left_out = [], {}
    for candidate in standard_candidates(task):
        missing = next((metric for metric in _needs(candidate.name) if metric in lacking), None)
        if missing is None:
            chosen.append(candidate)
        else:
            left_out[candidate.name] = missing
    if target not in CURVE and _measured_by(runs, target, epoch):
        svm = learned(task, "svm")
        chosen.append(Candidate(f"{target} so far", MetricSoFar(target), svm))
        chosen.append(Candidate(f"latest {target}", MetricSoFar(target, latest=True), svm))
    return tuple(chosen), left_out


def _needs(candidate: str) -> tuple[str, ...]:
    """The metrics that a standard candidate looks at."""
    if "training losses" in candidate:
        return CURVE[1:]
    return CURVE[:1] if "validation" in candidate or "curve" in candidate else ()


def _measured_by(runs: Sequence[Run], metric: str, epoch: float) -> bool:
    """Whether every run has measured a metric at an epoch, or before it."""
    return all(metric in run.metrics and np.isfinite(run.metrics.loc[:epoch, metric]).any() for run in runs)


def without_graphs(task: Task) -> tuple[Candidate, ...]:
    """What is known of a run without looking at its weights."""
    svm = learned(task, "svm")
    constant = "majority class" if task == "classification" else "mean accuracy"
    return (
        Candidate(constant, nothing, partial(_constant, task)),
        Candidate("hyper-parameters trees", hyper_parameters, learned(task, "trees")),
        Candidate("validation accuracy", validation_accuracy, svm),
        Candidate("validation curve", validation_curve, svm),
        Candidate("sum of training losses", sum_of_training_losses, svm),
        Candidate("mean of training losses", mean_of_training_losses, svm),
    )


def _estimator(task: Task, method: Method, seed: int) -> SignatureClassifier | SignatureRegressor:
    return (SignatureClassifier if task == "classification" else SignatureRegressor)(method, random_state=seed)


def _constant(task: Task, _: int) -> Any:
    return DummyClassifier() if task == "classification" else DummyRegressor()

"""What is compared in our tables: predictors of the signature, and what is known without it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from epochgraph.predictors.curves import (
    hyper_parameters,
    learning_curve_with_differences,
    mean_of_training_losses,
    nothing,
    sum_of_training_losses,
    validation_accuracy,
    validation_curve,
)
from epochgraph.predictors.estimators import Method, SignatureClassifier, SignatureRegressor, Task, pipeline
from epochgraph.predictors.views import (
    FIVE,
    SEVEN,
    Together,
    View,
    every_layer_statistics,
    last_layer_statistics,
    last_layer_weights,
    pooled_changes,
    signature_so_far,
    statistics_of,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to tell how a run will end: a row of a table.

    Attributes:
        name: What the table calls it.
        inputs: What it looks at, a row a run in the order of the runs.
        estimator: Seed -> a scikit-learn estimator that has not been fitted.
    """

    name: str
    inputs: View
    estimator: Callable[[int], Any]


def learned(task: Task, method: Method) -> Callable[[int], Any]:
    """Seed -> our estimator for a task."""
    return partial(_estimator, task, method)


def standard_candidates(task: Task) -> tuple[Candidate, ...]:
    """The rows of every table: what needs no graph first, then the signature, then both together.

    The paper compares with other summaries of the weights only; but whoever trains a network has its validation
    accuracy for nothing, and that already tells much of the end. On grouped folds the majority of the training folds
    is often the minority of the held-out one, so "majority class" may be right less than half of the time.
    """
    svm, mlp, trees = learned(task, "svm"), learned(task, "mlp"), learned(task, "trees")
    return (
        *without_graphs(task),
        Candidate("signature SVM", signature_so_far, svm),
        Candidate("signature MLP", signature_so_far, mlp),
        Candidate("signature trees", signature_so_far, trees),
        Candidate("curve and signature trees", Together((validation_curve, signature_so_far)), trees),
    )


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


def baker(task: Task) -> Candidate:
    """The support vector machine of Baker et al. 2017, on curve, differences and hyper-parameters."""
    name = "curve, differences and hyper-parameters SVM"
    return Candidate(name, learning_curve_with_differences, learned(task, "svm"))


def general(task: Task) -> tuple[Candidate, ...]:
    """Other estimators of scikit-learn on the changes of the graphs: any will do."""
    # not by histograms: on some dozens of runs they take ten times as long, and tell less
    boosting = {"n_estimators": 50, "min_samples_leaf": 5, "max_features": "sqrt"}
    kernel = ConstantKernel() * RBF(10.0, (1e-2, 1e8)) + WhiteKernel(0.1, (1e-10, 1e5))
    if task == "classification":
        estimators = GradientBoostingClassifier(**boosting), GaussianProcessClassifier(RBF(10.0))
    else:
        estimators = GradientBoostingRegressor(**boosting), GaussianProcessRegressor(kernel, normalize_y=True)
    return tuple(
        Candidate(f"changes {name}", pooled_changes(), partial(_prepared, estimator))
        for name, estimator in zip(("gradient boosting", "Gaussian process"), estimators, strict=True)
    )


def from_weights(task: Task, method: Method) -> tuple[Candidate, ...]:
    """The rows of the paper's Table 2 for one kind of predictor, and what is known of the weights besides.

    For populations of the zoo, which record all of it. Weights alone, without the validation accuracy.

    References:
        Vahedian et al. 2022, section 4.1 and table 2; Unterthiner et al. 2020.
    """
    views = {
        "last layer, flattened": last_layer_weights,
        "last layer, 7 aggregators": last_layer_statistics(SEVEN),
        "last layer, 5 aggregators": last_layer_statistics(FIVE),
        "every layer, 7 aggregators": every_layer_statistics(),
        "every layer, variance": every_layer_statistics(("variance",)),
        "unrolled degree": statistics_of("unrolled_degree"),
        "rolled degree": statistics_of("degree"),
        "rolled eigenvector": statistics_of("eigenvector_centrality"),
        "changes": pooled_changes(),
    }
    return tuple(Candidate(f"{name} {method.upper()}", view, learned(task, method)) for name, view in views.items())


def _estimator(task: Task, method: Method, seed: int) -> SignatureClassifier | SignatureRegressor:
    return (SignatureClassifier if task == "classification" else SignatureRegressor)(method, random_state=seed)


def _prepared(estimator: Any, seed: int) -> Any:
    """An estimator behind the same steps as ours."""
    seeded = "random_state" in estimator.get_params()
    return pipeline(clone(estimator).set_params(random_state=seed) if seeded else clone(estimator))


def _constant(task: Task, _: int) -> Any:
    return DummyClassifier() if task == "classification" else DummyRegressor()

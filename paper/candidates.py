"""Candidates that only the paper's tables compare: other views of the weights, and other estimators."""

from functools import partial
from typing import Any

from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from epochgraph.predictors import Candidate, Method, Task, learned
from epochgraph.predictors.estimators import pipeline
from epochgraph.predictors.views import SEVEN, UNROLLED_DEGREE, pooled_changes
from paper.views import (
    FIVE,
    every_layer_statistics,
    last_layer_statistics,
    last_layer_weights,
    learning_curve_with_differences,
    statistics_of,
)


def baker(task: Task) -> Candidate:
    """The support vector machine of Baker et al. 2017, on curve, differences and hyper-parameters."""
    name = "curve, differences and hyper-parameters SVM"
    return Candidate(name, learning_curve_with_differences, learned(task, "svm"))


def general(task: Task) -> tuple[Candidate, ...]:
    """Other scikit-learn estimators on the changes of the graphs: any of them works."""
    # without histograms: on a few dozen runs they take ten times as long and predict worse
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
    """The rows of the paper's Table 2 for one kind of predictor, and further views of the weights.

    For populations of the zoo, which record all of it. They see weights only, without the validation accuracy.

    References:
        Vahedian et al. 2022, section 4.1 and table 2; Unterthiner et al. 2020.
    """
    views = {
        "last layer, flattened": last_layer_weights,
        "last layer, 7 aggregators": last_layer_statistics(SEVEN),
        "last layer, 5 aggregators": last_layer_statistics(FIVE),
        "every layer, 7 aggregators": every_layer_statistics(),
        "every layer, variance": every_layer_statistics(("variance",)),
        "unrolled degree": statistics_of(UNROLLED_DEGREE),
        "rolled degree": statistics_of("degree"),
        "rolled eigenvector": statistics_of("eigenvector_centrality"),
        "changes": pooled_changes(),
    }
    return tuple(Candidate(f"{name} {method.upper()}", view, learned(task, method)) for name, view in views.items())


def _prepared(estimator: Any, seed: int) -> Any:
    """An estimator behind the same steps as ours."""
    seeded = "random_state" in estimator.get_params()
    return pipeline(clone(estimator).set_params(random_state=seed) if seeded else clone(estimator))

"""Our machines, beside those that scikit-learn's own search finds."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_predict
from sklearn.svm import SVC, SVR

from epochgraph.predictors.dual import TOLERANCE, coefficients
from epochgraph.predictors.machines import PENALTIES, TunedSVC, TunedSVR

shapes = pytest.mark.parametrize("columns", [1, 5, 60])
noises = pytest.mark.parametrize("noise", [0.0, 0.5, 3.0])


def noisy(columns: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """With many columns no penalty binds and all are the same; with noise they bind."""
    generator = np.random.default_rng(columns)
    table = generator.normal(size=(40, columns))
    return table, table[:, 0] + noise * generator.normal(size=40)


@noises
@shapes
def test_a_classifier_is_the_one_that_is_searched_for(columns, noise):
    table, numbers = noisy(columns, noise)
    labels = np.where(numbers > 0.3, "good", "bad")
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    search = GridSearchCV(SVC(), {"C": PENALTIES}, cv=folds).fit(table, labels)
    machine = TunedSVC().fit(table, labels)
    assert machine.machine_.get_params()["C"] == search.best_params_["C"]
    assert machine.classes_.tolist() == ["bad", "good"]
    np.testing.assert_array_equal(machine.predict(table), search.predict(table))


@noises
@shapes
def test_probabilities_are_those_under_which_held_out_labels_are_likeliest(columns, noise):
    """Where the slope is best, the decisions weigh the errors of the probabilities to nothing."""
    table, numbers = noisy(columns, noise)
    high = numbers > 0.3
    machine = TunedSVC().fit(table, high)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(SVC(C=machine.machine_.C), table, high, cv=folds, method="decision_function")
    targets = np.where(high, (high.sum() + 1) / (high.sum() + 2), 1 / ((~high).sum() + 2))
    errors = expit(machine.slope_ * predicted) - targets
    assert abs(errors @ predicted) < 0.01 * np.abs(predicted).sum()
    decisions = machine.machine_.decision_function(table)
    np.testing.assert_allclose(machine.predict_proba(table)[:, 1], expit(machine.slope_ * decisions))


@noises
@shapes
def test_a_regressor_is_the_one_that_is_searched_for(columns, noise):
    table, numbers = noisy(columns, noise)
    folds = KFold(5, shuffle=True, random_state=0)
    search = GridSearchCV(SVR(), {"C": PENALTIES}, cv=folds, scoring="neg_mean_squared_error").fit(table, numbers)
    np.testing.assert_array_equal(TunedSVR().fit(table, numbers).predict(table), search.predict(table))


@pytest.mark.parametrize("penalty", PENALTIES)
def test_coefficients_are_optimal(penalty):
    """Between the bounds, in sum zero, and no pair of them could move to a better place."""
    table, numbers = noisy(3, 1.0)
    signs, kernel = np.sign(numbers), rbf_kernel(table)
    low, high = np.minimum(penalty * signs, 0), np.maximum(penalty * signs, 0)
    b, offset = coefficients(kernel, signs, low, high)
    assert ((low <= b) & (b <= high)).all()
    assert abs(b.sum()) < 1e-12 * penalty * len(b)
    slope = signs - kernel @ b
    assert slope[b < high].max() - slope[b > low].min() < 1.001 * TOLERANCE
    machine = SVC(C=penalty, gamma=1 / 3).fit(table, signs)
    np.testing.assert_allclose(kernel @ b + offset, machine.decision_function(table), atol=0.02)


def test_runs_that_are_the_same_and_labelled_differently_end():
    table = np.zeros((12, 2))
    p = TunedSVC().fit(table, np.arange(12) % 2).predict_proba(table)
    np.testing.assert_allclose(p, 0.5, atol=0.01)
    assert TunedSVR().fit(table, np.arange(12.0)).predict(table).std() == 0

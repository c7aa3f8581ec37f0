"""Our forests, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from epochgraph.predictors.forests import LEAST_LEAF, TREES, ClassificationForest, RegressionForest

OPTIONS = {"n_estimators": TREES, "min_samples_leaf": LEAST_LEAF, "random_state": 7}


@pytest.fixture(params=[2, 30, 300])
def table(request) -> np.ndarray:
    return np.random.default_rng(request.param).normal(size=(60, request.param))


def test_a_regression_forest_is_scikit_learns(table):
    y = table[:40, 0] + np.random.default_rng(0).normal(size=40)
    expected = ExtraTreesRegressor(**OPTIONS).fit(table[:40], y).predict(table)
    np.testing.assert_allclose(RegressionForest(random_state=7).fit(table[:40], y).predict(table), expected, rtol=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classification_forest_is_scikit_learns_but_for_ties(table, classes):
    """Where two splits are equally good, rounding may take the other: a tree of fifty tells something else then."""
    y = np.array(["a", "b", "c"])[np.argsort(np.argsort(table[:40, 0])) * classes // 40]
    expected = ExtraTreesClassifier(**OPTIONS).fit(table[:40], y)
    forest = ClassificationForest(random_state=7).fit(table[:40], y)
    assert forest.classes_.tolist() == expected.classes_.tolist()
    predicted = forest.predict_proba(table)
    assert np.abs(predicted - expected.predict_proba(table)).max() < 3 / TREES
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert (forest.predict(table) == expected.predict(table)).mean() > 0.95


def test_another_seed_grows_other_trees(table):
    y = table[:, 0]
    first, second, again = (RegressionForest(random_state=seed).fit(table, y).predict(table) for seed in (0, 1, 0))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)


def test_a_run_is_told_the_same_alone_and_among_others():
    rng = np.random.default_rng(0)
    table, y = rng.normal(size=(40, 5)), rng.normal(size=40)
    forest = RegressionForest().fit(table, y)
    alone = [forest.predict(row[None])[0] for row in table]
    assert alone == forest.predict(table).tolist()

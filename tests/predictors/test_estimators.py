import numpy as np
import pytest
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from epochgraph.errors import FeatureMismatchError, SettingError
from epochgraph.predictors import SignatureClassifier, SignatureRegressor, feature_table
from epochgraph.signature import Signature
from populations import accuracies, exploded, population, signatures

ESTIMATORS = [kind(method) for kind in (SignatureClassifier, SignatureRegressor) for method in ("svm", "mlp", "trees")]

methods = pytest.mark.parametrize("method", ["svm", "mlp", "trees"])


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_contract(estimator, check):
    check(estimator)


def good(runs):
    return (accuracies(runs) > 50).astype(int)


def scaled(signature: Signature, factor: float) -> Signature:
    return Signature(signature.times, signature.names, factor * signature.values, signature.diverged)


@methods
def test_an_informative_feature_is_found(method):
    runs = population(40, signal=1.0)
    classifier, regressor = SignatureClassifier(method), SignatureRegressor(method)
    assert cross_val_score(classifier, signatures(runs), good(runs)).mean() > 0.9
    assert r2_score(accuracies(runs), cross_val_predict(regressor, signatures(runs), accuracies(runs))) > 0.7


def test_noise_is_not_mistaken_for_a_signal():
    scores = []
    for seed in range(10):
        runs = population(40, signal=0.0, seed=seed)
        scores.append(cross_val_score(SignatureClassifier(), signatures(runs), good(runs)).mean())
    assert 0.35 < np.mean(scores) < 0.6


def test_probabilities_come_from_runs_that_were_held_out():
    """Once fitted, the machine tells these noisy runs apart; calibrated on the same runs, it would be sure."""
    generator = np.random.default_rng(0)
    noise, signal = generator.normal(size=(2, 100, 50))
    labels = np.arange(100) % 2
    signal[:, 0] += 4 * labels
    doubt, certainty = (SignatureClassifier().fit(x, labels).predict_proba(x)[:, 1] for x in (noise, signal))
    assert (abs(doubt - 0.5) < 0.3).all()
    assert np.mean(abs(certainty - labels)) < 0.1


@methods
def test_one_exploding_run_does_not_hide_the_differences_between_the_others(method):
    runs = population(40, signal=1.0)
    one = int(np.argmin(accuracies(runs)))
    given = [scaled(run, 1e30) if place == one else run for place, run in enumerate(signatures(runs))]
    assert cross_val_score(SignatureClassifier(method), given, good(runs)).mean() > 0.9


@methods
def test_divergence_is_informative(method):
    """Nothing but the missing values tells these runs apart."""
    runs = population(40, signal=0.0)
    given = [run if high else exploded(run, 2) for run, high in zip(signatures(runs), good(runs), strict=True)]
    assert cross_val_score(SignatureClassifier(method), given, good(runs)).mean() > 0.95


def test_infinities_count_as_missing():
    table = feature_table(signatures(population(20))).to_numpy()
    labels = good(population(20))
    missing, infinite = table.copy(), table.copy()
    missing[:3, 1], infinite[:3, 1] = np.nan, [np.inf, -np.inf, np.inf]
    p = [SignatureClassifier().fit(given, labels).predict_proba(given) for given in (missing, infinite)]
    np.testing.assert_array_equal(*p)


def test_columns_that_are_constant_or_empty_do_no_harm():
    table = feature_table(signatures(population(20))).assign(constant=3.0, empty=np.nan)
    estimator = SignatureClassifier().fit(table, good(population(20)))
    assert estimator.score(table, good(population(20))) == 1
    assert estimator.predict(table.assign(empty=1.0)).shape == (20,)


def test_signatures_tables_and_arrays_are_the_same_input():
    runs = population(20)
    table = feature_table(signatures(runs), up_to=2)
    expected = SignatureRegressor(up_to=2).fit(signatures(runs), accuracies(runs)).predict(signatures(runs))
    for given in (table, table.to_numpy()):
        np.testing.assert_array_equal(SignatureRegressor().fit(given, accuracies(runs)).predict(given), expected)
    unnamed = SignatureRegressor().fit(feature_table(signatures(runs)).to_numpy(), accuracies(runs))
    assert unnamed.predict(signatures(runs)).shape == (20,)


def test_predicting_looks_at_the_fitted_columns_only():
    """A run may have gone on, and features of two runs that train at different speed need no common length."""
    runs = signatures(population(20, epochs=5))
    estimator = SignatureRegressor(up_to=2).fit(runs, accuracies(population(20, epochs=5)))
    assert list(estimator.feature_names_in_) == list(feature_table(runs, up_to=2))
    short = [run.up_to(epoch) for run, epoch in zip(runs, [2, 3, 4, 5] * 5, strict=True)]
    np.testing.assert_array_equal(estimator.predict(short), estimator.predict(runs))
    with pytest.raises(FeatureMismatchError, match=r"signature 1 .*feature0@2"):
        estimator.predict([runs[0], runs[1].up_to(1)])


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_the_same_seed_gives_the_same_predictor(estimator):
    runs = population(20, signal=0.1)
    y = good(runs) if isinstance(estimator, SignatureClassifier) else accuracies(runs)
    first, second = (type(estimator)(estimator.method).fit(signatures(runs), y).predict(signatures(runs)) for _ in "ab")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("unit", [0.01, 1000.0])
def test_the_unit_of_the_accuracies_does_not_matter(unit):
    runs = population(30, signal=0.3)
    predicted = SignatureRegressor().fit(signatures(runs), accuracies(runs)).predict(signatures(runs))
    rescaled = SignatureRegressor().fit(signatures(runs), unit * accuracies(runs)).predict(signatures(runs))
    np.testing.assert_allclose(rescaled, unit * predicted, rtol=1e-6)


@methods
def test_training_needs_two_runs_of_each_class(method):
    runs = signatures(population(6))
    for y, found in (([1] * 6, r"\{1: 6\}"), ([1] + [0] * 5, r"\{0: 5, 1: 1\}")):
        with pytest.raises(SettingError, match=f"runs of each class is {found}, but must be at least 2"):
            SignatureClassifier(method).fit(runs, y)
    SignatureClassifier(method).fit(runs, [1, 1, 0, 0, 0, 0])


@methods
def test_more_than_two_labels_are_told_apart(method):
    table = np.repeat(np.arange(3.0), 8)[:, None] + np.random.default_rng(0).normal(size=(24, 4)) / 9
    labels = np.repeat(["bad", "fair", "good"], 8)
    classifier = SignatureClassifier(method).fit(table, labels)
    assert classifier.predict(table).tolist() == labels.tolist()
    np.testing.assert_allclose(classifier.predict_proba(table).sum(axis=1), 1)


@pytest.mark.parametrize("kind", [SignatureClassifier, SignatureRegressor])
def test_unknown_methods_are_refused(kind):
    with pytest.raises(SettingError, match="method is 'forest', but must be 'svm', 'mlp' or 'trees'"):
        kind("forest").fit(signatures(population(4)), [0, 0, 1, 1])

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from epochgraph.errors import SettingError
from epochgraph.predictors import SignatureClassifier, SignatureRegressor, fitted
from epochgraph.predictors.views import signature_so_far
from epochgraph.runs import values_of
from populations import accuracies, population

RUNS = population(24, groups=6)
TABLE = signature_so_far(RUNS, 2)
ENDS = accuracies(RUNS)
RATES = values_of(RUNS, "learning_rate")


def made(estimator=None, ends=ENDS, **options):
    estimator = SignatureRegressor("trees") if estimator is None else estimator
    return fitted(estimator, TABLE, ends.tolist(), **({"extraction": {}, "trained_on": {}} | options))


def changed(places):
    """The ends of the runs, with other ones for some of them."""
    ends = ENDS.copy()
    ends[places] = 100 - ends[places] + 7
    return ends


class Spy(SignatureRegressor):
    """Notes the places of the runs that it is fitted on."""

    fits: list = []  # noqa: RUF012 - shared with its clones

    def fit(self, X, y):  # noqa: N803
        Spy.fits.append(set(X["place@1"].astype(int)))
        return super().fit(X, y)


def places_fitted_on(count, groups):
    Spy.fits.clear()
    table = pd.DataFrame({"place@1": np.arange(float(count))})
    fitted(Spy("trees"), table, [*map(float, range(count))], groups=groups, extraction={}, trained_on={})
    return list(Spy.fits)


@pytest.mark.parametrize("method", ["svm", "trees"])
def test_what_is_told_of_a_run_does_not_depend_on_its_own_end(method):
    first, second = (made(SignatureRegressor(method), ends).calibration.predicted for ends in (ENDS, changed([7])))
    same = first == second
    assert same[7]
    assert not same.all()


def test_what_is_told_of_a_group_does_not_depend_on_its_ends():
    group = np.flatnonzero(np.array(RATES) == RATES[0])
    assert len(group) == 4
    first, second = (made(ends=ends, groups=RATES).calibration.predicted for ends in (ENDS, changed(group)))
    same = first == second
    assert same[group].all()
    assert not np.delete(same, group).any()


@pytest.mark.parametrize(("several", "folds"), [(2, 2), (6, 6), (20, 10)])
def test_groups_are_held_out_together_and_few_of_them_alone(several, folds):
    groups = [f"group {place % several}" for place in range(40)]
    *held_out, everything = places_fitted_on(40, groups)
    assert everything == set(range(40))
    assert len(held_out) == folds
    left = [set(range(40)) - known for known in held_out]
    assert sorted(place for fold in left for place in fold) == list(range(40))
    for known, fold in zip(held_out, left, strict=True):
        assert not {groups[place] for place in known} & {groups[place] for place in fold}


def test_without_groups_runs_are_held_out_at_random():
    *held_out, everything = places_fitted_on(40, None)
    assert [len(known) for known in held_out] == [36] * 10
    assert len(everything) == 40
    assert set.intersection(*held_out) == set()
    assert held_out == places_fitted_on(40, None)[:-1]  # the same ones again
    assert [len(known) for known in places_fitted_on(3, None)] == [2, 2, 2, 3]


def test_the_predictor_itself_is_fitted_on_all_runs():
    predictor = made(threshold=50.0, extraction={"alpha": 0.5}, trained_on={"runs": 24})
    expected = SignatureRegressor("trees").fit(TABLE, ENDS).predict(TABLE)
    np.testing.assert_array_equal(predictor.estimator.predict(TABLE), expected)
    assert (predictor.threshold, predictor.extraction, predictor.trained_on) == (50, {"alpha": 0.5}, {"runs": 24})
    assert made().threshold is None
    np.testing.assert_array_equal(predictor.calibration.truth, ENDS)
    assert np.corrcoef(predictor.calibration.predicted, ENDS)[0, 1] > 0.8


def test_the_estimator_that_is_given_stays_as_it_was():
    given = SignatureRegressor("trees", random_state=3)
    assert made(given).estimator is not given
    assert made(given).estimator.get_params() == given.get_params()
    with pytest.raises(NotFittedError):
        given.predict(TABLE)


def test_kinds_are_new_only_if_they_are_what_was_held_out():
    categories = ["LeNet", "VGG", "AlexNet"] * 8
    assert made().calibration.categories == ("run",) * 24
    for options, new in (
        ({}, False),
        ({"categories": categories}, False),
        ({"groups": categories}, False),
        ({"groups": RATES, "categories": categories}, False),
        ({"groups": categories, "categories": categories}, True),
        ({"groups": tuple(categories), "categories": tuple(categories)}, True),
    ):
        calibration = made(**options).calibration
        assert calibration.new_categories is new, options
        assert calibration.categories == tuple(options.get("categories", ["run"] * 24))


@pytest.mark.parametrize("method", ["svm", "trees"])
def test_of_a_classifier_the_chances_of_a_good_end_are_calibrated(method):
    predictor = made(SignatureClassifier(method), threshold=50.0)
    calibration = predictor.calibration
    assert ((calibration.predicted >= 0) & (calibration.predicted <= 1)).all()
    assert len(set(calibration.predicted.tolist())) > 2  # no labels
    assert np.mean((calibration.predicted > 0.5) == (ENDS >= 50)) > 0.8
    np.testing.assert_array_equal(calibration.truth, ENDS)
    assert predictor.task == "classification"


def test_strangeness_is_measured_by_the_runs_that_were_fitted_on():
    """The first feature lies outside in a run of the third group, the fourth in both of the first; one has no value."""
    columns = {
        "first@1": [0.0, 1.0, 0.5, 0.6, 5.0, 0.5],
        "second@1": [1.0, 1.0, 1.0, 1.0, 1.0, np.nan],
        "third@1": [np.nan] * 6,
        "fourth@1": [9.0, -9.0, 0.0, 0.0, 0.0, 0.0],
    }
    calibration = fitted(
        SignatureRegressor("trees"),
        pd.DataFrame(columns),
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        groups=[1, 1, 2, 2, 3, 3],
        extraction={},
        trained_on={},
    ).calibration
    assert calibration.out_of_range.tolist() == [0.5, 0.25, 0, 0, 0.25, 0]
    assert calibration.low.tolist() == [0, 1, -np.inf, -9]
    assert calibration.high.tolist() == [5, 1, np.inf, 9]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"groups": ["one"] * 24}, r"groups is \['one'\], but must be at least two"),
        ({"groups": ["one"] * 23 + ["other"]}, "such that each leaves at least two other runs"),
        ({"ends": np.where(np.arange(24) == 3, np.nan, ENDS)}, "accuracies is .* finite"),
        ({"ends": np.where(np.arange(24) == 3, np.inf, ENDS)}, "accuracies is .* finite"),
        ({"estimator": SignatureClassifier("trees")}, "threshold is None"),
        ({"estimator": SignatureClassifier("trees"), "threshold": 95.0}, "threshold is 95.0"),
        ({"estimator": SignatureClassifier("trees"), "threshold": 89.0}, "runs of each class is"),
    ],
)
def test_what_cannot_be_held_out_is_refused(options, found):
    with pytest.raises(SettingError, match=found):
        made(**options)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_runs_are_refused(count):
    with pytest.raises(SettingError, match=f"the number of runs is {count}, but must be at least 3"):
        fitted(SignatureRegressor("svm"), TABLE[:count], ENDS[:count].tolist(), extraction={}, trained_on={})
    three = fitted(SignatureRegressor("svm"), TABLE[:3], ENDS[:3].tolist(), extraction={}, trained_on={})
    assert len(three.calibration.predicted) == 3

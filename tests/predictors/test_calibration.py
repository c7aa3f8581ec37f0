import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.errors import SettingError
from epochgraph.predictors import Calibration
from epochgraph.predictors.calibration import outside

EIGHTHS = st.integers(0, 8).map(lambda number: number / 8)
"""Fractions whose sums and differences are exact."""


def calibration(
    predicted, truth=None, categories=None, *, out_of_range=None, low=(0.0,), high=(1.0,), new_categories=False
):
    predicted = np.array(predicted, dtype=float)
    return Calibration(
        predicted,
        np.ones(len(predicted)) if truth is None else np.array(truth, dtype=float),
        ("run",) * len(predicted) if categories is None else tuple(categories),
        np.zeros(len(predicted)) if out_of_range is None else np.array(out_of_range, dtype=float),
        np.array(low, dtype=float),
        np.array(high, dtype=float),
        new_categories,
    )


def with_errors(errors, predicted=0.0):
    return calibration([predicted] * len(errors), [predicted + error for error in errors])


def without(place, values):
    return [*values[:place], *values[place + 1 :]]


@pytest.mark.parametrize(
    ("runs", "rate", "limit"),
    [(18, 0.05, None), (19, 0.05, 1), (38, 0.05, 1), (39, 0.05, 2), (19, 0.1, 2), (19, 0.0, None), (19, 1.0, 19)],
)
def test_the_limit_is_the_kth_least_that_good_runs_were_told(runs, rate, limit):
    """Told 1, 2, 3, ...; k is the whole part of rate * (runs + 1), and of no more runs than there are."""
    assert calibration(range(runs, 0, -1)).limit(1.0, rate) == limit


def test_runs_from_the_threshold_on_are_good_and_bad_ones_set_no_limit():
    predicted, truth = [*range(1, 20), -5.0, -6.0], [0.5] * 19 + [0.4, 0.3]
    assert calibration(predicted, truth).limit(0.5, 0.05) == 1
    assert calibration(predicted, truth).limit(0.4, 0.05) == -5
    assert calibration(predicted, truth).limit(0.51, 0.05) is None


def test_the_promise_holds_for_each_kind():
    """Of 58 runs the 5th least is 5, of those of B the 2nd is 2; C has too few runs, so that its least decides."""
    predicted, categories = [*range(101, 140), *range(1, 20)], ["A"] * 39 + ["B"] * 19
    assert calibration(predicted).limit(1.0, 0.1) == 5
    assert calibration(predicted, categories=categories).limit(1.0, 0.1) == 2
    assert calibration([*predicted, 0.5], categories=[*categories, "C"]).limit(1.0, 0.1) == 0.5
    with_bad = calibration([*predicted, 0.5], [1.0] * 58 + [0.0], [*categories, "C"])
    assert with_bad.limit(1.0, 0.1) == 2


def three_kinds(third, *, truth=1.0):
    """Two kinds of 20 good runs that were told 1 to 20, and a third one."""
    predicted = [*range(1, 21), *range(1, 21), *third]
    categories = ["A"] * 20 + ["B"] * 20 + ["C"] * len(third)
    return predicted, [1.0] * 40 + [truth] * len(third), categories


@pytest.mark.parametrize(("below", "limit"), [(0, 1), (1, 0.5), (3, 0.5), (4, None), (20, None)])
def test_a_kind_that_would_have_been_a_surprise_forbids_a_promise_for_new_kinds(below, limit):
    """At a rate of 5 %, 3 or more of 20 fall below by chance in 7.5 % of cases, 4 or more in 1.6 %."""
    given = three_kinds([0.5] * below + [10.0] * (20 - below))
    assert calibration(*given, new_categories=True).limit(1.0, 0.05) == limit
    assert calibration(*given).limit(1.0, 0.05) == (0.5 if below else 1)


def test_new_kinds_need_three_known_ones_with_good_runs():
    two = three_kinds([])
    assert calibration(*two, new_categories=True).limit(1.0, 0.05) is None
    assert calibration(*three_kinds(range(1, 21), truth=0.0), new_categories=True).limit(1.0, 0.05) is None
    assert calibration(*three_kinds(range(1, 21)), new_categories=True).limit(1.0, 0.05) == 1


@pytest.mark.parametrize("rate", [-0.01, 1.01, np.nan])
def test_a_rate_is_a_share(rate):
    with pytest.raises(SettingError, match="must be from 0 to 1"):
        calibration(range(40)).limit(1.0, rate)


@given(
    st.lists(st.tuples(EIGHTHS, st.sampled_from("ABC")), min_size=2, max_size=60),
    st.sampled_from([0.05, 0.1, 0.25, 0.5]),
)
def test_of_exchangeable_good_runs_no_more_than_the_rate_is_condemned(runs, rate):
    """Each run is equally likely to be the new one: so the share of those that the others condemn is what counts.

    It holds over all and of each kind; of a kind with few runs, for all but the one that was told least.
    """
    condemned = []
    for place, (predicted, category) in enumerate(runs):
        others = without(place, runs)
        limit = calibration([t for t, _ in others], categories=[k for _, k in others]).limit(1.0, rate)
        if limit is not None and predicted < limit:
            condemned.append(category)
    assert len(condemned) <= rate * len(runs) + 1e-9
    for category in set(condemned):
        assert condemned.count(category) <= max(1, rate * sum(k == category for _, k in runs) + 1e-9)


@pytest.mark.parametrize(
    ("count", "level", "expected"),
    [(18, 0.9, None), (19, 0.9, (97, 115)), (39, 0.9, (98, 134)), (19, 0.5, (101, 111)), (19, 1.0, None)],
)
def test_the_interval_leaves_as_many_errors_out_on_either_side(count, level, expected):
    """Errors of -3, -2, -1, ...: on each side lies the whole part of (1 - level) / 2 * (count + 1), with its bound."""
    assert with_errors(np.arange(count) - 3.0).interval(100.0, level=level) == expected


@pytest.mark.parametrize(
    ("predicted", "errors", "expected"),
    [
        (0.5, np.linspace(-0.25, 0.5, 19), (0.0, 0.625)),  # all ends are fractions
        (50.0, np.linspace(-25.0, 50.0, 19), (0.0, 50.125)),  # all ends are percents: only 0 is known to be a bound
        (0.0, np.linspace(-25.0, 50.0, 19), (-24.875, 50.125)),  # some ends are below 0: no accuracies
    ],
)
def test_intervals_stay_where_accuracies_can_be(predicted, errors, expected):
    assert with_errors(errors, predicted).interval(0.125) == pytest.approx(expected, abs=1e-12)


def test_intervals_of_fractions_end_at_one():
    assert with_errors(np.linspace(-0.25, 0.5, 19), 0.5).interval(0.75) == (0.5, 1.0)
    assert with_errors(np.linspace(-0.25, 0.5, 19), 0.5).interval(1.5) == (1.0, 1.0)


def test_doomed_runs_get_narrower_intervals():
    """Forty runs that are told little err by up to 0.039, forty that are told more by up to ten times as much."""
    predicted, errors = [0.125] * 40 + [0.5] * 40, np.concatenate([np.arange(-20, 20) / 512, np.arange(-20, 20) / 64])
    made = calibration(predicted, np.array(predicted) + errors)
    assert made.interval(0.125) == (0.125 - 19 / 512, 0.125 + 18 / 512)
    assert made.interval(0.5) == (0.5 - 19 / 64, 0.5 + 18 / 64)
    low, high = calibration(predicted[:79], (np.array(predicted) + errors)[:79]).interval(0.125)  # too few for bins
    assert high - low > 0.25


def test_a_run_told_less_than_any_is_like_those_that_were_told_least():
    """More than half of the runs were told the same, to the last digit: a hair less must not be unheard of."""
    generator = np.random.default_rng(0)
    predicted = np.concatenate([np.full(120, 0.1), np.linspace(0.2, 0.8, 80)])
    made = calibration(predicted, predicted + generator.uniform(0, 0.1, size=200))
    less = np.nextafter(0.1, 0)
    assert made.interval(less) == pytest.approx(made.interval(0.1), abs=1e-12)
    assert made.p_good(less, 0.3) == made.p_good(0.1, 0.3) == 0.5 / 121


@given(st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=2, max_size=70), st.sampled_from([0.5, 0.8, 0.9]))
def test_of_exchangeable_runs_no_more_end_outside_of_their_intervals_than_allowed(runs, level):
    missed = 0
    for place, (predicted, truth) in enumerate(runs):
        interval = calibration(*zip(*without(place, runs), strict=True)).interval(predicted, level=level)
        missed += interval is not None and not interval[0] <= truth <= interval[1]
    assert missed <= (1 - level) * len(runs) + 1e-9


def simulated(generator, runs):
    """Half of the runs are doomed: these end near 0.1. Of the others half ends with 0.5 or more."""
    doomed = generator.random(runs) < 0.5
    truth = np.where(doomed, 0.1, generator.uniform(0.2, 0.8, size=runs))
    predicted = truth + generator.normal(size=runs) * np.where(doomed, 0.01, 0.1)
    return predicted, truth, doomed


def test_intervals_cover_and_decisions_spare_at_their_level_among_many_new_runs():
    generator = np.random.default_rng(0)
    inside, widths, spared = {True: [], False: []}, {True: [], False: []}, []
    for _ in range(30):
        made = calibration(*simulated(generator, 160)[:2])
        limit = made.limit(0.5, 0.05)
        for predicted, truth, doomed in zip(*simulated(generator, 40), strict=True):
            low, high = made.interval(predicted)
            inside[bool(doomed)].append(low <= truth <= high)
            widths[bool(doomed)].append(high - low)
            if truth >= 0.5:
                spared.append(predicted >= limit)
    assert 0.85 < np.mean(inside[True]) < 0.99
    assert 0.85 < np.mean(inside[False]) < 0.99
    assert np.mean(widths[True]) < np.mean(widths[False]) / 3
    assert 0.93 < np.mean(spared) < 1


def test_the_chance_of_a_good_end_is_worked_out_by_hand():
    made = calibration([4, 4, 4], [3, 4, 6])  # told 5, the run would end with 4, 5 or 7
    assert [made.p_good(5.0, threshold) for threshold in (4, 5, 6, 7, 8)] == [3.5 / 4, 2.5 / 4, 1.5 / 4, 1.5 / 4, 0.125]


@given(
    st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=1, max_size=70),
    st.tuples(EIGHTHS, EIGHTHS).map(sorted),
    EIGHTHS,
)
def test_a_run_that_is_told_more_has_no_smaller_chance(runs, predicted, threshold):
    made = calibration(*zip(*runs, strict=True))
    less, more = (made.p_good(one, threshold) for one in predicted)
    assert 0 < less <= more < 1


def test_the_share_of_features_outside_is_worked_out_by_hand():
    values = np.array([[0.0, 1.0, 0.5, 2.0], [-1.0, 2.0, np.nan, np.inf], [np.nan] * 4])
    shares = outside(values, np.array([0.0, 0.0, 0.0, -np.inf]), np.array([1.0, 1.0, 1.0, np.inf]))
    assert shares.tolist() == [0, 0.5, 0]


def test_a_run_is_strange_if_more_of_it_is_outside_than_of_any_that_was_held_out():
    made = calibration([1, 2], out_of_range=[0.0, 0.5], low=[0, 0], high=[1, 1])
    assert not made.is_out_of_range(np.array([2.0, 0.5]))
    assert made.is_out_of_range(np.array([2.0, -0.5]))
    assert not made.is_out_of_range(np.array([np.nan, np.nan]))


GOOD = {
    "predicted": np.zeros(2),
    "truth": np.zeros(2),
    "categories": ("run",) * 2,
    "out_of_range": np.zeros(2),
    "low": np.zeros(3),
    "high": np.ones(3),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"predicted": np.zeros(3)}, r"\[2, 3\], but must be one length"),
        ({"truth": np.zeros(1)}, r"\[1, 2\], but must be one length"),
        ({"categories": ("run",)}, r"\[1, 2\], but must be one length"),
        ({"out_of_range": np.zeros(0)}, r"\[0, 2\], but must be one length"),
        (
            {"predicted": np.zeros(0), "truth": np.zeros(0), "categories": (), "out_of_range": np.zeros(0)},
            "at least one run",
        ),
        ({"low": np.zeros(2)}, "as many lows as highs"),
        ({"predicted": np.zeros((2, 2))}, "each in one row"),
        ({"out_of_range": np.zeros((2, 1))}, "each in one row"),
        ({"predicted": np.array([0.0, np.nan])}, "finite"),
        ({"truth": np.array([0.0, np.inf])}, "finite"),
    ],
)
def test_what_does_not_belong_together_is_refused(changes, found):
    with pytest.raises(SettingError, match=found):
        Calibration(**(GOOD | changes))
    assert Calibration(**GOOD).interval(0.0) is None

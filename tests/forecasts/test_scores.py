"""How runs compare with each other at one moment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from epochgraph.forecasts.moments import paced
from epochgraph.forecasts.scores import COMMON, CURVE, normal_scores, own_setting_scores, scores_of
from epochgraph.forecasts.target import Target, target_of
from forecasts.made import made_run, made_sweep

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@given(VALUES)
def test_normal_scores_keep_the_order_and_have_no_mean(values):
    scores = normal_scores(values)
    assert rankdata(scores).tolist() == pytest.approx(rankdata(values).tolist()) or len(set(values)) == 1
    assert abs(scores.mean()) < 1e-9


@given(VALUES, st.floats(0.1, 10), st.floats(-5, 5))
def test_normal_scores_do_not_know_units(values, scale, shift):
    moved = [np.float64(value) * scale + shift for value in values]
    if len(set(moved)) == len(set(values)):  # rounding may make two values equal
        assert normal_scores(moved).tolist() == normal_scores(values).tolist()


def test_what_diverged_is_worst_and_what_is_not_known_is_in_the_middle():
    scores = normal_scores([0.5, -np.inf, np.nan, 0.7])
    assert scores[1] == min(scores)
    assert scores[2] == 0


def test_curves_and_settings_of_a_sweep():
    rates = [0.001, 0.01, 0.1]
    runs = paced(
        [
            made_run(f"{rate}", end, settings={"lr": rate, "schedule": "CosineAnnealing"})
            for rate, end in zip(rates, [0.2, 0.9, 0.5], strict=True)
        ]
    )
    table = scores_of((*CURVE, *COMMON), runs, 0.25, Target("test_accuracy", "rises", "validation_accuracy"))
    assert table["progress"].tolist() == pytest.approx([-0.967, 0.967, 0.0], abs=1e-3)
    assert table["train_loss"].tolist() == table["progress"].tolist()
    assert table["learning_rate"].tolist() == pytest.approx([-0.967, 0.0, 0.967], abs=1e-3)
    assert table["learning_rate_squared"].idxmin() == 1
    assert (table["cosine"] == 0).all()  # all have it: it tells nothing apart


def test_settings_in_which_runs_differ_are_all_seen():
    runs = paced(
        [
            made_run(f"{place}", 0.5, settings={"optimizer": word, "beta": place, "seed": place})
            for place, word in enumerate("abab")
        ]
    )
    assert set(own_setting_scores(runs)) == {"optimizer a", "optimizer b", "beta"}


@pytest.mark.parametrize(
    ("falls", "asked", "found"),
    [
        (False, None, ("test_accuracy", "rises", "validation_accuracy")),
        (True, None, ("test_loss", "falls", "validation_loss")),
        (False, "train_loss", ("train_loss", "falls", "train_loss")),
        (False, "validation_loss", ("validation_loss", "falls", "validation_loss")),
    ],
)
def test_the_target_and_what_tells_of_it(falls, asked, found):
    target = target_of(made_sweep([0.1, 0.2], falls=falls), asked)
    assert (target.metric, target.direction, target.progress) == found

"""Priors of finished sweeps."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.forecasts import finished_sweep, fitted_prior, read_prior, shipped_prior, write_prior
from epochgraph.forecasts.fitting import FRACTIONS, KNOWN, WITH_CURVE, best_of, measured, trials, weighed
from epochgraph.forecasts.learning import PRIOR, bounded, learned_ends
from epochgraph.forecasts.moments import SHARES
from epochgraph.forecasts.prior import agreement
from forecasts.made import made_sweep

RUNS = 12


@pytest.fixture(scope="module")
def sweeps():
    """Six sweeps of three families; curves are noisy, and the learning rate says nothing."""
    rng = np.random.default_rng(0)
    return [
        finished_sweep(made_sweep(rng.uniform(0.1, 1, RUNS).tolist(), noise=0.1), f"family {place % 3}")
        for place in range(6)
    ]


@pytest.fixture(scope="module")
def held_out(sweeps):
    return trials(sweeps, repeats=1)


@pytest.fixture(scope="module")
def prior(sweeps, held_out):
    return measured(weighed(sweeps, WITH_CURVE), held_out)


def test_a_prior_finds_out_what_tells_of_the_end(prior, tmp_path):
    weights = dict(zip(prior.columns, prior.weights[-1], strict=True))
    assert weights["progress"] > 0.1 > abs(weights["dropout"])
    assert prior.spread[0] > prior.spread[-1]  # the later, the surer
    assert prior.limits.shape == (len(KNOWN), len(FRACTIONS))
    assert prior.errors.shape == (len(KNOWN) - 1, len(SHARES))
    write_prior(prior, tmp_path / "prior.json")
    again = read_prior(tmp_path / "prior.json")
    assert again.columns == prior.columns
    assert again.weights == pytest.approx(prior.weights, abs=1e-5)


@pytest.mark.parametrize("number", [0, 4])
def test_limits_stop_at_most_the_promised_share_of_good_runs(prior, held_out, number):
    """Of the sweeps that they were measured on, over all looks together."""
    best = best_of(FRACTIONS[1], RUNS)
    chosen = [trial for trial in held_out if trial.number == number]
    lowest = [trial.chances(prior, best).min(axis=0)[trial.good(best) & ~trial.known] for trial in chosen]
    assert (np.concatenate(lowest) < prior.limit(number, FRACTIONS[1])).mean() <= 0.05


def test_one_family_cannot_be_held_out(sweeps):
    with pytest.raises(SettingError, match="at least two"):
        fitted_prior([replace(sweep, family="one") for sweep in sweeps])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"format": 1', '"format": 99'),
        lambda text: text.replace('"known"', '"unknown"'),
        lambda text: text.replace('"shares": [', '"shares": [-1, '),
        lambda _: "[]",
        lambda _: '"\ud800"'.encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_damaged_priors_are_one_line(tmp_path, spoil):
    path = tmp_path / "prior.json"
    write_prior(shipped_prior(), path)
    path.write_text(spoil(path.read_text()))
    with pytest.raises(UnreadableFileError, match="no prior of sweeps"):
        read_prior(path)


@pytest.mark.parametrize("situation", ["with-curves", "without-curves"])
def test_shipped_priors_are_of_many_sweeps(situation):
    prior = shipped_prior(situation)
    assert prior.sweeps >= 25
    assert (prior.spread < 1).all()
    assert (prior.errors[-1] < prior.errors[0]).all()


def test_learning_in_place_follows_what_the_prior_and_the_known_ends_say():
    standings = np.linspace(-1.5, 1.5, 13)
    ends = 3 + standings
    known = np.arange(13) % 2 == 0
    found = learned_ends(pd.DataFrame({PRIOR: standings}), known, ends)
    assert np.abs(found - ends).max() < 0.5
    assert (np.diff(found) >= 0).all()


def test_ends_are_bounded_below_only():
    ends = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 99.0, -1e9, np.nan])
    found = bounded(ends)
    assert found[5] == 99
    assert found[6] == found[7] > -1e9
    assert found[:5].tolist() == ends[:5].tolist()


def test_where_the_curves_agree_settings_are_not_looked_at():
    """The learning rate says the opposite of the curves: it counts only as long as these contradict each other."""
    prior = shipped_prior()
    order = np.linspace(-1.5, 1.5, 9)
    scores = pd.DataFrame(0.0, index=range(9), columns=list(prior.columns))
    scores["progress"] = scores["validation_loss"] = scores["train_loss"] = order
    scores["dropout"] = 9 * order  # far more than any sweep has, and what it says is the opposite
    assert (np.diff(prior.standings(scores, 1 / 32)) > 0).all()
    scores["train_loss"], scores["validation_loss"] = -order, np.roll(order, 4)
    assert (np.diff(prior.standings(scores, 1 / 32)) < 0).any()


def test_agreement_is_the_mean_correlation_of_what_tells_runs_apart():
    order = np.arange(5.0)
    assert agreement(np.stack([order, 2 * order, np.zeros(5)], axis=1)) == pytest.approx(1)
    assert agreement(np.stack([order, -order], axis=1)) == pytest.approx(-1)
    assert agreement(order[:, None]) == 0

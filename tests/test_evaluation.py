import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import roc_auc_score

from epochgraph.errors import SettingError
from epochgraph.evaluation import Protocol, cross_validated, held_out, transferred
from epochgraph.predictors import Candidate, SignatureClassifier, SignatureRegressor, labels, standard_candidates
from epochgraph.predictors.views import signature_so_far
from epochgraph.runs import Run
from epochgraph.signature import Signature
from populations import population


def signature_svm(task):
    return [candidate for candidate in standard_candidates(task) if candidate.name == "signature SVM"]


def constant(task):
    return standard_candidates(task)[:1]


def evaluated(runs, candidates=None, *, task="classification", threshold=50.0, epoch=2, **options):
    """The table as candidate -> measure -> mean."""
    protocol = Protocol(task=task, threshold=threshold, **({"repeats": 2} | options))
    table = cross_validated(candidates or signature_svm(task), runs, protocol, epochs=[epoch])
    return table.pivot(index="candidate", columns="measure", values="mean")


def test_each_candidate_scores_by_what_it_can_see():
    """The signature shows the end, the validation accuracy does not."""
    table = evaluated(population(40, signal=1.0, curve=0.0), standard_candidates("classification"))
    assert (table.loc[["signature SVM", "signature MLP", "signature trees", "curve and signature trees"]] > 0.85).all(
        axis=None
    )
    assert (table.loc[["validation accuracy", "validation curve"]] < 0.7).all(axis=None)
    assert table.loc["majority class"].tolist() == [0.5, 0.5, 0.5]


def test_a_regression_is_scored_in_the_unit_of_the_accuracies():
    """The validation accuracies show the end, the signature does not."""
    runs = population(40, signal=0.0, curve=1.0)
    table = evaluated(runs, standard_candidates("regression"), task="regression", threshold=None)
    assert table.loc["validation curve", "r2"] > 0.9
    assert table.loc["validation curve", "kendall_tau"] > 0.8
    assert table.loc["validation curve", "mean_absolute_error"] < 5
    assert table.loc["signature SVM", "r2"] < 0.3
    assert table.loc["mean accuracy", "mean_absolute_error"] == pytest.approx(20, abs=2)
    assert np.isnan(table.loc["mean accuracy", "kendall_tau"])


def test_noise_scores_near_chance():
    tables = [evaluated(population(40, signal=0.0, seed=seed)) for seed in range(6)]
    means = sum(tables) / len(tables)
    assert ((means > 0.35) & (means < 0.6)).all(axis=None)


def with_groups(groups):
    """Runs of a group end alike, and share a signature that has nothing to do with how they end."""
    codes = np.random.default_rng(0).normal(size=(groups, 10))
    runs = []
    for number, run in enumerate(population(48)):
        group = number % groups
        names = tuple(f"code{place}" for place in range(10))
        signature = Signature(np.array([1.0]), names, codes[[group]], np.array([False]))
        accuracy = 20.0 + 60.0 * (group in (0, 3, 5, 6)) + number / 48
        settings = {"learning_rate": float(group)}
        runs.append(Run(run.name, signature, run.metrics.assign(test_accuracy=accuracy), settings))
    return runs


def test_what_gives_the_group_away_helps_on_random_folds_only():
    runs = with_groups(8)
    assert evaluated(runs, epoch=1).loc["signature SVM", "accuracy"] > 0.95
    assert evaluated(runs, epoch=1, groups="learning_rate", repeats=6).loc["signature SVM", "accuracy"] < 0.65


def test_groups_stay_together_and_random_folds_keep_the_classes_apart_evenly():
    runs = population(40, groups=8)
    rates = pd.Series([run.settings["learning_rate"] for run in runs])
    folds = []

    class Spy(SignatureClassifier):
        def fit(self, X, y):  # noqa: N803
            folds.append((set(X[:, 0]), y))
            return super().fit(X, y)

    spy = Candidate("spy", lambda runs, epoch: pd.DataFrame({"place": range(len(runs))}), lambda seed: Spy())
    evaluated(runs, [spy], groups="learning_rate", repeats=2)
    assert len(folds) == 10
    for fitted_on, _ in folds:
        others = set(range(40)) - fitted_on
        assert not set(rates[list(fitted_on)]) & set(rates[list(others)])
    assert len({frozenset(fitted_on) for fitted_on, _ in folds}) > 5  # the repeats deal anew
    folds.clear()
    evaluated(runs, [spy], repeats=1)
    assert [y.mean() for _, y in folds] == [0.5] * 5


@pytest.mark.parametrize("values", [3, 1000])
def test_the_area_under_the_curve_is_scikit_learns(values):
    """With many ties, and with none."""
    predicted = np.random.default_rng(0).integers(values, size=40) / values
    ends = np.arange(40) % 3 % 2

    class Teller(DummyClassifier):
        def predict_proba(self, X):  # noqa: N803
            return np.stack([1 - X[:, 0], X[:, 0]], axis=1)

    teller = Candidate("told", lambda runs, epoch: pd.DataFrame({"p": [0, 0, 0, 0, *predicted]}), lambda seed: Teller())
    truth = (np.array([0, 0, 1, 1]), ends)
    table = transferred([teller], population(4), population(40), truth, epochs=[1], repeats=1).set_index("measure")
    assert table.loc["roc_auc", "mean"] == pytest.approx(roc_auc_score(ends, predicted), abs=1e-12)


def test_folds_that_cannot_be_ranked_are_counted():
    """Every group ends alike, so no held-out fold of one group has both classes."""
    protocol = Protocol(task="classification", threshold=50, folds=8, repeats=2, groups="learning_rate")
    table = cross_validated(constant("classification"), with_groups(8), protocol, epochs=[1]).set_index("measure")
    assert table.loc["roc_auc", "unscored"] == 1
    assert np.isnan(table.loc["roc_auc", "mean"])
    assert table.loc["accuracy", "unscored"] == 0
    assert 0 <= table.loc["accuracy", "mean"] <= 1


def test_training_folds_of_one_class_predict_that_class():
    """Two groups, each of one class: whoever sees one of them can only be wrong about the other."""
    table = evaluated(with_groups(2), epoch=1, groups="learning_rate", folds=2)
    assert table.loc["signature SVM", "accuracy"] == 0


def test_the_spread_is_over_the_repeats():
    runs = population(30, signal=0.15)
    protocols = [Protocol(task="classification", threshold=50, repeats=repeats, seed=3) for repeats in (1, 4)]
    one, four = (cross_validated(signature_svm("classification"), runs, protocol, epochs=[2]) for protocol in protocols)
    assert one["spread"].isna().all()
    assert (four["spread"] > 0).all()
    assert list(four) == ["epoch", "candidate", "measure", "mean", "spread", "unscored"]


def test_the_seed_decides_everything():
    runs = population(24, signal=0.1)
    first, second, other = (evaluated(runs, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, second)
    assert not first.equals(other)


def test_progress_is_told_after_each_repeat():
    calls = []
    cross_validated(
        standard_candidates("regression")[:2],
        population(12),
        Protocol(task="regression", folds=3, repeats=2),
        epochs=[1, 2],
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == list(zip(range(1, 9), itertools.repeat(8)))


@pytest.mark.parametrize(
    ("count", "options", "found"),
    [
        (12, {"threshold": 70.0}, "runs in the rarer class is 3, but must be at least 5"),
        (6, {"folds": 2}, "runs in the rarer class is 3, but must be at least 4"),
        (8, {"task": "regression"}, "the number of runs is 8, but must be at least 10"),
        (12, {"threshold": 95.0}, "from 10 to 90"),
        (24, {"groups": "dropout"}, "number of values of 'dropout' is 1, but must be at least 5"),
        (24, {"groups": "optimizer"}, "run 'run0' has learning_rate, dropout"),
        (24, {"target": "top5"}, "a metric of run 'run0'"),
    ],
)
def test_populations_that_are_too_small_are_refused(count, options, found):
    with pytest.raises(SettingError, match=found):
        evaluated(population(count), **options)


@pytest.mark.parametrize(("task", "folds"), [("classification", 2), ("classification", 3), ("regression", 3)])
def test_the_smallest_population_allowed_is_enough(task, folds):
    count = 2 * (4 if folds == 2 else folds)
    evaluated(population(count), standard_candidates(task), task=task, folds=folds)


@pytest.mark.parametrize(
    "options",
    [
        {"task": "classification"},
        {"task": "regression", "folds": 1},
        {"task": "regression", "repeats": 0},
        {"task": "regression", "seed": -1},
    ],
)
def test_protocols_that_cannot_be_are_refused(options):
    with pytest.raises(SettingError):
        Protocol(**options)


def test_nothing_is_fitted_on_more_than_the_training_folds():
    seen = []

    class Spy(SignatureRegressor):
        def fit(self, X, y):  # noqa: N803
            seen.append(len(X))
            return super().fit(X, y)

    evaluated(population(20), [Candidate("spy", signature_so_far, lambda seed: Spy())], task="regression")
    assert seen == [16] * 10


def test_what_was_learnt_from_some_runs_is_told_of_others():
    known, others = population(24, signal=1.0), population(16, signal=1.0)
    truth = tuple(labels([run.final_accuracy() for run in runs], 50) for runs in (known, others))
    first = standard_candidates("classification")[0]
    trees = next(one for one in standard_candidates("classification") if one.name == "signature trees")
    table = transferred([first, trees], known, others, truth, epochs=[2], repeats=2)
    scores = table.set_index(["candidate", "measure"])["mean"]
    majority = np.bincount(truth[0]).argmax()
    assert scores["majority class", "accuracy"] == (truth[1] == majority).mean()
    assert scores["majority class", "balanced_accuracy"] == 0.5
    assert scores["signature trees", "accuracy"] > 0.8


def trees(task):
    return next(one for one in standard_candidates(task) if one.name == "signature trees")


@pytest.mark.parametrize("groups", [None, "learning_rate"])
def test_what_is_told_of_held_out_runs_is_what_is_scored(groups):
    runs = population(24, signal=0.3)
    truth = np.array([run.final_accuracy() for run in runs])
    protocol = Protocol(task="regression", repeats=3, seed=5, groups=groups)
    predicted = held_out(trees("regression"), runs, protocol, epoch=2)
    assert predicted.shape == (3, 24)
    errors = np.abs(predicted - truth).mean(axis=1)
    table = cross_validated([trees("regression")], runs, protocol, epochs=[2]).set_index("measure")
    assert table.loc["mean_absolute_error", "mean"] == pytest.approx(errors.mean(), rel=1e-12)
    assert table.loc["mean_absolute_error", "spread"] == pytest.approx(errors.std(ddof=1), rel=1e-12)
    assert len({tuple(row) for row in predicted.tolist()}) == 3  # dealt anew each time


def test_of_classes_the_labels_are_told_of_held_out_runs():
    runs = population(24, signal=0.3)
    truth = labels([run.final_accuracy() for run in runs], 50)
    protocol = Protocol(task="classification", threshold=50, repeats=2)
    predicted = held_out(trees("classification"), runs, protocol, epoch=2)
    assert set(predicted.ravel().tolist()) == {0, 1}
    table = cross_validated([trees("classification")], runs, protocol, epochs=[2]).set_index("measure")
    assert table.loc["accuracy", "mean"] == pytest.approx((predicted == truth).mean(), rel=1e-12)


def test_what_is_told_of_a_held_out_run_does_not_depend_on_its_end():
    runs = population(24)
    other = [replace(run, metrics=run.metrics.assign(test_accuracy=33.0)) if run is runs[3] else run for run in runs]
    protocol = Protocol(task="regression", repeats=2)
    first, second = (held_out(trees("regression"), given, protocol, epoch=2) for given in (runs, other))
    assert (first[:, 3] == second[:, 3]).all()
    assert (first != second).any()


def test_populations_that_are_too_small_are_not_held_out():
    with pytest.raises(SettingError, match="the number of runs is 8, but must be at least 10"):
        held_out(trees("regression"), population(8), Protocol(task="regression"), epoch=2)

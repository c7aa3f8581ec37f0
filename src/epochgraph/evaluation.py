"""Runs -> how well candidates predict their end: cross-validation on random or grouped folds, and transfer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, rankdata
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, mean_absolute_error, r2_score
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from epochgraph.errors import SettingError
from epochgraph.predictors import Candidate, Task, labels
from epochgraph.runs import Direction, Run, direction_for, values_of

Split = list[tuple[np.ndarray, np.ndarray]]
"""One split: for each fold the positions of the runs to fit on, and of those to predict."""

POOLED = {
    "classification": {"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score},
    "regression": {"r2": r2_score, "mean_absolute_error": mean_absolute_error},
}

Score = tuple[str, float, float]
"""A measure, its value for one split, and the share of folds for which it could not be computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How candidates are compared.

    Attributes:
        task: Whether to predict good and bad ends, or the final accuracy.
        threshold: The final accuracy from which on a run is good; for classification.
        folds: The number of folds; each is predicted by an estimator fitted on the others.
        repeats: How often the runs are split into folds anew.
        groups: A setting, such as "learning_rate": runs that share its value are put into the same fold. None splits
            at random; for classification, with the same share of good runs in each fold.
        seed: Random seed of the folds and of fitting; all candidates and epochs see the same folds.
        target: The metric whose final value is predicted.
        direction: Whether the target rises or falls as runs get better; None to go by its name. If it falls, runs that
            end with at most the threshold are good.
    """

    task: Task
    threshold: float | None = None
    folds: int = 5
    repeats: int = 10
    groups: str | None = None
    seed: int = 0
    target: str = "test_accuracy"
    direction: Direction | None = None

    def __post_init__(self) -> None:
        if self.task == "classification" and self.threshold is None:
            raise SettingError("threshold", None, "the accuracy from which on a run is good")
        for option, value, least in (("folds", self.folds, 2), ("repeats", self.repeats, 1), ("seed", self.seed, 0)):
            if value < least:
                raise SettingError(option, value, f"at least {least}")


def cross_validated(
    candidates: Sequence[Candidate],
    runs: Sequence[Run],
    protocol: Protocol,
    *,
    epochs: Sequence[float],
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Compare how well candidates predict the end of runs from their first epochs.

    Everything, scaling included, is fitted on the training folds alone. Measures that compare a prediction with the
    truth (accuracy, balanced accuracy, R^2, mean absolute error) are computed over all runs at once, each predicted
    while it was held out: on folds of a few runs, balanced accuracy and R^2 are not worth averaging. Measures that
    compare predictions with each other (area under the ROC curve, Kendall's tau) are computed within a fold and
    averaged, since scores of estimators fitted on different runs have no common scale: over all runs, even a constant
    guess would seem to rank them, backwards, as the mean of the training folds is low where the held-out runs are good.

    Grouped folds may leave fewer than two runs of a class to fit on; then every candidate predicts the other class.

    Args:
        candidates: What to compare. Their estimators are given arrays; the predicted label is the more probable one.
        runs: The population.
        protocol: How to compare.
        epochs: Last epochs to look at; each is an experiment of its own.
        progress: Called after each repeat of each candidate, with the number done and the total.

    Returns:
        One row per epoch, candidate and measure. `mean` and `spread` (standard deviation) are over the repeats: the
        spread shows how much depends on the split into folds, not what another population would give. `unscored` is the
        share of folds without a ranking, because all their runs end alike or (tau) are predicted to. Mean absolute
        errors are in the unit of the accuracies.

    Raises:
        SettingError: There are too few runs, runs of a class, or groups for the folds; or a run lacks the target, the
            setting to group by, or something that a candidate looks at.
        FeatureMismatchError: Signatures differ in features or epochs.
    """
    truth = _truth(runs, protocol)
    seeds = _seeds(protocol)
    splits = [_split(runs, truth, protocol, seed) for seed in seeds]
    rows = []
    for done, (epoch, candidate) in enumerate(product(epochs, candidates)):
        inputs = candidate.inputs(runs, epoch).to_numpy()
        for repeat, (seed, split) in enumerate(zip(seeds, splits, strict=True), start=1):
            scores = _scores(candidate, seed, protocol.task, inputs, truth, split)
            rows += [(done, epoch, candidate.name, *score) for score in scores]
            if progress is not None:
                progress(done * len(seeds) + repeat, len(epochs) * len(candidates) * len(seeds))
    keys = ["place", "epoch", "candidate", "measure"]  # by position too: candidates may share a name
    return _summary(rows, keys).drop(columns="place")


def _truth(runs: Sequence[Run], protocol: Protocol) -> np.ndarray:
    """What is to be predicted for each run, if there are enough runs."""
    accuracies = [run.final_accuracy(protocol.target) for run in runs]
    if protocol.task == "regression" or protocol.threshold is None:
        _check_enough("the number of runs", len(runs), 2 * protocol.folds, "for each fold to have two")
        return np.array(accuracies)
    falls = direction_for(protocol.target, protocol.direction) == "falls"
    truth = labels(accuracies, protocol.threshold, falls=falls)
    rarer = int(np.bincount(truth).min())
    least = 4 if protocol.folds == 2 else protocol.folds  # two of each class must be left to fit on
    _check_enough("the number of runs in the rarer class", rarer, least, "for each fold to have one")
    return truth


def _split(runs: Sequence[Run], truth: np.ndarray, protocol: Protocol, seed: int) -> Split:
    """Split the runs into folds, once."""
    options = {"n_splits": protocol.folds, "shuffle": True, "random_state": seed}
    if protocol.groups is not None:
        groups = pd.factorize(np.array(values_of(runs, protocol.groups)))[0].tolist()
        what = f"the number of values of {protocol.groups!r}"
        _check_enough(what, len(set(groups)), protocol.folds, "for each fold to have one")
        return list(GroupKFold(**options).split(truth, groups=groups))
    folds = StratifiedKFold(**options) if protocol.task == "classification" else KFold(**options)
    return list(folds.split(truth, truth))


def _check_enough(what: str, found: int, least: int, why: str) -> None:
    if found < least:
        advice = "add runs, use fewer folds or, for classification, move the threshold"
        raise SettingError(what, found, f"at least {least} ({why}): {advice}")


def held_out(candidate: Candidate, runs: Sequence[Run], protocol: Protocol, *, epoch: float) -> np.ndarray:
    """What a candidate predicts for each held-out run: its label in classification, otherwise its accuracy.

    Args:
        candidate: What predicts.
        runs: The population.
        protocol: How the runs are split.
        epoch: The last epoch to look at.

    Returns:
        One row per repeat, one column per run.

    Raises:
        SettingError: As `cross_validated`.
        FeatureMismatchError: As `cross_validated`.
    """
    truth = _truth(runs, protocol)
    inputs = candidate.inputs(runs, epoch).to_numpy()
    predicted = np.empty((protocol.repeats, len(runs)))
    for row, seed in zip(predicted, _seeds(protocol), strict=True):
        split = _split(runs, truth, protocol, seed)
        for model, others in _fitted(candidate, seed, protocol.task, inputs, truth, split):
            row[others] = model.predict(inputs[others])
    return predicted


def _seeds(protocol: Protocol) -> list[int]:
    return list(np.random.SeedSequence(protocol.seed).generate_state(protocol.repeats).tolist())


def _fitted(
    candidate: Candidate, seed: int, task: Task, inputs: np.ndarray, truth: np.ndarray, split: Split
) -> Iterator[tuple[Any, np.ndarray]]:
    """For each fold the estimator that was fitted on the others, and the positions of its runs."""
    for fitted_on, others in split:
        enough = task == "regression" or np.bincount(truth[fitted_on], minlength=2).min() >= 2
        model = candidate.estimator(seed) if enough else DummyClassifier()
        yield model.fit(inputs[fitted_on], truth[fitted_on]), others


def _scores(
    candidate: Candidate, seed: int, task: Task, inputs: np.ndarray, truth: np.ndarray, split: Split
) -> list[Score]:
    """Every measure of one candidate on one split into folds."""
    predicted, rankings = np.empty_like(truth), []
    for model, others in _fitted(candidate, seed, task, inputs, truth, split):
        predicted[others], ranked_by = _predictions(task, model, inputs[others])
        rankings.append(_ranking(task, ranked_by, truth[others]))
    seen = np.concatenate([others for _, others in split])
    scores = [(name, float(measure(truth[seen], predicted[seen])), 0.0) for name, measure in POOLED[task].items()]
    unscored = np.isnan(rankings).mean()
    ranking = np.nan if unscored == 1 else np.nanmean(rankings)
    return [*scores, ("roc_auc" if task == "classification" else "kendall_tau", float(ranking), float(unscored))]


def _predictions(task: Task, model: Any, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the model predicts for each run, and what ranks them: the accuracy, or for a label its probability."""
    if task == "regression":
        predicted = model.predict(inputs)
        return predicted, predicted
    p = model.predict_proba(inputs)  # once: a second call costs a forest a fifth of its fit
    return model.classes_[p.argmax(axis=1)], p[:, model.classes_ == 1].sum(axis=1)


def _ranking(task: Task, ranked_by: np.ndarray, truth: np.ndarray) -> float:
    """How well the held-out runs of one fold are ranked; NaN if all end alike or are predicted to."""
    if len(np.unique(truth)) < 2:
        return np.nan
    if task == "regression":
        return float(kendalltau(truth, ranked_by).statistic)
    high = truth == 1
    before = (
        rankdata(ranked_by)[high].mean() - (high.sum() + 1) / 2
    )  # low runs ranked below a high one, ties count half
    return float(before / (~high).sum())


def transferred(
    candidates: Sequence[Candidate],
    known: Sequence[Run],
    others: Sequence[Run],
    truth: tuple[np.ndarray, np.ndarray],
    *,
    epochs: Sequence[float],
    repeats: int = 3,
) -> pd.DataFrame:
    """How well candidates that were fitted on some runs predict the end of runs of another kind.

    Args:
        candidates: What to compare; they look at what both kinds of runs have.
        known: The runs to fit on.
        others: The runs to predict, such as those of another architecture.
        truth: For `known` and for `others`, 1 for each run that ends well and 0 for the others.
        epochs: Last epochs to look at; each is an experiment of its own.
        repeats: How often to fit, each time with another seed.

    Returns:
        As `cross_validated`: accuracies and the area under the ROC curve; the spread is over the seeds.

    Raises:
        SettingError: A run lacks what a candidate looks at, or too few of `known` end one way.
        FeatureMismatchError: Signatures differ in the features that a candidate looks at.
    """
    rarer = int(np.bincount(truth[0], minlength=2).min())
    _check_enough("the number of known runs in the rarer class", rarer, 2, "to fit on")
    ends = np.concatenate(truth)
    split = [(np.arange(len(known)), np.arange(len(known), len(ends)))]
    rows = []
    for epoch, candidate in product(epochs, candidates):
        inputs = candidate.inputs([*known, *others], epoch).to_numpy()
        for seed in range(repeats):
            scores = _scores(candidate, seed, "classification", inputs, ends, split)
            rows += [(epoch, candidate.name, *score) for score in scores]
    return _summary(rows, ["epoch", "candidate", "measure"])


def _summary(rows: list[tuple[Any, ...]], keys: list[str]) -> pd.DataFrame:
    """The mean and spread of each score over the repeats; rows begin with the keys."""
    table = pd.DataFrame(rows, columns=[*keys, "score", "unscored"]).groupby(keys, sort=False)
    return table.agg(mean=("score", "mean"), spread=("score", "std"), unscored=("unscored", "mean")).reset_index()

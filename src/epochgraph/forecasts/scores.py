"""Runs of one sweep at one moment -> a table of how each compares with the others.

A loss of 3.1 is good on one task and hopeless on another, and a learning rate of .01 is small for one optimiser and
large for the next. What carries over from sweep to sweep is how a run stands among its siblings: so each column holds
normal scores, which depend on the order of the runs alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64
from scipy.stats import norm, rankdata

from epochgraph.forecasts.moments import TOLERANCE, Paced
from epochgraph.forecasts.target import Target

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "learning_rate": ("learning_rate", "lr", "base_lr", "max_lr", "initial_lr", "eta"),
    "weight_decay": ("weight_decay", "wd", "decay"),
    "batch_size": ("batch_size", "batch", "bs", "per_device_train_batch_size"),
    "dropout": ("dropout", "dropout_rate", "p_dropout"),
    "width": ("width", "hidden_size", "hidden", "channels", "d_model"),
    "depth": ("depth", "layers", "n_layers", "num_layers", "num_hidden_layers"),
    "label_smoothing": ("label_smoothing",),
    "label_noise": ("label_noise",),
    "data_share": ("data_share",),
}
"""Settings whose effect is much the same in most sweeps, and what they are called."""

SCHEDULES: Mapping[str, str] = {
    "constant": "constant",
    "cosine": "cosine",
    "step": "step",
    "one-cycle": "cycle",
    "warm-up": "warm",
}
"""Kinds of learning-rate schedules, and the word that tells them."""

SQUARE = "learning_rate_squared"
"""A learning rate may be too low and too high: the square tells both from what lies between."""

CURVE = ("progress", "validation_loss", "train_loss")
"""Of the learning curves: the metric that tells of the target, and both losses."""

COMMON = (*SETTINGS, SQUARE, *SCHEDULES)
"""Of the settings."""

CHANGES = (
    "degree/graph/angle_since_initial",
    "degree/graph/log_norm_ratio_since_initial",
    "eigenvector_centrality/graph/angle_since_initial",
    "weights/graph/relative_change_since_initial",
)
"""What of the graphs is looked at: few numbers, for a sweep has few runs."""


def normal_scores(values: Sequence[float] | Float64[np.ndarray, "runs"]) -> Float64[np.ndarray, "runs"]:
    """Replace values by what a sample of the normal distribution would have at their ranks.

    Args:
        values: The higher, the better; minus infinity is the worst, and NaN is not known.

    Returns:
        The scores, whose mean is zero; that is also the score of what is not known, and of all where all are equal.

    Examples:
        >>> normal_scores([0.1, 0.9, 0.5]).round(2).tolist()
        [-0.97, 0.97, 0.0]

    References:
        van der Waerden 1952, with Hazen's plotting positions (rank - 1/2) / n.
    """
    values = np.asarray(values, dtype=np.float64)
    scores, known = np.zeros(len(values)), ~np.isnan(values)
    if known.any():
        scores[known] = _centred(norm.ppf((rankdata(values[known]) - 0.5) / known.sum()))
    return scores


def scores_of(columns: Sequence[str], runs: Sequence[Paced], share: float, target: Target) -> pd.DataFrame:
    """Compare runs after a share of their budget: a row a run.

    Args:
        columns: Of `CURVE`, of `COMMON`, or names of features of the signature.
        runs: All of the sweep that have come that far.
        share: Of the budget.
        target: What is forecast.
    """
    settings = setting_scores(runs)
    curves = {"progress": target.progress, "validation_loss": "validation_loss", "train_loss": "train_loss"}
    signs = {"progress": target.sign}
    found: dict[str, np.ndarray] = {}
    for column in columns:
        if column in curves:
            sign = signs.get(column, -1)
            found[column] = normal_scores([_latest(one, curves[column], share, sign) for one in runs])
        elif column in settings:
            found[column] = settings[column].to_numpy()
        else:
            found[column] = normal_scores([_feature(one, column, share) for one in runs])
    return pd.DataFrame(found, index=range(len(runs)))


def setting_scores(runs: Sequence[Paced]) -> pd.DataFrame:
    """How the settings compare that mean much the same everywhere; of the learning rate also the square.

    Of schedules there are flags, less their mean over the sweep.
    """
    columns = {name: normal_scores([_number(one, names) for one in runs]) for name, names in SETTINGS.items()}
    columns[SQUARE] = _centred(columns["learning_rate"] ** 2)
    schedules = [str(one.run.settings.get("schedule", one.run.settings.get("scheduler", ""))).lower() for one in runs]
    for name, word in SCHEDULES.items():
        columns[name] = _centred(np.array([word in schedule for schedule in schedules], dtype=np.float64))
    return pd.DataFrame(columns, index=range(len(runs)))


def own_setting_scores(runs: Sequence[Paced]) -> pd.DataFrame:
    """How all settings compare in which the runs of this sweep differ: numbers, and flags for each of few words."""
    columns: dict[str, np.ndarray] = {}
    names = dict.fromkeys(name for one in runs for name in one.run.settings if name != "seed" and "." not in name)
    for name in names:
        found = [one.run.settings.get(name) for one in runs]
        if len(set(found)) < 2:
            continue
        if all(isinstance(value, int | float) or value is None for value in found):
            columns[name] = normal_scores([np.nan if value is None else float(value) for value in found])
        elif len(set(found)) <= MOST_WORDS:
            for word in sorted({str(value) for value in found}):
                columns[f"{name} {word}"] = np.array([str(value) == word for value in found], dtype=np.float64)
    return pd.DataFrame(columns, index=range(len(runs)))


MOST_WORDS = 6
"""Of a setting, such as an optimiser's name: what has more different ones is a name of the run."""


def _latest(one: Paced, metric: str | None, share: float, sign: int) -> float:
    """The last value of a metric by then, times the sign; NaN if there is none, minus infinity once it has diverged."""
    epoch = share * one.budget + TOLERANCE
    if _diverged_by(one, epoch):
        return -np.inf
    if metric is None or metric not in one.run.metrics:
        return np.nan
    values = one.run.metrics[metric].to_numpy()[one.run.metrics.index.to_numpy() <= epoch]
    values = values[~np.isnan(values)]
    if not len(values):
        return np.nan
    return sign * float(values[-1]) if np.isfinite(values[-1]) else -np.inf


def _diverged_by(one: Paced, epoch: float) -> bool:
    signature = one.run.signature
    return bool(signature.diverged[signature.times <= epoch].any())


def _feature(one: Paced, name: str, share: float) -> float:
    signature = one.run.signature
    rows = np.flatnonzero((signature.times <= share * one.budget + TOLERANCE) & ~signature.diverged)
    if name not in signature.names or not len(rows):
        return np.nan
    return float(signature.values[rows[-1], signature.names.index(name)])


def _number(one: Paced, names: Sequence[str]) -> float:
    for name in names:
        value = one.run.settings.get(name)
        if isinstance(value, int | float):
            return float(value)
    return np.nan


def _centred(values: np.ndarray) -> np.ndarray:
    return np.asarray(values - values.mean())

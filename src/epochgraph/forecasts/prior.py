"""What many sweeps have taught: how the runs of a new one are likely to stand at their end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float64

from epochgraph.errors import UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.forecasts.scores import CURVE

FORMAT = 1

SETTLED = 0.85
"""Agreement of the learning curves from which on settings are not looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """A linear model of normal scores, a row of weights for each share of the budget, and how far it is to be trusted.

    Everything but the weights was measured on families of sweeps that the weights had not been fitted on.

    Attributes:
        columns: What the weights are multiplied with (see `scores`).
        shares: Of the budget, rising.
        weights: Of each column at each share.
        settled: Those that count where the learning curves agree with each other (see `standings`).
        spread: Standard deviation of what the model misses of a run's final normal score, at each share.
        known: Numbers of finished runs of the same sweep for which the following was measured, rising from 0.
        errors: For each number of known runs but 0 and each share, which error of a forecast that learned in place is
            exceeded by one in ten, in units of the standard deviation of the known runs' ends.
        fractions: Shares of a sweep's runs that count as good, rising.
        limits: For each number of known runs and each fraction, the chance of a good end that was undercut, at any
            look, by at most 5 % of the good runs.
        sweeps: How many sweeps it learned from.
        runs: How many runs.
    """

    columns: tuple[str, ...]
    shares: Float64[np.ndarray, "shares"]
    weights: Float64[np.ndarray, "shares columns"]
    settled: Float64[np.ndarray, "shares columns"]
    spread: Float64[np.ndarray, "shares"]
    known: tuple[int, ...]
    errors: Float64[np.ndarray, "knowns shares"]
    fractions: Float64[np.ndarray, "fractions"]
    limits: Float64[np.ndarray, "numbers fractions"]
    sweeps: int
    runs: int

    def standings(self, scores: pd.DataFrame, share: float) -> Float64[np.ndarray, "runs"]:
        """The normal score that each run is expected to have at the end of its sweep.

        Where accuracies and losses put the runs into nearly one order, that order is no noise, and what other sweeps
        say of settings could only spoil it: a learning rate that is too high for Adam is the best one for plain SGD.
        """
        settled = agreement(scores[[name for name in self.columns if name in CURVE]].to_numpy()) >= SETTLED
        weights = [self._at(share, column) for column in (self.settled if settled else self.weights).T]
        return np.asarray(scores[list(self.columns)].to_numpy() @ weights)

    def spread_at(self, share: float) -> float:
        """Standard deviation of what `standings` miss."""
        return self._at(share, self.spread)

    def error_at(self, share: float, known: int) -> float | None:
        """The error that one in ten forecasts exceeds; None where so few known runs were not measured."""
        row = self._row(known)
        return None if row == 0 else self._at(share, self.errors[row - 1])

    def limit(self, known: int, fraction: float) -> float:
        """The chance of a good end below which a run is stopped."""
        return float(np.interp(fraction, self.fractions, self.limits[self._row(known)]))

    def _row(self, known: int) -> int:
        return int(np.searchsorted(self.known, known, side="right")) - 1

    def _at(self, share: float, values: np.ndarray) -> float:
        """A value between those that were measured: shares double from one to the next."""
        return float(np.interp(np.log2(max(share, self.shares[0])), np.log2(self.shares), values))


def agreement(scores: Float64[np.ndarray, "runs columns"]) -> float:
    """The mean correlation of the columns that tell runs apart; zero if there are fewer than two."""
    telling = scores[:, scores.std(axis=0) > 0]
    if telling.shape[1] < 2:
        return 0.0
    correlations = np.corrcoef(telling.T)
    return float(correlations[np.triu_indices_from(correlations, k=1)].mean())


def write_prior(prior: Prior, path: Path) -> None:
    """Write a prior as JSON.

    Raises:
        OutputError: The file cannot be written.
    """
    content: dict[str, Any] = {"format": FORMAT}
    for name in Prior.__slots__:
        value = getattr(prior, name)
        content[name] = value.round(5).tolist() if isinstance(value, np.ndarray) else value
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


def read_prior(path: Path) -> Prior:
    """Read what `write_prior` wrote.

    Raises:
        UnreadableFileError: It is no such file, or its tables do not fit together.
    """
    try:
        content = json.loads(path.read_text())
        return _checked(content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        advice = "Name a file that `write_prior` wrote, or none, for the one that comes with the package."
        raise UnreadableFileError(
            path, f"it is no prior of sweeps ({type(error).__name__}: {error})", advice
        ) from error


Situation = Literal["with-curves", "without-curves"]
"""Whether learning curves are known, or nothing but settings and weights."""


@cache
def shipped_prior(situation: Situation = "with-curves") -> Prior:
    """A prior that comes with the package, fitted by `python -m paper prior` on the published populations."""
    return _checked(json.loads((files(__package__) / f"{situation}.json").read_text()))


def _checked(content: Mapping[str, Any]) -> Prior:
    if content["format"] != FORMAT:
        raise ValueError(f"format {content['format']!r}, where {FORMAT} is known")
    arrays = ("shares", "weights", "settled", "spread", "errors", "fractions", "limits")
    values = {name: np.array(content[name], dtype=np.float64) for name in arrays}
    columns, known = tuple(map(str, content["columns"])), tuple(map(int, content["known"]))
    shares, fractions = len(content["shares"]), len(content["fractions"])
    shapes = {
        "shares": (shares,),
        "weights": (shares, len(columns)),
        "settled": (shares, len(columns)),
        "spread": (shares,),
        "errors": (len(known) - 1, shares),
        "fractions": (fractions,),
        "limits": (len(known), fractions),
    }
    for name, shape in shapes.items():
        if values[name].shape != shape or not np.isfinite(values[name]).all():
            raise ValueError(f"{name} are not {shape} finite numbers")
    rising = (values["shares"], values["fractions"], np.array(known))
    if not all((np.diff(one) > 0).all() for one in rising) or known[:1] != (0,) or values["shares"][0] <= 0:
        raise ValueError("shares, fractions and known must rise, from above zero and from zero")
    return Prior(columns=columns, known=known, sweeps=int(content["sweeps"]), runs=int(content["runs"]), **values)

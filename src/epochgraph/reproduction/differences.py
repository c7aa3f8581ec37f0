"""Errors on runs while they are held out, and their paired differences with intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from epochgraph.evaluation import Protocol, held_out
from epochgraph.predictors import Candidate
from epochgraph.runs import Run

RESAMPLES = 2000
MANY = 8
"""Units below which a bootstrap's interval is too narrow to be believed."""


class Difference(NamedTuple):
    """How much less one error is than another.

    Attributes:
        mean: Below zero is where it is less.
        low: Where its 95 % interval begins.
        high: Where it ends.
        units: How many were drawn from.
    """

    mean: float
    low: float
    high: float
    units: int

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero, and can be believed."""
        return self.low * self.high > 0 and self.units >= MANY

    def __str__(self) -> str:
        text = f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"
        return f"**{text}**" if self.certain else text


def held_out_errors(candidate: Candidate, runs: Sequence[Run], protocol: Protocol, *, epoch: float) -> pd.DataFrame:
    """How far off a candidate is on each run while it is held out: the mean over all repetitions.

    Args:
        candidate: What predicts.
        runs: Finished ones, of one population or several.
        protocol: How they are held out.
        epoch: The last one to look at.

    Returns:
        A row a run, its `error` in points of accuracy.
    """
    truth = np.array([run.final_accuracy() for run in runs])
    errors = np.abs(held_out(candidate, runs, protocol, epoch=epoch) - truth).mean(axis=0)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "candidate": candidate.name,
            "population": [run.settings["recipe"] for run in runs],
            "learning_rate": [run.settings["learning_rate"] for run in runs],
            "run": [run.name for run in runs],
            "error": 100 * errors,
        }
    )


def paired_difference(rows: pd.DataFrame, candidate: str, other: str, *, units: Sequence[str]) -> Difference:
    """How much less the error of a candidate is than another's of the same runs.

    Args:
        rows: A row a run and candidate, with columns `population`, `run`, `candidate` and `error`.
        candidate: Below zero is where its error is less.
        other: The candidate that it is compared with.
        units: Columns; runs that agree in them are drawn together.

    Returns:
        The mean with its 95 % interval, by the percentiles of a bootstrap of units.
    """
    keys = [*dict.fromkeys([*units, "population", "run"])]
    errors = rows.pivot_table(index=keys, columns="candidate", values="error")
    paired = (errors[candidate] - errors[other]).groupby([*units])
    sums, counts = paired.sum().to_numpy(), paired.count().to_numpy()
    drawn = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return Difference(float(sums.sum() / counts.sum()), float(low), float(high), len(sums))

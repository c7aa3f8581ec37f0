"""Errors on held-out runs, and their paired differences with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from epochgraph.evaluation import Protocol, held_out
from epochgraph.predictors import Candidate
from epochgraph.runs import Run
from paper.populations import DECADE, FAMILY
from paper.scoring import FOLDS

RESAMPLES = 2000
MANY = 8
"""The number of units below which a bootstrap interval is too narrow to be trusted."""


class Difference(NamedTuple):
    """The difference of two errors.

    Attributes:
        mean: The mean; below zero if the first error is smaller.
        low: The lower end of its 95 % interval.
        high: The upper end.
        units: The number of units that were resampled.
    """

    mean: float
    low: float
    high: float
    units: int

    @property
    def certain(self) -> bool:
        """Whether the interval excludes zero, and can be trusted."""
        return self.low * self.high > 0 and self.units >= MANY

    def __str__(self) -> str:
        text = f"{self.mean:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"
        return f"**{text}**" if self.certain else text


@dataclass(frozen=True, slots=True)
class HeldOutErrors:
    """One candidate on one way to split runs into folds: an experiment to be scored along with others.

    Attributes:
        runs: All of them.
        candidate: What predicts.
        epochs: Those at which it predicts the same: one, unless it looks at nothing that comes with the epochs.
        groups: The setting whose values are held out; None for random folds.
        repeats: How often folds are made; decades and architectures are held out once, each by itself.
    """

    runs: tuple[Run, ...]
    candidate: Candidate
    epochs: tuple[float, ...]
    groups: str | None
    repeats: int

    def scores(self) -> pd.DataFrame:
        """One row per run and epoch: its `error` in points of accuracy, the mean over all repetitions."""
        alone = self.groups in (DECADE, FAMILY)
        folds = different(self.runs, str(self.groups)) if alone else FOLDS
        protocol = Protocol(task="regression", folds=folds, repeats=1 if alone else self.repeats, groups=self.groups)
        truth = np.array([run.final_accuracy() for run in self.runs])
        errors = np.abs(held_out(self.candidate, self.runs, protocol, epoch=self.epochs[0]) - truth).mean(axis=0)
        table = pd.DataFrame(
            {
                "candidate": self.candidate.name,
                "folds": self.groups or "random",
                "population": [run.settings["recipe"] for run in self.runs],
                **{name: [run.settings[name] for run in self.runs] for name in ("learning_rate", DECADE, FAMILY)},
                "run": [run.name for run in self.runs],
                "error": 100 * errors,
            }
        )
        return pd.concat([table.assign(epoch=epoch) for epoch in self.epochs], ignore_index=True)


def different(runs: Sequence[Run], setting: str) -> int:
    """The number of values of a setting."""
    return len({run.settings[setting] for run in runs})


def error_table(rows: pd.DataFrame, candidates: Sequence[str]) -> pd.DataFrame:
    """One row per scored candidate, one column per epoch: the mean error in points."""
    of = rows[rows["candidate"].isin(candidates)]
    errors = of.pivot_table(index="candidate", columns="epoch", values="error", sort=False)
    shown = errors.loc[[name for name in candidates if name in errors.index]].sort_index(axis="columns")
    cells = shown.map(lambda error: "-" if np.isnan(error) else f"{error:.1f}")
    return cells.rename(columns="epoch {:g}".format).rename_axis(index=None, columns=None)


def paired_difference(rows: pd.DataFrame, candidate: str, other: str, *, units: Sequence[str]) -> Difference:
    """The difference between the errors of two candidates on the same runs.

    Args:
        rows: One row per run and candidate, with columns `population`, `run`, `candidate` and `error`.
        candidate: The difference is below zero if its error is smaller.
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

"""The recorded runs of a population as sweeps: what each rule spends on them, and what it misses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from epochgraph.errors import SettingError
from epochgraph.predictors.shipped import SHIPPED_EPOCHS
from epochgraph.sweeps import Forecasts, Outcome, Sweep, recorded, replayed
from paper.decisions import CURVE_ALONE, THRESHOLD
from paper.populations import FAMILY, Population

ORDERS = 500
SWEEP = 18
"""The runs of a sweep, or as many as half of a population's learning rates have."""

LEAST = 9
"""The fewest runs of that half, so that a sweep has a choice."""

KNOWN, NEW = "new learning rates", "new architecture"
"""What our predictor has not seen: the learning rates of a sweep, or its whole architecture."""

SITUATION = "weights-and-curve"
BUDGET_OF = "with the epochs of"
"""The column with the rule whose epochs best first had; empty without a budget."""


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """The sweeps of a population: an experiment to be scored along with others.

    Attributes:
        population: Its name.
        runs: The names of its runs.
        record: All of them as one sweep without forecasts.
        predicted: The predictions for them while they are held out, in rows of `HeldOut.scores`.
    """

    population: str
    runs: tuple[str, ...]
    record: Sweep
    predicted: pd.DataFrame

    def scores(self) -> pd.DataFrame:
        """One row per sweep and rule."""
        halves, generator = self._halves(), np.random.default_rng(0)
        rows = []
        for number in range(ORDERS):
            places, predicted = halves[number % len(halves)]
            sweep = predicted.of(generator.permutation(places)[:SWEEP])
            rows += [{"sweep": number, **_row(outcome)} for outcome in replayed(sweep, threshold=THRESHOLD)]
        return pd.DataFrame(rows).assign(population=self.population)

    def _halves(self) -> list[tuple[np.ndarray, Sweep]]:
        """The positions of the runs of each large enough half, and all runs with forecasts made without it."""
        halves = []
        for graphs, curves in zip(self._told_of(SITUATION), self._told_of(CURVE_ALONE), strict=True):
            if graphs[0].tolist() != curves[0].tolist():
                raise SettingError("predicted", self.population, "of the same halves, with graphs and by curves alone")
            halves.append((graphs[0], replace(self.record, forecasts=graphs[1], from_curves=curves[1])))
        return halves

    def _told_of(self, situation: str) -> Iterator[tuple[np.ndarray, Mapping[str, Forecasts]]]:
        """The positions of the runs of each half, and the forecasts for all runs, by what was not seen."""
        predicted = self.predicted[self.predicted["situation"] == situation]
        new = predicted[predicted["folds"] == FAMILY]
        of_architecture = {} if new.empty else {NEW: _forecasts(new, self.runs)}
        for _, of_seed in predicted[predicted["folds"] != FAMILY].groupby("seed"):
            folds = of_seed.groupby("run")["fold"].first().loc[[*self.runs]].to_numpy()
            known = _forecasts(of_seed, self.runs)
            for fold in (0, 1):
                if (folds == fold).sum() >= LEAST:
                    yield np.flatnonzero(folds == fold), {KNOWN: known, **of_architecture}


def replay_of(population: Population, predicted: pd.DataFrame) -> Replay:
    """The sweeps of a population.

    Args:
        population: With its validation accuracies.
        predicted: The predictions for its runs, and perhaps for others, while they are held out.
    """
    record = recorded(population.runs, first=SHIPPED_EPOCHS[0])
    names = tuple(run.name for run in population.runs)
    return Replay(population.name, names, record, predicted[predicted["population"] == population.name])


def _forecasts(rows: pd.DataFrame, runs: Sequence[str]) -> Forecasts:
    """The forecasts in rows of `decided` for some runs, in their order."""
    rows = rows.assign(stop=rows["decision"] == "stop", upper=rows["upper"].fillna(np.inf))
    stop, forecast, upper = (
        rows.pivot_table(index="run", columns="epoch", values=name).loc[[*runs]]
        for name in ("stop", "forecast", "upper")
    )
    return Forecasts(stop.columns.to_numpy(), stop.to_numpy() > 0, forecast.to_numpy(), upper.to_numpy())


def _row(outcome: Outcome) -> dict[str, object]:
    """An outcome, under the names of our tables."""
    return {
        BUDGET_OF: outcome.budget_of,
        "rule": outcome.rule,
        "epochs": outcome.epochs,
        "regret": 100 * outcome.regret,
        "good stopped": outcome.good_stopped,
        "best stopped": float(outcome.best_stopped),
    }

"""What the calibrated predictors promise, and whether they keep it: on new learning rates, on new architectures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.model_selection import GroupKFold

from epochgraph.errors import SettingError
from epochgraph.predictors import Prediction, Predictor, SignatureRegressor, fitted
from epochgraph.predictors.curves import learning_curve_of_epochs
from epochgraph.predictors.prediction import predict_at_rates
from epochgraph.predictors.shipped import EXTRACTION, SHIPPED_EPOCHS, SITUATIONS
from epochgraph.runs import Run, values_of
from paper.populations import FAMILY, Population, united
from paper.results import Result
from paper.scoring import FOLDS, Progress, scored

CURVE_ALONE = "curve"
COMPARED = {**SITUATIONS, CURVE_ALONE: learning_curve_of_epochs}
"""What predictors look at: the shipped ones and, for comparison, one that sees no graphs."""

RATE = 0.05
SHARE = RATE / len(SHIPPED_EPOCHS)
"""The rate of each decision when asking at all `SHIPPED_EPOCHS`, so that together they keep `RATE` (Bonferroni)."""

ANY, CAREFUL = "any of them", f"any of them, at {SHARE:.1%} each"
THRESHOLD = 0.4
"""The paper's for CIFAR-10."""

PROTOCOLS = {"learning_rate": "whole learning rates held out", FAMILY: "whole architectures held out"}

PROMISE = f"""Runs on CIFAR-10 of all populations. A run is good if it ends with {THRESHOLD:.0%} or more. Each
prediction comes from a predictor that was fitted and calibrated without the run's learning rate, or without its
architecture (in all depths and widths). "Good runs stopped" is the broken promise: at most {RATE:.0%} are allowed; in
brackets is the 95 % interval of such a share (Clopper and Pearson), for many learning rates, but not for a few
architectures, which are listed one by one in the last table. Runs that share a learning rate are much alike, so the
interval is too narrow rather than too wide. The promise covers each decision; "{ANY}" is the outcome of asking every
time, for which nothing is promised. To ask that often, divide the rate by the number of times (`predict --rate
{SHARE:.4f}`): then the promise covers all decisions together. "Abstained" is the share of all runs for which nothing is
promised; they continue."""


def predictor_of(runs: Sequence[Run], situation: str, epoch: float, groups: str) -> Predictor:
    """The predictor for a situation, fitted on runs.

    Args:
        runs: The runs of `united` populations.
        situation: One of `COMPARED`.
        epoch: The last epoch to look at.
        groups: The setting for whose new values intervals and decisions should hold.
    """
    families = [str(family) for family in values_of(runs, FAMILY)]
    accuracies = [run.final_accuracy() for run in runs]
    recipes = sorted({str(run.settings["recipe"]) for run in runs})
    return fitted(
        SignatureRegressor("trees"),
        COMPARED[situation](runs, epoch),
        accuracies,
        threshold=THRESHOLD,
        groups=values_of(runs, groups),
        categories=families,
        extraction=EXTRACTION.settings(),
        trained_on={"runs": len(runs), "populations": recipes, "held out": groups},
    )


def decidable(runs: Sequence[Run]) -> tuple[str, ...]:
    """What can be held out from some runs, with enough left to fit and calibrate on: settings among `PROTOCOLS`.

    Raises:
        SettingError: There are too few learning rates among the runs.
    """
    rates, families = ({str(run.settings[name]) for run in runs} for name in ("learning_rate", FAMILY))
    if len(rates) < 2 * FOLDS:
        raise SettingError("learning rates on CIFAR-10", len(rates), f"at least {2 * FOLDS}, to hold some out twice")
    return ("learning_rate", FAMILY) if len(families) > 2 else ("learning_rate",)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One situation at one epoch, for held-out runs.

    Attributes:
        runs: The runs of `united` populations.
        situation: One of `COMPARED`.
        epoch: The last epoch to look at.
        groups: The setting whose values are held out.
        folds: The number of folds of learning rates; each family is held out alone.
        seed: Random seed of the folds; None for folds of similar size.
    """

    runs: tuple[Run, ...]
    situation: str
    epoch: float
    groups: str
    folds: int = FOLDS
    seed: int | None = None

    def predictions(self) -> Iterator[tuple[int, Run, Prediction, Prediction]]:
        """The fold of each run, the run, and its predictions without its group, at the full rate and at its share."""
        runs = [replace(run, signature=run.signature.up_to(self.epoch)) for run in self.runs]  # later ones take time
        for fold, (known, others) in enumerate(self._dealt()):
            predictor = predictor_of([runs[place] for place in known], self.situation, self.epoch, self.groups)
            predicted = [runs[place] for place in others]
            at_rates = predict_at_rates(predictor, predicted, (RATE, SHARE))
            for run, prediction, careful in zip(predicted, *at_rates, strict=True):
                yield fold, run, prediction, careful

    def _dealt(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        numbers = pd.factorize(np.array(values_of(self.runs, self.groups)))[0]
        folds = len(set(numbers.tolist())) if self.groups == FAMILY else self.folds
        dealing = GroupKFold(folds, shuffle=self.seed is not None, random_state=self.seed)
        yield from dealing.split(numbers, groups=numbers)

    def scores(self) -> pd.DataFrame:
        """One row per run."""
        rows = pd.DataFrame(
            [
                {"fold": fold, **_compared(run, predicted), "careful": careful.decision}
                for fold, run, predicted, careful in self.predictions()
            ]
        )
        return rows.assign(folds=self.groups, situation=self.situation, epoch=self.epoch, seed=self.seed)


def _compared(run: Run, prediction: Prediction) -> dict[str, object]:
    """The prediction for a run, and its end."""
    end = run.final_accuracy()
    accuracy, (low, high) = prediction.accuracy, prediction.interval or (np.nan, np.nan)
    return {
        "population": run.settings["recipe"],
        "run": run.name,
        "family": run.settings[FAMILY],
        "good": end >= THRESHOLD,
        "forecast": np.nan if accuracy is None else accuracy,
        "upper": high,
        "error": np.nan if accuracy is None else abs(accuracy - end),
        "inside": low <= end <= high,
        "width": high - low,
        "decision": prediction.decision,
    }


def decided(
    populations: Sequence[Population], situations: Sequence[str], *, jobs: int, progress: Progress | None = None
) -> pd.DataFrame:
    """The decision about each held-out run on CIFAR-10, for everything that is `decidable`.

    Args:
        populations: Those on other data than CIFAR-10 are left out.
        situations: Some of `SITUATIONS`.
        jobs: Processes.
        progress: Called after each situation, epoch and protocol.

    Returns:
        One row per run, situation, epoch and protocol.
    """
    runs = united(populations)
    experiments = [
        HeldOut(runs, situation, epoch, groups)
        for groups in decidable(runs)
        for situation in situations
        for epoch in SHIPPED_EPOCHS
    ]
    return scored(experiments, jobs=jobs, progress=progress)


def decisions(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """How often good runs are stopped, how many bad ones are, and how often intervals hold.

    Args:
        populations: Those on other data than CIFAR-10 are left out.
        jobs: Processes.
        progress: Called after each situation, epoch and protocol.
    """
    rows = decided(populations, [*SITUATIONS], jobs=jobs, progress=progress)
    shown = {groups: title for groups, title in PROTOCOLS.items() if (rows["folds"] == groups).any()}
    tables = {}
    for groups, title in shown.items():
        for situation in SITUATIONS:
            chosen = rows[(rows["folds"] == groups) & (rows["situation"] == situation)]
            tables[f"{situation}, {title}"] = _table(chosen)
    if FAMILY in shown:
        held_out = rows[rows["folds"] == FAMILY]
        tables["Good runs stopped, of each architecture while it was held out"] = _by_family(held_out)
    return Result("decisions", "Promises: what is stopped, and what should not have been", (PROMISE,), tables, rows)


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per epoch, and rows for stopping at any of them, at the full rate each and at its share."""
    kept = {f"epoch {epoch:g}": _kept(of_epoch) for epoch, of_epoch in rows.groupby("epoch")}
    ever = {ANY: _stopped(ever_stopped(rows)), CAREFUL: _stopped(ever_stopped(rows, "careful"))}
    return pd.DataFrame({**kept, **ever}).T.fillna("")


def ever_stopped(rows: pd.DataFrame, decision: str = "decision") -> pd.DataFrame:
    """One row per run and protocol: the outcome of asking for a decision at every epoch.

    Args:
        rows: The rows of `decided`.
        decision: The column with the decision: `careful` for the one at its share of the rate.
    """
    of_run = rows.groupby(["folds", "family", "population", "run"], sort=False, as_index=False)
    return of_run.agg(good=("good", "first"), decision=(decision, "max"))  # in alphabetical order, "stop" is the last


def _stopped(rows: pd.DataFrame) -> Mapping[str, str]:
    stopped, good = rows["decision"] == "stop", rows["good"]
    many = bool((rows["folds"] != FAMILY).all())
    return {
        "good runs stopped": _share(int((stopped & good).sum()), int(good.sum()), interval=many),
        "bad runs stopped": f"{stopped[~good].mean():.0%}",
    }


def _kept(rows: pd.DataFrame) -> Mapping[str, str]:
    return {
        **_stopped(rows),
        "abstained": f"{(rows['decision'] == 'abstain').mean():.0%}",
        "error, points": f"{100 * rows['error'].mean():.1f}",
        "90 % intervals hold": f"{rows['inside'].mean():.0%}",
        "their width, points": f"{100 * rows['width'].mean():.0f}",
    }


def _by_family(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per situation and epoch, one column per architecture."""
    good = rows[rows["good"]].assign(stopped=lambda table: table["decision"] == "stop")
    counts = good.groupby(["situation", "epoch", "family"], sort=False)["stopped"].agg(["sum", "count"])
    table = (counts["sum"].astype(str) + " of " + counts["count"].astype(str)).unstack()
    table.index = pd.Index([f"{situation}, epoch {epoch:g}" for situation, epoch in table.index])
    return table.rename_axis(columns=None)


def _share(count: int, of: int, *, interval: bool) -> str:
    """A share, and its interval for this number of draws."""
    if of == 0:
        return "-"
    ends = binomtest(count, of).proportion_ci()
    return f"{count} of {of}: {count / of:.1%}" + (f" ({ends.low:.1%}-{ends.high:.1%})" if interval else "")

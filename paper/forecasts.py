"""Forecasts of sweeps, measured on families of tasks, architectures and optimisers that they have not seen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from epochgraph.forecasts import Prior
from epochgraph.forecasts.fitting import WITH_CURVE, WITHOUT_CURVE, Trial, best_of, measured, trials, weighed
from epochgraph.forecasts.learning import bounded, in_place_scores, learned_ends
from epochgraph.forecasts.moments import SHARES
from epochgraph.forecasts.scores import CHANGES, COMMON, CURVE
from paper.held_out import GRADIENTS, GROUPINGS, NAME, by, sweeps_of
from paper.rivals import ORDERS, SETTINGS_PROCESS, VALUES, bounds, settings_process

LOOKS = SHARES[:4]
"""Up to a quarter of the budget: later there is little left to save."""

OURS, WITH_GRAPHS, WEIGHTS = "epochgraph", "epochgraph with graphs", "epochgraph, weights and settings alone"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    OURS: WITH_CURVE,
    WITH_GRAPHS: (*WITH_CURVE, *CHANGES),
    WEIGHTS: WITHOUT_CURVE,
    "the same, curves alone": CURVE,
    "the same, settings alone": COMMON,
    "the same, changes of the graphs alone": CHANGES,
    "the same, gradient statistics and curves": (*CURVE, *GRADIENTS),
}
"""What priors look at: ours, and parts of it."""

FRACTION = 0.25
"""Of a sweep's runs that count as good."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well one way to forecast did on one sweep at one moment.

    Attributes:
        grouping: What families were held out by.
        family: The one that the sweep is of.
        sweep: Its name.
        share: Of the budget.
        known: How many runs of the sweep had finished.
        method: The way.
        tau: Kendall's, between forecasts and ends.
        error: Mean absolute error in standard deviations of the sweep's ends; NaN without known runs.
        regret: How much worse the best of the three runs that were forecast best ends than the best run, in the same
            unit.
    """

    grouping: str
    family: str
    sweep: str
    share: float
    known: int
    method: str
    tau: float
    error: float
    regret: float


@dataclass(frozen=True, slots=True)
class Stopping:
    """What decisions would have done on one sweep, over all looks up to a quarter of the budget.

    Attributes:
        grouping: What families were held out by.
        family: The one that the sweep is of.
        sweep: Its name.
        known: How many runs of the sweep had finished.
        good: Runs among the best quarter that were not known.
        good_stopped: Those of them that were stopped.
        bad: The others.
        bad_stopped: Those of these.
    """

    grouping: str
    family: str
    sweep: str
    known: int
    good: int
    good_stopped: int
    bad: int
    bad_stopped: int


def measure(zoos: Path, groupings: Sequence[str] = GROUPINGS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold out each family by each grouping, and measure every way to forecast on it.

    Returns:
        A row a `Score`, and a row a `Stopping`.
    """
    sweeps = sweeps_of(zoos)
    names = {id(sweep.runs): families[NAME] for sweep, families in sweeps}
    scores: list[Score] = []
    stops: list[Stopping] = []
    for grouping in groupings:
        grouped = by(grouping, sweeps)
        held_out = trials(grouped, repeats=1)
        for family in sorted({sweep.family for sweep in grouped}):
            others = [sweep for sweep in grouped if sweep.family != family]
            priors = {name: weighed(others, columns) for name, columns in COLUMNS.items()}
            prior = measured(priors[OURS], [trial for trial in held_out if trial.sweep.family != family])
            for trial in (trial for trial in held_out if trial.sweep.family == family):
                name = names[id(trial.sweep.runs)]
                scores += _scored(grouping, name, trial, priors)
                stops.append(_stopped(grouping, name, trial, prior))
    return pd.DataFrame(scores), pd.DataFrame(stops)


def _scored(grouping: str, name: str, trial: Trial, priors: Mapping[str, Prior]) -> Iterator[Score]:
    sweep, unknown = trial.sweep, ~trial.known
    ends = bounded(sweep.target.sign * sweep.ends)
    scale = float(np.std(ends))
    if scale == 0:
        return
    by_settings = settings_process(sweep, trial.known, ends) if trial.number else None
    for share in LOOKS:
        forecasts = _forecasts(trial, share, ends, priors)
        if by_settings is not None:
            forecasts[SETTINGS_PROCESS] = by_settings
        for method, forecast in forecasts.items():
            found, truth = forecast[unknown], ends[unknown]
            tau = float(np.nan_to_num(kendalltau(found, truth).statistic))
            error = float(np.abs(found - truth).mean() / scale) if trial.number else np.nan
            chosen = np.argsort(-found, kind="stable")[:3]
            regret = float((truth.max() - truth[chosen].max()) / scale)
            yield Score(grouping, sweep.family, name, share, trial.number, method, tau, error, regret)


def _forecasts(trial: Trial, share: float, ends: np.ndarray, priors: Mapping[str, Prior]) -> dict[str, np.ndarray]:
    sweep, known = trial.sweep, trial.known
    if trial.number == 0:
        orders = {name: order(sweep, share) for name, order in ORDERS.items()}
        return {**orders, **{name: prior.standings(sweep.scores[share], share) for name, prior in priors.items()}}
    values = {name: method(sweep, share, known, ends) for name, method in VALUES.items()}
    for name in (OURS, WITH_GRAPHS, WEIGHTS):
        table = in_place_scores(sweep.runs, sweep.scores[share], share, priors[name])
        values[name] = learned_ends(table, known, ends)
    return {name: np.clip(found, *bounds(ends[known])) for name, found in values.items()}


def _stopped(grouping: str, name: str, trial: Trial, prior: Prior) -> Stopping:
    best = best_of(FRACTION, len(trial.sweep.runs))
    chances = trial.chances(prior, best)[: len(LOOKS)].min(axis=0)
    stopped = chances < prior.limit(trial.number, best / len(trial.sweep.runs))
    good, unknown = trial.good(best), ~trial.known
    return Stopping(
        grouping,
        trial.sweep.family,
        name,
        trial.number,
        int((good & unknown).sum()),
        int((good & unknown & stopped).sum()),
        int((~good & unknown).sum()),
        int((~good & unknown & stopped).sum()),
    )

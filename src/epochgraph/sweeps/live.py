"""Rules that forecast while the runs of a sweep train, replayed on finished runs as it would have happened."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from epochgraph.forecasts.moments import Paced, as_of
from epochgraph.predictors import Prediction
from epochgraph.runs import Run
from epochgraph.runs.ends import budget_of

Forecaster = Callable[[Sequence[Run], Sequence[Run]], Sequence[Prediction]]
"""Runs so far, and the others of their sweep -> a prediction of each of the former."""


def decided(runs: Sequence[Paced], forecaster: Forecaster, steps: int) -> np.ndarray:
    """One run after another is trained, and stopped when the forecast says so.

    After each step a run is compared with those before it, of which some have finished, and some were stopped: exactly
    what `Watch` would have seen.

    Args:
        runs: Finished runs, in the order in which they are started.
        forecaster: What forecasts.
        steps: That each run is divided into.

    Returns:
        The steps that each run is trained for.
    """
    trained, before = np.full(len(runs), float(steps)), list[Run]()
    for place, one in enumerate(runs):
        whole = _budgeted(one)
        stopped = next((step for step in range(1, steps) if _stops(forecaster, whole, one, before, step / steps)), None)
        if stopped is None:
            before.append(whole)
        else:
            trained[place] = stopped
            before.append(_with(as_of(whole, one.budget * stopped / steps), status="stopped"))
    return trained


def forecast_then_best(runs: Sequence[Paced], forecaster: Forecaster, steps: int, best: int) -> np.ndarray:
    """All runs are trained for one step; those of the best forecast go on to the end.

    Args:
        runs: Finished runs.
        forecaster: What forecasts the standing of runs.
        steps: That each run is divided into.
        best: How many go on.

    Returns:
        As `decided`.
    """
    begun = [as_of(_budgeted(one), one.budget / steps) for one in runs]
    standings = [-1.0 if one.standing is None else one.standing for one in forecaster(begun, ())]
    trained = np.ones(len(runs))
    trained[np.argsort(-np.array(standings), kind="stable")[:best]] = steps
    return trained


def _stops(forecaster: Forecaster, run: Run, one: Paced, before: Sequence[Run], share: float) -> bool:
    (found,) = forecaster([_with(as_of(run, one.budget * share), status="running")], before)
    return found.decision == "stop"


def _budgeted(one: Paced) -> Run:
    """A run whose settings say how long it is, as those of a watched one do."""
    return one.run if budget_of(one.run.settings) else _with(one.run, epochs=one.budget)


def _with(run: Run, **settings: str | float) -> Run:
    return replace(run, settings={**run.settings, **settings})

"""Finished runs of any kind as a sweep that rules can be replayed on: their curves at common steps."""

from collections.abc import Sequence

import numpy as np

from epochgraph.errors import SettingError
from epochgraph.forecasts.fitting import end_of
from epochgraph.forecasts.learning import bounded
from epochgraph.forecasts.moments import TOLERANCE, Paced
from epochgraph.forecasts.target import Target
from epochgraph.sweeps.sweep import Sweep

MOST_STEPS = 100
"""Of a run: with more, rules would look so often that a replay took hours."""

LEAST_STEPS = 3
"""Of a run, for a rule to have something to decide about."""


def steps_of(runs: Sequence[Paced], target: Target) -> int:
    """How many steps runs are divided into: as many as the shortest log has values, of the metric that rules go by.

    Raises:
        SettingError: A run has too few values of it.
    """
    least, name = min((len(_curve(one, target)), one.run.name) for one in runs)
    if least < LEAST_STEPS:
        expected = f"logged at least {LEAST_STEPS} times on the way by every run, but run {name!r} has {least} values"
        raise SettingError("progress", target.progress or target.metric, expected)
    return min(MOST_STEPS, least)


def stepped(runs: Sequence[Paced], target: Target, steps: int) -> Sweep:
    """Finished runs as a sweep: each is divided into the same number of steps, of its own budget.

    Args:
        runs: In the order in which they are started.
        target: What their end is; a loss is turned around, so that more is better everywhere.
        steps: Of each run.

    Returns:
        The sweep, without forecasts. A run that has diverged is as bad as the worst, and a little more.
    """
    sign, curves = target.sign, np.full((len(runs), steps), np.nan)
    for row, one in enumerate(runs):
        curve = _curve(one, target)
        for step in range(steps):
            until = curve[: np.searchsorted(curve[:, 0], one.budget * (step + 1) / steps + TOLERANCE, side="right")]
            if len(until):
                curves[row, step] = sign * until[-1, 1]
    ends = np.array([end_of(one, target) for one in runs])
    final = bounded(sign * ends)
    known = curves[np.isfinite(curves)]
    floor = float(known.min() - np.ptp(known)) if len(known) else 0.0
    return Sweep(np.where(np.isfinite(curves), curves, floor), curves[:, 0], 1.0, final, {}, {})


def _curve(one: Paced, target: Target) -> np.ndarray:
    """When the metric that tells of the target was measured, and its values."""
    name = target.progress or target.metric
    if name not in one.run.metrics:
        return np.empty((0, 2))
    measured = one.run.metrics[name].dropna()
    measured = measured[(measured.index > 0) & (measured.index <= one.budget + TOLERANCE)]
    return np.column_stack([measured.index.to_numpy(), measured.to_numpy()])

"""Finished runs of sweeps -> how each sweep has gone."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from epochgraph.runs import Run

NEAR, WORSE = 0.1, 0.25
"""Shares of the best gain: what a run near the best may lack, and what a clearly worse one lacks at least."""


def final_value(run: Run, split: str = "test") -> float:
    """The metric that a run is compared by, after its last epoch; NaN for a run that has diverged.

    Args:
        run: A run of a sweep, which names its metric.
        split: "test" or "validation".
    """
    if run.signature.diverged.any():
        return float("nan")
    return float(run.metrics[f"{split}_{run.settings['metric']}"].iloc[-1])


def initial_value(run: Run, split: str = "test") -> float:
    """The same metric before the first step."""
    return float(run.metrics[f"{split}_{run.settings['metric']}"].iloc[0])


def sweep_table(runs: Sequence[Run]) -> pd.DataFrame:
    """How each sweep has gone.

    Returns:
        A row a sweep, indexed by its name: its task, architecture, optimiser, metric and the metric's direction; how
        many `runs` there are, and how many of them `diverged`; the `best`, `median` and `worst` final value on the test
        examples; and the shares of runs that are `near_best` and `clearly_worse`. Near is what has at least nine tenths
        of the gain of the best run over an untrained network, clearly worse what has less than three quarters of it or
        has diverged. Where no run has gained anything, a run is near the best or clearly worse by any difference.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(str(run.settings["sweep"]), []).append(run)
    return pd.DataFrame([_row(name, members) for name, members in sorted(groups.items())]).set_index("sweep")


def _row(name: str, runs: Sequence[Run]) -> dict[str, object]:
    settings = runs[0].settings
    sign = 1.0 if settings["direction"] == "rises" else -1.0
    ends = np.array([final_value(run) for run in runs])
    start = float(np.median([initial_value(run) for run in runs]))
    known = sign * ends[np.isfinite(ends)]
    best, worst = (known.max(), known.min()) if len(known) else (np.nan, np.nan)
    gain = max(0.0, best - sign * start)
    lost = np.nan_to_num(best - sign * ends, nan=np.inf)
    return {
        "sweep": name,
        **{key: settings[key] for key in ("task", "architecture", "optimizer", "metric", "direction")},
        "runs": len(runs),
        "diverged": int(np.isnan(ends).sum()),
        "best": sign * best,
        "median": sign * float(np.median(known)) if len(known) else np.nan,
        "worst": sign * worst,
        "near_best": float((lost <= NEAR * gain).mean()),
        "clearly_worse": float((lost > WORSE * gain).mean()),
    }

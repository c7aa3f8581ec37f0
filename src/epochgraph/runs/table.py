"""Many runs as one table."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from epochgraph.runs.run import Run, Setting

FEATURE, METRIC, SETTING = "feature:", "metric:", "setting:"
"""Prefixes that say what a column of a table or file holds, so that no two names collide."""


def runs_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Many runs as one table, one row per run and time.

    Returns:
        Columns `run`, `setting:...` (the same in all rows of a run), `epoch`, `diverged` (missing: no
        snapshot), `metric:...` and `feature:...`; values that a run did not record are NaN.
    """
    if not runs:
        return pd.DataFrame({"run": [], "epoch": [], "diverged": []})
    tables = [_run_table(run) for run in runs]
    settings = pd.DataFrame([{"run": run.name, **_prefixed(SETTING, run.settings)} for run in runs])
    of_rows = settings.loc[np.repeat(np.arange(len(runs)), [len(table) for table in tables])]
    return pd.concat([of_rows.reset_index(drop=True), pd.concat(tables, ignore_index=True)], axis="columns")


def _run_table(run: Run) -> pd.DataFrame:
    """The rows of one run, metrics first; the flag has a type that can be missing."""
    signature = run.signature
    flags = pd.DataFrame({"diverged": pd.array(signature.diverged, dtype="boolean")}, index=signature.times)
    features = pd.DataFrame(signature.values, signature.times, signature.names)
    parts = [flags, run.metrics.add_prefix(METRIC), features.add_prefix(FEATURE)]
    table = pd.concat(parts, axis="columns").sort_index()
    return table.rename_axis("epoch").reset_index()


def _prefixed(prefix: str, values: Mapping[str, Setting]) -> dict[str, Setting]:
    return {prefix + name: value for name, value in values.items()}

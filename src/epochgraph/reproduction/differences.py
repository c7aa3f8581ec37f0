"""Paired differences of errors, with their intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

RESAMPLES = 2000


def paired_difference(rows: pd.DataFrame, candidate: str, other: str, *, units: Sequence[str]) -> str:
    """How much less the error of a candidate is than another's of the same runs.

    Args:
        rows: A row a run and candidate, with columns `population`, `run`, `candidate` and `error`.
        candidate: Below zero is where its error is less.
        other: The candidate that it is compared with.
        units: Columns; runs that agree in them are drawn together.

    Returns:
        The mean with its 95 % interval, by the percentiles of a bootstrap of units; in bold if that excludes zero.
    """
    keys = [*dict.fromkeys([*units, "population", "run"])]
    errors = rows.pivot_table(index=keys, columns="candidate", values="error")
    paired = (errors[candidate] - errors[other]).groupby([*units])
    sums, counts = paired.sum().to_numpy(), paired.count().to_numpy()
    drawn = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    text = f"{sums.sum() / counts.sum():+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"**{text}**" if low * high > 0 else text

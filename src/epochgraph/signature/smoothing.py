"""Smoothing of static signatures over time."""

from typing import Literal

import numpy as np
from jaxtyping import Float64

from epochgraph.errors import SettingError

Smoothing = Literal["none", "linear", "exponential"]


def smoothed(
    values: Float64[np.ndarray, "times features"], smoothing: Smoothing, alpha: float
) -> Float64[np.ndarray, "times features"]:
    """Average each feature with its past.

    Args:
        values: One row per snapshot, in time order.
        smoothing: "none"; "linear", s_t <- sum_j j s_j / sum_j j over j = 1..t; or "exponential",
            s_t <- alpha s_t + (1 - alpha) s_(t-1), recursively.
        alpha: Weight of the present in exponential smoothing, above 0 and at most 1.

    Raises:
        SettingError: The smoothing is unknown, or alpha is out of range.

    References:
        Vahedian et al. 2022, section 3 (S3).
    """
    if smoothing == "none":
        return values
    if smoothing == "linear":
        weights = np.arange(1.0, len(values) + 1)[:, None]
        return np.cumsum(weights * values, axis=0) / np.cumsum(weights, axis=0)
    if smoothing != "exponential":
        raise SettingError("smoothing", smoothing, "'none', 'linear' or 'exponential'")
    if not 0 < alpha <= 1:
        raise SettingError("alpha", alpha, "above 0 and at most 1")
    result = values.copy()
    for t in range(1, len(values)):
        result[t] = alpha * values[t] + (1 - alpha) * result[t - 1]
    return result

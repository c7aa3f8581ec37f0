"""The paper's five aggregators of node values."""

import numpy as np
from jaxtyping import Float64

from epochgraph.measures.vectors import inner

STATISTICS = ("median", "mean", "std", "skewness", "kurtosis")


def statistics(values: Float64[np.ndarray, "nodes"]) -> Float64[np.ndarray, "5"]:
    """Summarise the distribution of node values by its median and first four moments.

    Returns:
        `STATISTICS`, in this order: biased moments and excess kurtosis (0 for a normal distribution), like SciPy's
        defaults; skewness and kurtosis are NaN if all values are equal.

    References:
        Berlingerio et al. 2013 (NetSimile); Vahedian et al. 2022, section 3 (S3).
    """
    mean = values.mean()
    deviations = values - mean
    squares = deviations * deviations  # products, since general powers are many times slower
    second = squares.mean()
    third, fourth = inner(squares, deviations) / len(values), inner(squares, squares) / len(values)
    if second <= (np.finfo(np.float64).resolution * mean) ** 2:  # SciPy's bound: below it there is only rounding error
        skewness = kurtosis = np.nan
    else:
        skewness, kurtosis = third / second**1.5, fourth / second**2 - 3.0
    return np.array([np.median(values), mean, np.sqrt(second), skewness, kurtosis])

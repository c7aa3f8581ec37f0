"""The dual problem of support vector machines, solved in compiled code."""

import numpy as np

from epochgraph.compilation import compiled

TOLERANCE = 1e-3
"""By how much the optimality conditions may be violated: scikit-learn's default."""

FLATTEST = 1e-12
"""The curvature to divide by where two runs are the same: libsvm's."""


@compiled
def coefficients(kernel: np.ndarray, linear: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, float]:
    """The b that maximises `linear @ b - b @ kernel @ b / 2`, if it sums to zero and lies between two bounds.

    That is the dual problem of classification and of regression alike, and this is libsvm's way to its solution: move
    along the pair of coordinates that promises most, until no pair promises anything. Solving it for a few dozen runs
    takes less than a tenth of the time that scikit-learn spends on checking its input.

    Args:
        kernel: Symmetric and positive semidefinite.
        linear: One number per variable.
        low: At most zero.
        high: At least zero.

    Returns:
        b, and the offset: the machine predicts `kernel @ b + offset`.

    References:
        Fan, Chen and Lin 2005, "Working set selection using second order information for training support vector
        machines", algorithm 2.
    """
    b, slope = np.zeros(len(linear)), linear.copy()
    up, down, bottom = _pair(kernel, slope, b > low, b < high)
    while slope[up] - bottom >= TOLERANCE:
        above, below = high[up] - b[up], b[down] - low[down]
        step = min((slope[up] - slope[down]) / _curvature(kernel, up, down), above, below)
        b[up] = high[up] if step == above else b[up] + step  # exactly, or the bound would not be seen as reached
        b[down] = low[down] if step == below else b[down] - step
        slope -= step * (kernel[up] - kernel[down])
        up, down, bottom = _pair(kernel, slope, b > low, b < high)
    free = (b > low) & (b < high)
    return b, slope[free].mean() if free.any() else (slope[up] + bottom) / 2


@compiled
def _pair(kernel: np.ndarray, slope: np.ndarray, falls: np.ndarray, rises: np.ndarray) -> tuple[int, int, float]:
    """The coordinates to raise and to lower, among those that may move, and the smallest slope of the latter."""
    up, down, most, top, bottom = 0, 0, -1.0, -np.inf, np.inf
    for i in range(len(slope)):
        if rises[i] and slope[i] > top:
            up, top = i, slope[i]
    for i in range(len(slope)):
        if falls[i]:
            bottom = min(bottom, slope[i])
            gain = max(top - slope[i], 0.0) ** 2 / _curvature(kernel, up, i)
            if gain > most:
                down, most = i, gain
    return up, down, bottom


@compiled
def _curvature(kernel: np.ndarray, up: int, down: int) -> float:
    """How fast the slope between two coordinates decreases."""
    return float(max(kernel[up, up] + kernel[down, down] - 2 * kernel[up, down], FLATTEST))

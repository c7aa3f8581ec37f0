"""Passes over weights in memory that read each of them once; compiled, since several torch calls would each read all.

The kernels run on one core, which the memory keeps waiting already, and let other Python threads run meanwhile. What
lies elsewhere or in another dtype goes the way of torch.
"""

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from epochgraph.compilation import compiled

ROWS = 256
"""Rows that are added up in the dtype of the weights; between such chunks the sum is in float64, so that rounding does
not grow with the size of a layer."""

COLUMNS = 4096
"""Likewise, weights of a row."""


def norms(weights: Float[Tensor, "pairs weights"]) -> Float[Tensor, "pairs"]:
    """The L2 norm of each row."""
    found = torch.empty(len(weights), dtype=weights.dtype, device=weights.device)
    if _plain(weights):
        _norms(weights.numpy(), found.numpy())
    else:
        torch.linalg.vector_norm(weights, dim=1, out=found)
    return found


def absolute_sums(
    weights: Float[Tensor, "targets sources"],
) -> tuple[Float64[Tensor, "targets"], Float64[Tensor, "sources"]]:
    """The sums of |W| over each row and each column."""
    if not _plain(weights):
        magnitudes = weights.abs()
        return magnitudes.sum(1, dtype=torch.float64).cpu(), magnitudes.sum(0, dtype=torch.float64).cpu()
    of_rows = torch.zeros(weights.shape[0], dtype=torch.float64)
    of_columns = torch.zeros(weights.shape[1], dtype=torch.float64)
    _absolute_sums(weights.numpy(), of_rows.numpy(), of_columns.numpy(), ROWS, COLUMNS)
    return of_rows, of_columns


def _plain(weights: Tensor) -> bool:
    """Whether they lie in memory as the kernels read them."""
    return weights.device.type == "cpu" and weights.is_contiguous() and weights.dtype in (torch.float32, torch.float64)


@compiled
def _norms(weights: np.ndarray, found: np.ndarray) -> None:
    for row in range(weights.shape[0]):
        total = weights.dtype.type(0)
        for place in range(weights.shape[1]):
            total += weights[row, place] * weights[row, place]
        found[row] = np.sqrt(total)


@compiled
def _row(weights: np.ndarray, columns: np.ndarray) -> float:
    """Sum of |w| over one row, which is added to the columns on the way."""
    total = weights.dtype.type(0)
    for place in range(weights.size):
        magnitude = abs(weights[place])
        total += magnitude
        columns[place] += magnitude
    return float(total)


@compiled
def _absolute_sums(weights: np.ndarray, of_rows: np.ndarray, of_columns: np.ndarray, rows: int, columns: int) -> None:
    few = np.zeros(weights.shape[1], weights.dtype)
    for row in range(weights.shape[0]):
        for begin in range(0, weights.shape[1], columns):
            of_rows[row] += _row(weights[row, begin : begin + columns], few[begin : begin + columns])
        if row % rows == rows - 1:
            of_columns += few
            few[:] = 0
    of_columns += few

"""Compiled passes over weights in memory that read each weight once, where several torch calls would each read all.

A kernel runs on one core, which is limited by memory anyway, and lets other Python threads run meanwhile. Weights on
other devices or in other dtypes are left to torch. bfloat16 is not copied either: its bits are the upper half of a
float32, and are converted in the cache, part of a row at a time.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epochgraph.blocks.block import Pair, SourceValues, TargetValues, home
from epochgraph.compilation import compiled

ROWS = 256
"""The number of rows added up in the dtype of the weights; such chunks are added in float64, so that rounding errors
do not grow with the size of a layer."""

COLUMNS = 4096
"""Likewise, the number of weights of a row."""

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def norms(weights: Float[Tensor, "pairs weights"]) -> Float[Tensor, "pairs"]:
    """The L2 norm of each row; in float32 for bfloat16."""
    if not plain(weights):
        found = torch.empty(len(weights), dtype=weights.dtype, device=weights.device)
        torch.linalg.vector_norm(weights, dim=1, out=found)
        return found
    narrow = weights.dtype == torch.bfloat16
    found = torch.empty(len(weights), dtype=torch.float32 if narrow else weights.dtype)
    if narrow:
        _norms_of_bits(_bits(weights), found.numpy())
    else:
        _norms(weights.numpy(), found.numpy())
    return found


def absolute_sums(
    weights: Float[Tensor, "targets sources"],
) -> Pair:
    """The sums of |W| over each row and each column."""
    if not plain(weights):
        magnitudes = weights.abs()
        return home(magnitudes.sum(1, dtype=torch.float64)), home(magnitudes.sum(0, dtype=torch.float64))
    of_rows, of_columns = np.zeros(weights.shape[0]), np.zeros(weights.shape[1])
    if weights.dtype == torch.bfloat16:
        _absolute_sums_of_bits(_bits(weights), of_rows, of_columns, ROWS, COLUMNS)
    else:
        _absolute_sums(weights.numpy(), of_rows, of_columns, ROWS, COLUMNS)
    return of_rows, of_columns


def absolute_products(
    weights: Float[Tensor, "targets sources"],
    source: SourceValues,
    target: TargetValues,
) -> Pair:
    """|W| times a vector, and its transpose times another: both in one pass over W, for weights that are `plain`."""
    forward, backward = np.zeros(weights.shape[0]), np.zeros(weights.shape[1])
    dtype = np.float64 if weights.dtype == torch.float64 else np.float32
    x, y = source.astype(dtype), target.astype(dtype)
    if weights.dtype == torch.bfloat16:
        _products_of_bits(_bits(weights), x, y, forward, backward, ROWS, COLUMNS)
    else:
        _products(weights.numpy(), x, y, forward, backward, ROWS, COLUMNS)
    return forward, backward


def plain(weights: Tensor) -> bool:
    """Whether weights are laid out in memory as the kernels need."""
    return weights.is_cpu and weights.is_contiguous() and weights.dtype in _DTYPES


def _bits(weights: Tensor) -> np.ndarray:
    """The bits of bfloat16, a dtype that NumPy does not have."""
    return weights.view(torch.uint16).numpy()


@compiled
def _widened(bits: np.ndarray, wide: np.ndarray) -> None:
    """The bits of |w| in float32, from those of w in bfloat16."""
    for place in range(bits.size):
        wide[place] = np.uint32(bits[place] & np.uint16(0x7FFF)) << np.uint32(16)


@compiled
def _norms(weights: np.ndarray, found: np.ndarray) -> None:
    for row in range(weights.shape[0]):
        total = weights.dtype.type(0)
        for place in range(weights.shape[1]):
            total += weights[row, place] * weights[row, place]
        found[row] = np.sqrt(total)


@compiled
def _norms_of_bits(bits: np.ndarray, found: np.ndarray) -> None:
    wide = np.empty(bits.shape[1], np.uint32)
    values = wide.view(np.float32)
    for row in range(bits.shape[0]):
        _widened(bits[row], wide)
        total = np.float32(0)
        for place in range(values.size):
            total += values[place] * values[place]
        found[row] = np.sqrt(total)


@compiled
def _row(weights: np.ndarray, columns: np.ndarray) -> float:
    """The sum of |w| over one row, which is also added to the sums of the columns."""
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


@compiled
def _absolute_sums_of_bits(
    bits: np.ndarray, of_rows: np.ndarray, of_columns: np.ndarray, rows: int, columns: int
) -> None:
    few = np.zeros(bits.shape[1], np.float32)
    wide = np.empty(min(columns, bits.shape[1]), np.uint32)
    values = wide.view(np.float32)
    for row in range(bits.shape[0]):
        for begin in range(0, bits.shape[1], columns):
            some = bits[row, begin : begin + columns]
            _widened(some, wide)
            of_rows[row] += _row(values[: some.size], few[begin : begin + columns])
        if row % rows == rows - 1:
            of_columns += few
            few[:] = 0
    of_columns += few


@compiled
def _row_products(weights: np.ndarray, x: np.ndarray, y: float, columns: np.ndarray) -> float:
    """The product of |w| and x over one row; the row times y is also added to the columns."""
    total = weights.dtype.type(0)
    for place in range(weights.size):
        magnitude = abs(weights[place])
        total += magnitude * x[place]
        columns[place] += magnitude * y
    return float(total)


@compiled
def _products(
    weights: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    forward: np.ndarray,
    backward: np.ndarray,
    rows: int,
    columns: int,
) -> None:
    few = np.zeros(weights.shape[1], weights.dtype)
    for row in range(weights.shape[0]):
        for begin in range(0, weights.shape[1], columns):
            end = begin + columns
            forward[row] += _row_products(weights[row, begin:end], x[begin:end], y[row], few[begin:end])
        if row % rows == rows - 1:
            backward += few
            few[:] = 0
    backward += few


@compiled
def _products_of_bits(
    bits: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    forward: np.ndarray,
    backward: np.ndarray,
    rows: int,
    columns: int,
) -> None:
    few = np.zeros(bits.shape[1], np.float32)
    wide = np.empty(min(columns, bits.shape[1]), np.uint32)
    values = wide.view(np.float32)
    for row in range(bits.shape[0]):
        for begin in range(0, bits.shape[1], columns):
            end = begin + columns
            some = bits[row, begin:end]
            _widened(some, wide)
            forward[row] += _row_products(values[: some.size], x[begin:end], y[row], few[begin:end])
        if row % rows == rows - 1:
            backward += few
            few[:] = 0
    backward += few

"""Blocks made of a matrix of weights."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from epochgraph.blocks.block import Block, Entries, Pair, SourceValues, TargetValues, away, home, matrix_entries
from epochgraph.blocks.kernels import ROWS, absolute_products, absolute_sums, plain

CHUNK = 1024 * 1024
"""The number of weights copied at a time: few enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Block):
    """Every source node is joined to every target node.

    Attributes:
        weights: Weights, shaped (targets, sources).
        signed: Whether weights may be negative. Absolute values are then taken one chunk at a time, in the cache: a
            layer with edges |W| needs no second copy of W.
    """

    weights: Tensor
    signed: bool = False

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.weights.shape[0], self.weights.shape[1]

    @override
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        if plain(self.weights):
            return absolute_products(self.weights, source, target)
        x, y = away(source, self.weights), away(target, self.weights)
        forward = torch.empty_like(y)
        backward = torch.zeros(self.shape[1], dtype=torch.float64, device=x.device)
        for begin, chunk in self.chunks():
            for first in range(0, len(chunk), ROWS):
                few, part = chunk[first : first + ROWS], slice(begin + first, begin + min(first + ROWS, len(chunk)))
                torch.mv(few, x, out=forward[part])
                backward += few.T @ y[part]
        return home(forward), home(backward)

    @override
    def sums(self) -> Pair:
        return absolute_sums(self.weights)

    @property
    @override
    def work(self) -> int:
        return self.weights.numel() if plain(self.weights) else 0

    def chunks(self) -> Iterator[tuple[int, Tensor]]:
        """Some rows at a time: their first target node and non-negative weights, which the next rows overwrite."""
        rows = max(1, CHUNK // max(1, self.shape[1])) if self.signed else max(1, self.shape[0])
        for begin in range(0, self.shape[0], rows):
            chunk = self.weights[begin : begin + rows]
            yield begin, torch.abs(chunk, out=_SCRATCH.like(chunk)) if self.signed else chunk

    @override
    def entries(self) -> Entries:
        return matrix_entries(self.weights.abs())

    @override
    def magnitudes(self) -> Iterator[Tensor]:
        yield self.weights.abs()


@dataclass(frozen=True, slots=True, eq=False)
class Grouped(Block):
    """Groups of source nodes joined to groups of target nodes: the blocks of a block-diagonal matrix.

    Attributes:
        weights: Non-negative weights, shaped (targets, sources / groups).
        groups: Number of groups.
    """

    weights: Tensor
    groups: int

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.weights.shape[0], self.weights.shape[1] * self.groups

    @property
    def stacked(self) -> Tensor:
        """The weights shaped (groups, targets in a group, sources in a group)."""
        return self.weights.reshape(self.groups, -1, self.weights.shape[1])

    @override
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        x = away(source, self.weights).reshape(self.groups, -1, 1)
        y = away(target, self.weights).reshape(self.groups, -1, 1)
        return home((self.stacked @ x).flatten()), home((self.stacked.mT @ y).flatten())

    @override
    def entries(self) -> Entries:
        rows, columns, values = matrix_entries(self.weights)
        group = rows // (self.shape[0] // self.groups)
        return rows, columns + group * self.weights.shape[1], values

    @override
    def magnitudes(self) -> Iterator[Tensor]:
        yield self.weights


class _Scratch(threading.local):
    """Memory for temporary copies, kept by each thread: allocating it for each layer would cost more than using it."""

    def __init__(self) -> None:
        self.memory: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def like(self, tensor: Tensor) -> Tensor:
        """Memory with the shape, dtype and device of a tensor, and arbitrary content."""
        key = (tensor.dtype, tensor.device)
        if key not in self.memory or self.memory[key].numel() < tensor.numel():
            self.memory[key] = torch.empty(max(CHUNK, tensor.numel()), dtype=tensor.dtype, device=tensor.device)
        return self.memory[key][: tensor.numel()].view(tensor.shape)


_SCRATCH = _Scratch()

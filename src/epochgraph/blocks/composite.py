"""Blocks made of other blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from scipy import sparse
from torch import Tensor
from typing_extensions import override

from epochgraph.blocks.block import Block, Entries, Pair, SourceValues, TargetValues

Positions = Int64[np.ndarray, "readings"]
"""For each reading a position, or a node."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered(Block):
    """A block that reads source nodes at positions of its own: a slice, a shuffle, one channel repeated, a whole head.

    Attributes:
        block: Block from positions to target nodes.
        positions: The position of each reading.
        nodes: The source node of each reading; several at one position add up, and a position without any is zero.
        size: The number of source nodes.
    """

    block: Block
    positions: Positions
    nodes: Positions
    size: int

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.block.shape[0], self.size

    @override
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        read = np.bincount(self.positions, source[self.nodes], self.block.shape[1])
        forward, at_positions = self.block.products(read, target)
        return forward, self._at_nodes(at_positions)

    @override
    def sums(self) -> Pair:
        """The block's own sums, if each position is read equally often: then no product is needed."""
        readers = np.bincount(self.positions, minlength=self.block.shape[1])
        if len(readers) == 0 or readers.min() != readers.max():
            return super(Gathered, self).sums()
        of_targets, of_positions = self.block.sums()
        return of_targets * readers[0], self._at_nodes(of_positions)

    def _at_nodes(self, at_positions: Float64[np.ndarray, "positions"]) -> SourceValues:
        return np.bincount(self.nodes, at_positions[self.positions], self.size)

    @override
    def entries(self) -> Entries:
        rows, columns, values = self.block.entries()
        inner = sparse.coo_array((values, (rows, columns)), shape=self.block.shape).tocsr()
        readings = (np.ones(len(self.nodes)), (self.positions, self.nodes))
        reading = sparse.coo_array(readings, shape=(self.block.shape[1], self.size)).tocsr()
        found = (inner @ reading).tocoo()
        return found.row.astype(np.int64), found.col.astype(np.int64), found.data

    @override
    def magnitudes(self) -> Iterator[Tensor]:
        return self.block.magnitudes()

    @property
    @override
    def work(self) -> int:
        return self.block.work


@dataclass(frozen=True, slots=True, eq=False)
class Transposed(Block):
    """A transposed block: a weight that is stored as (sources, targets).

    Attributes:
        block: Block from target to source nodes.
    """

    block: Block

    @property
    @override
    def shape(self) -> tuple[int, int]:
        sources, targets = self.block.shape
        return targets, sources

    @override
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        backward, forward = self.block.products(target, source)
        return forward, backward

    @override
    def sums(self) -> Pair:
        of_sources, of_targets = self.block.sums()
        return of_targets, of_sources

    @override
    def entries(self) -> Entries:
        rows, columns, values = self.block.entries()
        return columns, rows, values

    @override
    def magnitudes(self) -> Iterator[Tensor]:
        return (weights.mT for weights in self.block.magnitudes())

    @property
    @override
    def work(self) -> int:
        return self.block.work


@dataclass(frozen=True, slots=True, eq=False)
class Scaled(Block):
    """A block with a factor for each target node, by which its weights are multiplied: a folded batch norm.

    Attributes:
        block: The weights.
        factors: Non-negative float64 factor of each target node.
    """

    block: Block
    factors: Float64[np.ndarray, "targets"]

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.block.shape

    @override
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        forward, backward = self.block.products(source, self.factors * target)
        return self.factors * forward, backward

    @override
    def entries(self) -> Entries:
        rows, columns, values = self.block.entries()
        return rows, columns, values * self.factors[rows]

    @override
    def magnitudes(self) -> Iterator[Tensor]:
        begin = 0
        for weights in self.block.magnitudes():  # a tensor holds the weights of some target nodes, or of all
            factors = torch.from_numpy(self.factors[begin % len(self.factors) :][: len(weights)])
            begin += len(weights)
            yield factors.reshape(-1, *[1] * (weights.dim() - 1)).to(weights.device) * weights

    @property
    @override
    def work(self) -> int:
        return self.block.work


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Block):
    """The sum of parallel edges between the same two parts.

    Attributes:
        blocks: At least one block, all of one shape.
    """

    blocks: tuple[Block, ...]

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.blocks[0].shape

    @override
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        pairs = [block.products(source, target) for block in self.blocks]
        return _added(pairs)

    @override
    def sums(self) -> Pair:
        pairs = [block.sums() for block in self.blocks]
        return _added(pairs)

    @override
    def entries(self) -> Entries:
        rows, columns, values = zip(*(block.entries() for block in self.blocks), strict=True)
        return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)

    @override
    def magnitudes(self) -> Iterator[Tensor]:
        return (weights for block in self.blocks for weights in block.magnitudes())

    @property
    @override
    def work(self) -> int:
        return sum(block.work for block in self.blocks)


def _added(pairs: Sequence[Pair]) -> Pair:
    forward, backward = zip(*pairs, strict=True)
    return np.sum(forward, axis=0), np.sum(backward, axis=0)

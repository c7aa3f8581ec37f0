"""Blocks made of blocks."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from epochgraph.blocks.structure import Block, Entries


@dataclass(frozen=True, slots=True, eq=False)
class Gathered(Block):
    """A block that reads some of the source nodes, in an order of its own: a slice, a shuffle, one channel repeated.

    Attributes:
        block: Block from positions to target nodes.
        nodes: Source node at each position; negative where there is none.
        size: Number of source nodes.
    """

    block: Block
    nodes: Tensor
    size: int

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.block.shape[0], self.size

    @override
    def products(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        read = self.nodes >= 0
        positions = source.new_zeros(len(self.nodes))
        positions[read] = source[self.nodes[read]]
        forward, at_positions = self.block.products(positions, target)
        backward = source.new_zeros(self.size).index_add_(0, self.nodes[read], at_positions[read])
        return forward, backward

    @override
    def entries(self) -> Entries:
        rows, columns, values = self.block.entries()
        nodes = self.nodes.numpy()[columns]
        return rows[nodes >= 0], nodes[nodes >= 0], values[nodes >= 0]

    @override
    def magnitudes(self) -> tuple[Tensor, ...]:
        return self.block.magnitudes()


@dataclass(frozen=True, slots=True, eq=False)
class Scaled(Block):
    """A block whose target nodes multiply their weights by a factor of their own: a folded batch norm.

    Attributes:
        block: The weights.
        factors: Non-negative float64 factor of each target node.
    """

    block: Block
    factors: Tensor

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.block.shape

    @override
    def products(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        forward, backward = self.block.products(source, self.factors * target)
        return self.factors * forward, backward

    @override
    def entries(self) -> Entries:
        rows, columns, values = self.block.entries()
        return rows, columns, values * self.factors.numpy()[rows]

    @override
    def magnitudes(self) -> tuple[Tensor, ...]:
        return tuple(self.factors[:, None].to(weights.device) * weights for weights in self.block.magnitudes())


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Block):
    """Parallel edges between the same two parts add up.

    Attributes:
        blocks: At least one block, all of one shape.
    """

    blocks: tuple[Block, ...]

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.blocks[0].shape

    @override
    def products(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        pairs = [block.products(source, target) for block in self.blocks]
        return torch.stack([pair[0] for pair in pairs]).sum(0), torch.stack([pair[1] for pair in pairs]).sum(0)

    @override
    def entries(self) -> Entries:
        rows, columns, values = zip(*(block.entries() for block in self.blocks), strict=True)
        return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)

    @override
    def magnitudes(self) -> tuple[Tensor, ...]:
        return tuple(weights for block in self.blocks for weights in block.magnitudes())

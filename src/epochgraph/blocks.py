"""Block: the weights of one join as a linear operator.

A measure never sees a weight, it only multiplies. So a dense layer, a grouped convolution, a part of a concatenation
and an unrolled convolution that would not fit in memory are all the same to it; a new kind of layer is one new Block.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor
from typing_extensions import override

CHUNK = 1024 * 1024
"""Weights that a temporary copy is made of at a time: few enough to stay in the processor's cache."""

ROWS = 256
"""Rows of a float32 matrix whose products are added up one after another; between such chunks the sum is in float64,
so that rounding does not grow with the size of a layer."""

MOST_ENTRIES = 100_000_000
"""An operator with more source-target pairs than this is not written out entry by entry."""

Entries = tuple[Int64[np.ndarray, "edges"], Int64[np.ndarray, "edges"], Float64[np.ndarray, "edges"]]
"""Target node, source node and weight of each edge."""


class Block(ABC):
    """Non-negative weights between the nodes of two parts, as an operator from source to target nodes.

    Vectors enter and leave as float64 on the CPU; inside, a block works in the dtype and on the device of its weights.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """Number of target nodes and of source nodes."""

    @abstractmethod
    def products(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply by both sides in one pass over the weights, which is what a symmetric adjacency needs.

        Args:
            source: One value a source node.
            target: One value a target node.

        Returns:
            The operator times `source` (one value a target node), and its transpose times `target`.
        """

    def sums(self) -> tuple[Tensor, Tensor]:
        """The sums of the weights of each target node and of each source node: the products with ones."""
        targets, sources = self.shape
        return self.products(torch.ones(sources, dtype=torch.float64), torch.ones(targets, dtype=torch.float64))

    @abstractmethod
    def entries(self) -> Entries:
        """All edges one by one, zeros left out; for small graphs and for other libraries."""

    @abstractmethod
    def magnitudes(self) -> tuple[Tensor, ...]:
        """The weights as non-negative tensors, each distinct one once, in an order that stays the same over a run."""


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Block):
    """Every source node is joined to every target node.

    Attributes:
        weights: Weights, shaped (targets, sources).
        signed: Whether their absolute values are meant. They are then taken a chunk at a time, in the cache: a layer
            whose edges are |W| costs no second copy of W.
    """

    weights: Tensor
    signed: bool = False

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.weights.shape[0], self.weights.shape[1]

    @override
    def products(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        x, y = source.to(self.weights), target.to(self.weights)
        forward = torch.empty_like(y)
        backward = torch.zeros(self.shape[1], dtype=torch.float64, device=x.device)
        for begin, chunk in self.chunks():
            for first in range(0, len(chunk), ROWS):
                few, part = chunk[first : first + ROWS], slice(begin + first, begin + min(first + ROWS, len(chunk)))
                torch.mv(few, x, out=forward[part])
                backward += few.T @ y[part]
        return _home(forward), _home(backward)

    @override
    def sums(self) -> tuple[Tensor, Tensor]:
        pairs = [(chunk.sum(1), chunk.sum(0)) for _, chunk in self.chunks()]  # several times as fast as products
        forward, backward = zip(*pairs, strict=True)
        return _home(torch.cat(forward)), _home(torch.stack(backward).sum(0))

    def chunks(self) -> Iterator[tuple[int, Tensor]]:
        """The first target node and the non-negative weights of some rows at a time; each is gone with the next."""
        rows = max(1, CHUNK // max(1, self.shape[1])) if self.signed else max(1, self.shape[0])
        for begin in range(0, self.shape[0], rows):
            chunk = self.weights[begin : begin + rows]
            yield begin, torch.abs(chunk, out=_SCRATCH.like(chunk)) if self.signed else chunk

    @override
    def entries(self) -> Entries:
        return _matrix_entries(self.weights.abs())

    @override
    def magnitudes(self) -> tuple[Tensor, ...]:
        return (self.weights.abs(),)


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
    def products(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        x = source.to(self.weights).reshape(self.groups, -1, 1)
        y = target.to(self.weights).reshape(self.groups, -1, 1)
        return _home((self.stacked @ x).flatten()), _home((self.stacked.mT @ y).flatten())

    @override
    def entries(self) -> Entries:
        rows, columns, values = _matrix_entries(self.weights)
        group = rows // (self.shape[0] // self.groups)
        return rows, columns + group * self.weights.shape[1], values

    @override
    def magnitudes(self) -> tuple[Tensor, ...]:
        return (self.weights,)


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


@dataclass(frozen=True, eq=False)
class Functional(Block):
    """Any linear function of a vector with non-negative coefficients, such as an unrolled convolution.

    Its transpose comes from automatic differentiation, which for a convolution is the transposed convolution: so the
    operator of millions of nodes needs no more memory than a forward and a backward pass of the layer.

    Attributes:
        function: Linear function of a tensor with one value a source node; its result has one value a target node.
        size: Number of target nodes and of source nodes.
        weights: The non-negative weights in the function; it works in their dtype and on their device.
    """

    function: Callable[[Tensor], Tensor]
    size: tuple[int, int]
    weights: Tensor

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.size

    @override
    def products(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        x = source.to(self.weights).requires_grad_()
        with torch.enable_grad():
            forward = self.function(x).flatten()
        (backward,) = torch.autograd.grad(forward, x, target.to(self.weights))
        return _home(forward.detach()), _home(backward)

    @cached_property
    def matrix(self) -> Tensor:
        """The operator written out, a row for each target node; for small graphs only."""
        if self.size[0] * self.size[1] > MOST_ENTRIES:
            raise ValueError(f"an operator of {self.size} nodes is too large to be written out")
        zero = torch.zeros(self.size[1]).to(self.weights)
        columns = [self.function(zero.index_fill(0, torch.tensor([n]), 1.0)).flatten() for n in range(self.size[1])]
        return torch.stack(columns, dim=1)

    @override
    def entries(self) -> Entries:
        return _matrix_entries(self.matrix)

    @override
    def magnitudes(self) -> tuple[Tensor, ...]:
        return (self.weights,)


class _Scratch(threading.local):
    """Memory for temporary copies, kept by each thread: to get it anew for each layer costs more than to use it."""

    def __init__(self) -> None:
        self.memory: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def like(self, tensor: Tensor) -> Tensor:
        """Memory of the shape, dtype and device of a tensor; its content is arbitrary."""
        key = (tensor.dtype, tensor.device)
        if key not in self.memory or self.memory[key].numel() < tensor.numel():
            self.memory[key] = torch.empty(max(CHUNK, tensor.numel()), dtype=tensor.dtype, device=tensor.device)
        return self.memory[key][: tensor.numel()].view(tensor.shape)


_SCRATCH = _Scratch()


def _home(vector: Tensor) -> Tensor:
    return vector.to(device="cpu", dtype=torch.float64)


def _matrix_entries(matrix: Tensor) -> Entries:
    values = matrix.detach().to(device="cpu", dtype=torch.float64).numpy()
    rows, columns = np.nonzero(values)
    return rows, columns, values[rows, columns]

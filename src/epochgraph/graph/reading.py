"""The weight of a join -> its block: norms between nodes, wherever the weight comes from."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from epochgraph.blocks import Block, Dense, Gathered, Grouped, Positions, Transposed, norms
from epochgraph.errors import ShapeMismatchError
from epochgraph.topology import Join, Topology
from epochgraph.topology.spans import NO_NODE, Span, nodes


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How a join reads its weight.

    Attributes:
        columns: Positions of the weight's input axis that carry nodes; None for all.
        repeat: The number of consecutive positions that form one position of the block.
        groups: The number of groups of inputs and targets that do not see each other.
        sources: The number of positions of the block.
        positions: If the block's positions are not the part's nodes in order, the position of each reading.
        nodes: The node of each reading.
        size: The number of nodes of the part that is read.
    """

    columns: slice | Tensor | None
    repeat: int
    groups: int
    sources: int
    positions: Positions | None
    nodes: Positions | None
    size: int

    @property
    def way(self) -> tuple[object, ...]:
        """What identifies a block of a weight; joins may share a block, and gather different nodes for it."""
        columns = self.columns
        key = columns.numpy().tobytes() if isinstance(columns, Tensor) else columns and (columns.start, columns.stop)
        return key, self.repeat, self.groups

    @property
    def plain(self) -> bool:
        """Whether the block is the weight as it is stored."""
        return self.columns is None and self.repeat == 1 and self.groups == 1

    def block(self, weight: Tensor, *, copy: bool) -> Block:
        """The block of a weight, or of some rows of it, from its positions to its target nodes."""
        if self.groups > 1:
            return Grouped(_norms(weight, weight.shape[1], copy=True), self.groups)
        return _dense(weight if self.columns is None else weight[:, self.columns], self.repeat, copy=copy)

    def gathered(self, block: Block) -> Block:
        """Let the block read source nodes in a different order, if necessary."""
        if self.positions is None or self.nodes is None:
            return block
        return Gathered(block, self.positions, self.nodes, self.size)


class Readings:
    """How the joins of a topology read their weights; layers that read in the same way share their lists."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.of_spans = cache(_reading)

    def __call__(self, join: Join, shape: tuple[int, ...]) -> Reading:
        """How a join reads a weight with a shape.

        Raises:
            ShapeMismatchError: The topology expects another shape.
        """
        width = sum([span.count * span.repeat for span in join.inputs])
        expected = (self.topology.parts[join.target].size, width // join.groups)
        if shape[:2] != expected:
            raise ShapeMismatchError(repr(join.parameter), (*expected, "..."), tuple(shape))
        return self.of_spans(join.inputs, join.groups, self.topology.parts[join.source].size)


def _reading(inputs: tuple[Span, ...], groups: int, size: int) -> Reading:
    first, width = inputs[0], sum(span.count * span.repeat for span in inputs)
    if groups == 1 and (first.first, first.count, first.width) == (0, size, 1) and first.count * first.repeat == width:
        return Reading(None, first.repeat, 1, size, None, None, size)  # without looking at every position
    read, widths = nodes(inputs)
    if groups > 1:
        positions, found = _places(read, widths, size)
        return Reading(None, 1, groups, width, positions, found, size)
    carried = np.flatnonzero(read != NO_NODE)
    columns: slice | Tensor | None = None
    if len(carried) < len(read):
        contiguous = carried[-1] - carried[0] + 1 == len(carried)
        columns = slice(int(carried[0]), int(carried[-1]) + 1) if contiguous else torch.from_numpy(carried)
        read, widths = read[carried], widths[carried]
    repeat = _repeat(read)
    positions, found = _places(read[::repeat], widths[::repeat], size)
    return Reading(columns, repeat, 1, len(read) // repeat, positions, found, size)


def _dense(weight: Tensor, repeat: int, *, copy: bool) -> Block:
    """A dense block of a weight that reads each node at `repeat` consecutive positions."""
    if weight.dim() == 2 and repeat == 1 and not weight.is_contiguous() and weight.mT.is_contiguous():
        return Transposed(_dense(weight.mT, 1, copy=copy))
    sources = weight.shape[1] // repeat
    single = weight.numel() == weight.shape[0] * sources
    return Dense(_norms(weight, sources, copy=copy), signed=single and not copy)


def _norms(weight: Tensor, sources: int, *, copy: bool) -> Tensor:
    """L2 norms of all weights between a target and each of its sources, shaped (targets, sources).

    For a single weight it is the absolute value or, without a copy, the weight itself.
    """
    pairs = weight.shape[0] * sources
    if weight.numel() == pairs:
        matrix = weight.reshape(weight.shape[0], sources)
        return matrix.abs() if copy else matrix
    return norms(weight.reshape(pairs, -1)).view(weight.shape[0], sources)


def _repeat(read: np.ndarray) -> int:
    """How many times in a row each node is read, if equally often and only in one place; otherwise 1."""
    starts = np.flatnonzero(np.diff(read, prepend=read[0] - 1))
    repeat = len(read) // len(starts)
    even = np.array_equal(starts, np.arange(len(starts)) * repeat) and repeat * len(starts) == len(read)
    return repeat if even and len(np.unique(read[starts])) == len(starts) else 1


def _places(read: np.ndarray, widths: np.ndarray, size: int) -> tuple[Positions, Positions] | tuple[None, None]:
    """The position and node of each reading; None if the positions are the nodes in order."""
    if (widths == 1).all() and np.array_equal(read, np.arange(size)):
        return None, None
    positions = np.repeat(np.arange(len(read)), widths)
    within = np.arange(len(positions)) - np.repeat(np.cumsum(widths) - widths, widths)
    found = np.repeat(read, widths) + within
    carried = np.repeat(read, widths) != NO_NODE
    return positions[carried], found[carried]

"""A first run that finds how inputs are read: along which dimensions, or as the row numbers of a table."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from epochgraph.topology.bundles import Kind, thin
from epochgraph.topology.flow import Flow, Layer, Wiring
from epochgraph.topology.program import Shape, Source, Step

DECIDED = 1 << 41
"""Added to a place whose value decides something."""


class InputAxes(Wiring):
    """Finds the dimensions along which each input's nodes are counted.

    Every position of the input enters as a separate node. The first layer that reads it shows which dimensions run
    along that layer's input axis: the channels of a convolution, whatever the layout; the last dimension of a linear
    layer; all dimensions if they are flattened before it; none of a wave, whose moments are places of one channel.
    Where no layer tells, it is dimension 1, PyTorch's channels; integers, such as a mask, are then one node. Integers
    that choose the rows of a table are counted by these.
    """

    def __init__(self) -> None:
        self.axes: dict[str, Shape] = {}
        self.deciding: dict[str, Shape] = {}
        self.rows: dict[str, int] = {}
        self.ranges: dict[str, tuple[int, int, Shape]] = {}
        self.integers: set[str] = set()
        self.signals: set[str] = set()
        self.size = 0

    @override
    def input(self, source: Source) -> Flow:
        count = int(torch.tensor(source.shape).prod())
        begin, self.size = self.size, self.size + count
        self.ranges[source.name] = (begin, self.size, source.shape)
        if source.integer:
            self.integers.add(source.name)
        return Flow(source.shape, (torch.arange(begin, self.size).reshape(source.shape),))

    @override
    def constant(self, name: str, shape: Shape, dimension: int) -> Flow:
        return Flow(shape)

    @override
    def layer(self, layer: Layer, flow: Flow) -> Flow:
        for nodes in flow.terms:
            if nodes.numel():
                line = nodes.movedim(-1 - layer.geometry.dimensions, -1)
                self.read(line[(0,) * (line.dim() - 1)])
                if layer.geometry.dimensions and nodes.shape[-1 - layer.geometry.dimensions] == 1:
                    self.signals |= {
                        name for name, (begin, _, _) in self.ranges.items() if bool((nodes == begin).any())
                    }
        return Flow(layer.shape)

    def read(self, line: Tensor) -> None:
        """Learn from the input places along one reader's input axis."""
        for name, (begin, end, shape) in self.ranges.items():
            for found, first in ((self.axes, begin), (self.deciding, begin + DECIDED)):
                places = line[(line >= first) & (line < first + end - begin)] - first
                if name not in found and len(places) > 1:
                    coordinates = torch.stack(torch.unravel_index(places, shape))
                    whole = [n > 1 and len(c.unique()) == n for c, n in zip(coordinates, shape, strict=True)]
                    found[name] = tuple(axis for axis, is_whole in enumerate(whole) if is_whole)

    @override
    def embedding(self, layer: Layer, indices: Flow) -> Flow:
        for name, (begin, end, _) in self.ranges.items():
            if name in self.integers and any(bool(((n >= begin) & (n < end)).any()) for n in indices.terms):
                self.rows[name] = max(self.rows.get(name, 0), layer.weight.shape[1])
        return Flow(layer.shape)

    def found(self, name: str) -> Shape:
        """The dimensions of one input along which its nodes are counted."""
        rank = len(self.ranges[name][2])
        if name not in self.axes and name in self.signals:  # a convolution of one channel: all places are its moments
            return ()
        found = self.axes.get(name) or self.deciding.get(name)
        if found or name in self.integers:
            return found or ()
        return (1,) if rank > 1 else (0,) if rank else ()

    @override
    def pool(self, step: Step, flow: Flow, dimensions: Shape, shape: Shape) -> Flow:
        first = self.met(step, flow, dimensions).terms
        if len(shape) < len(flow.shape):
            first = tuple(nodes.squeeze(dimensions) for nodes in first)
        return Flow(shape, tuple(nodes.expand(shape) for nodes in first), unknown=flow.unknown)

    @override
    def met(self, step: Step, flow: Flow, dimensions: Shape, kind: Kind = "met") -> Flow:
        keep = tuple(slice(0, 1) if d in dimensions else slice(None) for d in range(len(flow.shape)))
        shape = tuple(1 if d in dimensions else n for d, n in enumerate(flow.shape))
        return Flow(shape, tuple(nodes[keep] for nodes in flow.terms), unknown=flow.unknown)

    @override
    def passed(self, flow: Flow, other: Flow) -> Flow:
        return other

    @override
    def differs(self, flow: Flow, dimensions: Sequence[int], others: Sequence[int]) -> bool:
        return True

    @override
    def truth(self, flow: Flow, *, choice: bool = False) -> Flow:
        terms = (torch.where((n >= 0) & (n < DECIDED), n + DECIDED, n) for n in map(thin, flow.terms))
        return Flow(flow.shape, tuple(nodes.expand(flow.shape) for nodes in terms), unknown=flow.unknown)

    @override
    def preferred(self, terms: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        values = tuple(n for n in terms if n.numel() == 0 or int(n[(0,) * n.dim()]) < DECIDED)
        return values or terms

    @override
    def chosen(self, flow: Flow, number: int, choice: str) -> Flow:
        shape = (*flow.shape[:-1], number, flow.shape[-1])
        return Flow(shape, tuple(n.unsqueeze(-2).expand(shape) for n in flow.terms), unknown=flow.unknown)

    @override
    def choosing(self, flow: Flow, choice: str) -> Flow:
        shape = (*flow.shape[:-2], flow.shape[-1])
        return Flow(shape, tuple(n[..., 0, :] for n in flow.terms), unknown=flow.unknown)

    @override
    def batch_norm(self, step: Step, flow: Flow, sources: dict[str, Source], epsilon: float) -> Flow:
        return Flow(flow.shape, flow.terms, unknown=flow.unknown)

    @override
    def fold(self, parameters: tuple[str, ...]) -> None:
        """Nothing is joined here, so parameters are not recorded."""

    @override
    def leave_out(self, parameters: tuple[str, ...], reason: str) -> None:
        """Nothing is joined here, so nothing is left out."""

    @override
    def unused(self, parameters: tuple[str, ...], reason: str) -> None:
        """Nothing is joined here, so nothing is left out."""

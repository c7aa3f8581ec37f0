"""The rolled wiring: one node for each input channel, filter and neuron, wherever in the feature map it acts."""

from itertools import pairwise

import torch
from torch import Tensor
from typing_extensions import override

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow, Layer, Wiring
from epochgraph.topology.program import Shape, Source, Step
from epochgraph.topology.spans import NO_NODE, spans
from epochgraph.topology.structure import Fold, Join, Part

MOST_NODES_A_PLACE = 16
"""More different nodes than this at one channel position, over the places of a map, are not followed."""


class RolledWiring(Wiring):
    """Collects parts, joins, folds, and why parameters are left out.

    A layer called again adds joins to the part it already has: its filters stay the same nodes.

    Args:
        axes: For each input's name, the dimensions of its shape that its nodes are counted along.
    """

    def __init__(self, axes: dict[str, Shape]) -> None:
        self.axes = axes
        self.parts: list[Part] = []
        self.offsets = [0]
        self.joins: dict[Join, None] = {}
        self.folds: dict[int, Fold] = {}
        self.reasons: dict[str, str] = {}
        self.known: dict[tuple[str, str | None], int] = {}
        self.called_again: set[int] = set()

    @override
    def input(self, source: Source) -> Flow:
        if source.integer:
            return Flow(source.shape, unknown=f"{source.name} holds integers, not values of nodes")
        axes = self.axes[source.name]
        counted = [n if axis in axes else 1 for axis, n in enumerate(source.shape)]
        size = int(torch.tensor(counted).prod())
        part = self.add_part("input" if len(self.axes) == 1 else source.name, size, None)
        nodes = torch.arange(size).reshape(counted) + self.offsets[part]
        return Flow(source.shape, (nodes.expand(source.shape),))

    @override
    def layer(self, layer: Layer, flow: Flow) -> Flow:
        outputs = layer.shape[-1 - layer.geometry.dimensions]
        part = self.part_of(layer, outputs)
        if layer.weight is not None:
            self.join(layer, layer.weight, flow, part)
        nodes = torch.arange(outputs) + self.offsets[part]
        nodes = nodes.reshape(-1, *[1] * layer.geometry.dimensions).expand(layer.shape)
        return Flow(layer.shape, (nodes,), part=part if layer.single and part not in self.called_again else None)

    def part_of(self, layer: Layer, outputs: int) -> int:
        """The part of a layer: the one it already has if its weight and bias were called before."""
        bias = layer.bias.target if layer.bias else None
        weight = layer.weight.target if layer.weight else layer.step.name
        if (weight, bias) in self.known:
            self.call_again(self.known[weight, bias])
        else:
            name = weight.removesuffix(".weight") if layer.weight else layer.step.module or layer.step.name
            self.known[weight, bias] = self.add_part(name, outputs, bias)
        return self.known[weight, bias]

    def call_again(self, part: int) -> None:
        """A layer called again may be followed by another batch norm, or by none: then neither can be folded."""
        self.called_again.add(part)
        fold = self.folds.pop(part, None)
        for name in (fold.scale, fold.shift) if fold else ():
            if name:
                self.reasons.setdefault(name, "it is a batch norm of a layer that is called more than once")

    def add_part(self, name: str, size: int, bias: str | None) -> int:
        """Add a part, under a name that no other has, and return its index."""
        taken = {part.name for part in self.parts}
        number = 2
        unique = name
        while unique in taken:
            unique, number = f"{name}#{number}", number + 1
        self.parts.append(Part(unique, size, bias))
        self.offsets.append(self.offsets[-1] + size)
        return len(self.parts) - 1

    def join(self, layer: Layer, weight: Source, flow: Flow, target: int) -> None:
        """Join the parts that a layer reads to its own."""
        axis = len(flow.shape) - 1 - layer.geometry.dimensions
        others = tuple(d for d in range(len(flow.shape)) if d != axis)
        lines = [line for nodes in flow.layers for line in peeled(nodes, others)]
        if flow.unknown or len(lines) > MOST_NODES_A_PLACE * max(1, len(flow.layers)):
            self.leave_out(weight, f"its input cannot be followed: {flow.unknown or 'channels are mixed with places'}")
            return
        joins = [join for line in lines for join in self.joins_of(line.flatten(), weight.target, target, layer)]
        if not joins:
            self.leave_out(weight, "it reads constants only")
        self.joins.update(dict.fromkeys(joins))

    def joins_of(self, line: Tensor, parameter: str, target: int, layer: Layer) -> list[Join]:
        """Split one node a position by the part that the node belongs to."""
        found = []
        for source, (begin, end) in enumerate(pairwise(self.offsets)):
            inside = (line >= begin) & (line < end)
            if inside.any():
                inputs = spans(torch.where(inside, line - begin, NO_NODE).numpy())
                found.append(Join(source, target, parameter, inputs, layer.geometry.groups))
        return found

    @override
    def pool(self, step: Step, flow: Flow, dimensions: Shape, shape: Shape) -> Flow:
        if flow.unknown:
            return Flow(shape, unknown=flow.unknown)
        layers = [layer for nodes in flow.layers for layer in peeled(nodes, dimensions)]
        windowed = ops.base(step.operation) not in ops.REDUCTIONS  # a window over several nodes sees some of them only
        if len(layers) > (1 if windowed else MOST_NODES_A_PLACE) * max(1, len(flow.layers)):
            return Flow(shape, unknown=f"{step.operation} mixes many nodes into one place")
        if len(shape) < len(flow.shape):
            layers = [layer.squeeze(dimensions) for layer in layers]
        return Flow(shape, tuple(layer.expand(shape) for layer in layers))

    @override
    def batch_norm(self, step: Step, flow: Flow, sources: dict[str, Source], epsilon: float) -> Flow:
        names = {role: source.target for role, source in sources.items()}
        if flow.part is not None and flow.part not in self.folds and {"mean", "variance"} <= names.keys():
            scale, shift = names.get("scale"), names.get("shift")
            self.folds[flow.part] = Fold(flow.part, scale, shift, names["mean"], names["variance"], epsilon)
        else:
            for source in sources.values():
                self.leave_out(source, "it is a batch norm that does not follow one layer alone")
        return Flow(flow.shape, flow.layers, unknown=flow.unknown)

    @override
    def leave_out(self, parameter: Source, reason: str) -> None:
        self.reasons.setdefault(parameter.target, reason)


class InputAxes(Wiring):
    """Finds along which dimensions of each input its nodes are to be counted.

    Every place of the input enters as a node of its own. The first layer that reads it shows which dimensions run along
    that layer's input axis: the channels of a convolution, whatever the layout; the last dimension of a linear layer;
    all dimensions if they are flattened before it. Where no layer tells, it is dimension 1, PyTorch's channels.
    """

    def __init__(self) -> None:
        self.axes: dict[str, Shape] = {}
        self.ranges: dict[str, tuple[int, int, Shape]] = {}
        self.size = 0

    @override
    def input(self, source: Source) -> Flow:
        count = int(torch.tensor(source.shape).prod())
        begin, self.size = self.size, self.size + count
        self.ranges[source.name] = (begin, self.size, source.shape)
        return Flow(source.shape, (torch.arange(begin, self.size).reshape(source.shape),))

    @override
    def layer(self, layer: Layer, flow: Flow) -> Flow:
        for nodes in flow.layers:
            self.read(nodes.movedim(-1 - layer.geometry.dimensions, 0).flatten(1)[:, 0])
        return Flow(layer.shape)

    def read(self, line: Tensor) -> None:
        """Learn from the input places along one reader's input axis."""
        for name, (begin, end, shape) in self.ranges.items():
            places = line[(line >= begin) & (line < end)] - begin
            if name not in self.axes and len(places) > 1:
                coordinates = torch.stack(torch.unravel_index(places, shape))
                whole = [n > 1 and len(c.unique()) == n for c, n in zip(coordinates, shape, strict=True)]
                self.axes[name] = tuple(axis for axis, is_whole in enumerate(whole) if is_whole)

    def found(self, name: str) -> Shape:
        """The dimensions of one input along which its nodes are counted."""
        rank = len(self.ranges[name][2])
        return self.axes.get(name) or ((1,) if rank > 1 else (0,))

    @override
    def pool(self, step: Step, flow: Flow, dimensions: Shape, shape: Shape) -> Flow:
        keep = tuple(slice(0, 1) if d in dimensions else slice(None) for d in range(len(flow.shape)))
        first = tuple(nodes[keep] for nodes in flow.layers)
        if len(shape) < len(flow.shape):
            first = tuple(nodes.squeeze(dimensions) for nodes in first)
        return Flow(shape, tuple(nodes.expand(shape) for nodes in first), unknown=flow.unknown)

    @override
    def batch_norm(self, step: Step, flow: Flow, sources: dict[str, Source], epsilon: float) -> Flow:
        return Flow(flow.shape, flow.layers, unknown=flow.unknown)

    @override
    def leave_out(self, parameter: Source, reason: str) -> None:
        """Nothing is joined here, so nothing is left out."""


def peeled(nodes: Tensor, dimensions: Shape) -> list[Tensor]:
    """Layers of nodes that do not change along some dimensions and together hold the same nodes at each place.

    One layer for a feature map whose channels are filters; several where, at one channel, different places carry
    different nodes. One more than `MOST_NODES_A_PLACE` are given up on, and returned as they are.

    Args:
        nodes: Node at each place.
        dimensions: The dimensions to take out; they stay with size 1.
    """
    # Along dimensions of stride zero the nodes are constant: one place stands for all.
    keep = tuple(slice(0, 1) if d in dimensions and nodes.stride(d) == 0 else slice(None) for d in range(nodes.dim()))
    rest = nodes[keep]
    if not dimensions or all(rest.shape[d] == 1 for d in dimensions):
        return [rest]
    layers: list[Tensor] = []
    while len(layers) <= MOST_NODES_A_PLACE:
        top = rest.amax(dimensions, keepdim=True)
        if bool((top == NO_NODE).all()):
            break
        layers.append(top)
        rest = torch.where(rest == top, NO_NODE, rest)
    return layers

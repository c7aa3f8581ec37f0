"""Topology, weights and input size -> the unrolled graph of Rieck et al., without building it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

from epochgraph.blocks import Block, Functional, Sum
from epochgraph.errors import EpochgraphError, SettingError, TracingError
from epochgraph.graph.graph import Graph
from epochgraph.graph.pooling import CONVOLUTIONS, Pooling, pooling
from epochgraph.graph.rolled import batch_norm_factors, finite
from epochgraph.graph.weights import Weights, WeightSource
from epochgraph.topology import Fold, Part, Topology
from epochgraph.topology.bundles import Kind
from epochgraph.topology.computing import FAULTS, first_line
from epochgraph.topology.flow import Flow, Geometry, Layer, Wiring
from epochgraph.topology.following import follow
from epochgraph.topology.program import Shape, Source, Step


def unrolled_graph(
    source: WeightSource, topology: Topology, input_shape: Shape, *, fold_batch_norm: bool = False
) -> Graph:
    """The graph of every single multiplication: one node per position of every feature map, edges of weight |w|.

    It has a node for each position of the input, of the output of each convolution and linear layer, and of each
    pooling; zero padding has no nodes. It is never built: a block multiplies by a convolution with |K| and, in the
    other direction, by the transposed convolution, so it takes the memory of a forward pass. Two conventions follow the
    paper's authors: pooling joins every position of its window to the pooled position, and the weight of that edge is
    the largest weight of the filter whose output is pooled (1 if the input itself is pooled), so that scaling all
    weights of the network scales all edges after its first layer alike.

    Args:
        source: A module, tensors by name, or a checkpoint.
        topology: Its wiring, from `trace`: parameters alone do not show strides, padding and pooling.
        input_shape: The shape of one input without the batch, such as (3, 32, 32).
        fold_batch_norm: As in `rolled_graph`.

    Raises:
        TracingError: The topology comes from `chain`, has several inputs, or an operation is not understood.
        SettingError: The model does not accept the input shape.
        ShapeMismatchError, NonFiniteWeightsError, MissingParameterError, WeightDtypeError: As in `rolled_graph`.

    Examples:
        >>> import torch
        >>> from epochgraph import trace
        >>> model = torch.nn.Conv2d(1, 2, 3)
        >>> topology = trace(model, torch.zeros(1, 1, 5, 5))
        >>> unrolled_graph(model, topology, (1, 5, 5)).sizes  # 5 x 5 places, and 2 channels of 3 x 3
        (25, 18)

    References:
        Rieck et al. 2019, "Neural persistence"; Vahedian et al. 2022, section 2, its unrolled baseline.
    """
    program = topology.program
    if program is None:
        found = "the topology is a chain of parameters, which does not tell strides, padding and pooling"
        raise TracingError(found, "Use trace(model, example_input).")
    inputs = [item for item in program.sources if item.kind == "input"]
    if len(inputs) != 1:
        raise TracingError(f"the model has {len(inputs)} inputs", "An unrolled graph needs exactly one.")
    (recorded,) = inputs
    if len(input_shape) not in (len(recorded.shape), len(recorded.shape) - 1) or min(input_shape, default=0) < 1:
        raise SettingError("input_shape", input_shape, f"one input's shape, such as {recorded.shape[1:]}")
    shape = (recorded.shape[: len(recorded.shape) - len(input_shape)]) + tuple(input_shape)
    batched = len(input_shape) < len(recorded.shape)
    folds = _folds(topology) if fold_batch_norm else {}

    def build(weights: Weights) -> Graph:
        wiring = _UnrolledWiring(weights, shape, batched=batched, folds=folds)
        follow(program, wiring, resized=shape != recorded.shape)
        blocks = {pair: found[0] if len(found) == 1 else Sum(tuple(found)) for pair, found in wiring.blocks.items()}
        return Graph(tuple(wiring.parts), blocks)

    try:  # the graph is also multiplied by ones, which shows whether its layers accept what they read
        return finite(build, Weights(source, topology), folds=topology.folds if fold_batch_norm else ())
    except EpochgraphError:
        raise
    except FAULTS as error:
        found = f"the model does not run on an input of shape {input_shape} ({first_line(error)})"
        raise TracingError(found, f"It was traced with {recorded.shape}.") from error


def _folds(topology: Topology) -> dict[str, Fold]:
    """The batch norm that follows each weight."""
    folds = {fold.part: fold for fold in topology.folds}
    return {join.parameter: folds[join.target] for join in topology.joins if join.target in folds}


@dataclass(frozen=True, slots=True)
class _Read:
    """What one layer of a flow reads from one part: which of its nodes is at each position.

    Attributes:
        part: Index of the part.
        shape: The shape of the value, without the batch.
        nodes: The node at each position, or the number of nodes where there is none; None if all are in order.
    """

    part: int
    shape: Shape
    nodes: Tensor | None

    def values(self, x: Tensor) -> Tensor:
        """The value at each position, from the values of the part's nodes; zero where there is no node."""
        if self.nodes is None:
            return x.reshape(self.shape)
        return torch.cat([x, x.new_zeros(1)])[self.nodes].reshape(self.shape)


class _UnrolledWiring(Wiring):
    """Collects parts and blocks; every position of a feature map is a node."""

    most_terms = inf
    most_bytes = 1 << 31

    def __init__(self, weights: Weights, shape: Shape, *, batched: bool, folds: dict[str, Fold]) -> None:
        self.weights = weights
        self.shape = shape
        self.batched = batched
        self.folds = folds
        self.parts: list[Part] = []
        self.offsets = [0]
        self.strengths: list[Tensor] = []
        self.blocks: dict[tuple[int, int], list[Block]] = {}

    @override
    def input(self, source: Source) -> Flow:
        if source.integer:
            raise TracingError("the model's input holds integers", "An unrolled graph needs values of nodes.")
        return self.part("input", self.shape, torch.ones(self.shape[1:] if self.batched else self.shape))

    @override
    def layer(self, layer: Layer, flow: Flow) -> Flow:
        name = layer.weight.name
        kernel = self.weights.numbers(name).abs()
        if layer.geometry.transposed or layer.nodes or (not layer.geometry.dimensions and layer.geometry.groups > 1):
            found = f"the unrolled graph has no {layer.step.operation} of such a form"
            raise TracingError(found, "Use the rolled graph.")
        fold = self.folds.get(name)
        if fold is not None:
            factors = batch_norm_factors(fold, self.weights).to(kernel)
            kernel = kernel * factors.reshape(-1, *[1] * (kernel.dim() - 1))
        sample = self.sample(layer.shape)
        strongest = kernel.flatten(1).amax(1).reshape(-1, *[1] * layer.geometry.dimensions).expand(sample)
        result = self.part(name.removesuffix(".weight"), layer.shape, strongest)
        apply = _convolution(kernel, layer.geometry) if layer.geometry.dimensions else _linear(kernel)
        self.join(flow, apply, kernel)
        return result

    @override
    def embedding(self, layer: Layer, indices: Flow) -> Flow:
        raise TracingError("the unrolled graph has no tables of rows", "Use the rolled graph.")

    @override
    def constant(self, name: str, shape: Shape, dimension: int) -> Flow:
        return Flow(shape)

    @override
    def pool(self, step: Step, flow: Flow, dimensions: Shape, shape: Shape) -> Flow:
        rule = pooling(step, tuple(d - self.batched for d in dimensions), self.sample(flow.shape), self.sample(shape))
        reads = [read for nodes in self.samples(flow) for read in self.reads(nodes)]
        strengths = [read.values(self.strengths[read.part]) for read in reads]
        strongest = torch.stack([rule.largest(strength) for strength in strengths]).amax(0)
        result = self.part(step.name, shape, strongest)
        for read, strength in zip(reads, strengths, strict=True):
            self.add(read, _weighted(rule, strength), strength)
        return result

    @override
    def met(self, step: Step, flow: Flow, dimensions: Shape, kind: Kind = "met") -> Flow:
        shape = tuple(1 if d in dimensions else n for d, n in enumerate(flow.shape))
        return Flow(shape, unknown=flow.unknown or f"{step.operation} lets values meet without a weight")

    @override
    def passed(self, flow: Flow, other: Flow) -> Flow:
        return other

    @override
    def differs(self, flow: Flow, dimensions: Sequence[int], others: Sequence[int]) -> bool:
        raise TracingError("the unrolled graph has no sums of products with parameters", "Use the rolled graph.")

    @override
    def truth(self, flow: Flow, *, choice: bool = False) -> Flow:
        return Flow(flow.shape)

    @override
    def preferred(self, terms: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return terms

    @override
    def chosen(self, flow: Flow, number: int, choice: str) -> Flow:
        return Flow((*flow.shape[:-1], number, flow.shape[-1]), unknown="the data choose the weights")

    @override
    def choosing(self, flow: Flow, choice: str) -> Flow:
        return Flow((*flow.shape[:-2], flow.shape[-1]), unknown="the data choose the weights")

    @override
    def fold(self, parameters: tuple[str, ...]) -> None:
        """Node features belong to the rolled graph."""

    @override
    def batch_norm(self, step: Step, flow: Flow, sources: dict[str, Source], epsilon: float) -> Flow:
        return Flow(flow.shape, flow.terms, unknown=flow.unknown)

    @override
    def leave_out(self, parameters: tuple[str, ...], reason: str) -> None:
        """What the rolled graph leaves out is left out here, too, and listed in its coverage."""

    @override
    def unused(self, parameters: tuple[str, ...], reason: str) -> None:
        """Likewise."""

    # Nodes and edges.

    def sample(self, shape: Shape) -> Shape:
        return shape[1:] if self.batched else shape

    def part(self, name: str, shape: Shape, strength: Tensor) -> Flow:
        """Add a part with a node for each position; the samples of a batch share them."""
        size = strength.numel()
        nodes = torch.arange(self.offsets[-1], self.offsets[-1] + size).reshape(self.sample(shape))
        self.parts.append(Part(self.unique(name), size))
        self.offsets.append(self.offsets[-1] + size)
        self.strengths.append(strength.flatten())
        return Flow(shape, (nodes.expand(shape),))

    def unique(self, name: str) -> str:
        taken = sum(part.name.partition("#")[0] == name for part in self.parts)
        return f"{name}#{taken + 1}" if taken else name

    def samples(self, flow: Flow) -> list[Tensor]:
        """The layers of a flow for one sample of the batch."""
        if flow.unknown:
            raise TracingError(f"the unrolled graph needs every operation, but {flow.unknown}", "Use the rolled graph.")
        if not self.batched:
            return list(flow.terms)
        if any(nodes.stride(0) and not bool((nodes == nodes[:1]).all()) for nodes in flow.terms):
            raise TracingError("dimension 0 of a value is not the batch", "Pass input_shape with the batch dimension.")
        return [nodes[0] for nodes in flow.terms]

    def reads(self, nodes: Tensor) -> list[_Read]:
        """Split a layer by the part that its nodes belong to."""
        found = []
        flat = nodes.flatten()
        for part in torch.unique(torch.bucketize(flat, torch.tensor(self.offsets), right=True) - 1).tolist():
            if part < 0:
                continue
            begin, end = self.offsets[part], self.offsets[part + 1]
            inside = torch.where((flat >= begin) & (flat < end), flat - begin, end - begin)
            whole = torch.equal(inside, torch.arange(end - begin))
            found.append(_Read(part, tuple(nodes.shape), None if whole else inside))
        return found

    def join(self, flow: Flow, apply: Callable[[Tensor], Tensor], like: Tensor) -> None:
        for nodes in self.samples(flow):
            for read in self.reads(nodes):
                self.add(read, apply, like)

    def add(self, read: _Read, apply: Callable[[Tensor], Tensor], like: Tensor) -> None:
        """Join a part, in the way it is read, to the part that was added last."""
        target = len(self.parts) - 1
        shape = (self.parts[target].size, self.parts[read.part].size)
        block = Functional(lambda x: apply(read.values(x)), shape, like)
        self.blocks.setdefault((read.part, target), []).append(block)


def _convolution(kernel: Tensor, geometry: Geometry) -> Callable[[Tensor], Tensor]:
    convolution = CONVOLUTIONS[geometry.dimensions]
    sides = [n for before, after in reversed(geometry.padding) for n in (before, after)]
    symmetric = all(before == after for before, after in geometry.padding)
    padding = tuple(before for before, _ in geometry.padding) if symmetric else 0

    def apply(x: Tensor) -> Tensor:
        padded = x if symmetric else functional.pad(x, sides)
        return convolution(padded[None], kernel, None, geometry.stride, padding, geometry.dilation, geometry.groups)

    return apply


def _linear(kernel: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: functional.linear(x, kernel)


def _weighted(rule: Pooling, strength: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: rule.total(x * strength)

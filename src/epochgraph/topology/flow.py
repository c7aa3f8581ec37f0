"""Follow the nodes of a network through its operations, by running the operations on node indices.

A value of the network is represented by integer tensors of its own shape that tell, for each place, the node whose
output stands there. Reshaping, slicing, padding, concatenating, or shuffling channels then needs no rule of its own:
the operation itself, run on the indices, moves them just as it moves the values. Indices are mostly views of stride
zero, so that even a large feature map costs a few numbers.

What a layer, a pooling or an input means is left to a `Wiring`: the rolled topology and the unrolled graph are two of
them over the same program.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from epochgraph.topology.program import Shape, Source, Step


@dataclass(frozen=True, slots=True)
class Flow:
    """A value of the network, by the nodes whose output it carries.

    Attributes:
        shape: Shape of the value.
        layers: Node at each place, `NO_NODE` where there is none; a sum has several layers, a constant none.
        part: Index of the part whose output this is, untouched and read once only; None otherwise.
        unknown: Why the nodes are not known; empty if they are.
    """

    shape: Shape
    layers: tuple[Tensor, ...] = ()
    part: int | None = None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a layer walks over its input; a linear layer has no spatial dimensions.

    Attributes:
        dimensions: Number of spatial dimensions.
        stride: Step of the kernel in each.
        padding: Zeros before and after each.
        dilation: Distance of the kernel's taps in each.
        groups: Number of blocks of channels that do not see each other.
    """

    dimensions: int = 0
    stride: Shape = ()
    padding: tuple[tuple[int, int], ...] = ()
    dilation: Shape = ()
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of a linear layer or a convolution.

    Attributes:
        step: The operation.
        weight: Its weight, shaped (outputs, inputs / groups, *kernel); None if it is computed from other values.
        bias: Its bias, if there is one.
        geometry: How it walks over the input.
        shape: Shape of its result.
        single: Whether just one operation reads the result.
    """

    step: Step
    weight: Source | None
    bias: Source | None
    geometry: Geometry
    shape: Shape
    single: bool


class Wiring(ABC):
    """What the operations of a program mean for a graph of parts and edges."""

    @abstractmethod
    def input(self, source: Source) -> Flow:
        """An input of the network enters."""

    @abstractmethod
    def layer(self, layer: Layer, flow: Flow) -> Flow:
        """A linear layer or convolution reads `flow`."""

    @abstractmethod
    def pool(self, step: Step, flow: Flow, dimensions: Shape, shape: Shape) -> Flow:
        """`flow` is pooled over `dimensions`, which gives `shape`."""

    @abstractmethod
    def batch_norm(self, step: Step, flow: Flow, sources: dict[str, Source], epsilon: float) -> Flow:
        """A batch norm (`sources`: scale, shift, mean, variance) reads `flow`."""

    @abstractmethod
    def leave_out(self, parameter: Source, reason: str) -> None:
        """A parameter takes part in an operation that is no edge of the graph."""

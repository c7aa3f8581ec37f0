"""Follow the nodes of a network through its operations, by running the operations on node indices.

A value of the network is represented by integer tensors of its own shape that hold, for each position, the node whose
output is there. Reshaping, slicing, padding, concatenating, or shuffling channels then needs no special rule: the
operation itself, run on the indices, moves them just as it moves the values. Indices are mostly views of stride
zero, so that even a large feature map costs a few numbers.

The meaning of a layer, a pooling or an input is left to a `Wiring`: the rolled topology and the unrolled graph are two
wirings of the same program.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from torch import Tensor

from epochgraph.topology.bundles import Kind
from epochgraph.topology.program import Program, Shape, Source, Step


@dataclass(frozen=True, slots=True)
class Flow:
    """A value of the network, represented by the nodes whose output it carries.

    Attributes:
        shape: Shape of the value.
        terms: Node or bundle of nodes at each place, `NO_NODE` where there is none; a sum has several terms, a
            constant none.
        part: Index of the part whose output this is, untouched and read once only; None otherwise.
        unknown: Why the nodes are not known; empty if they are.
    """

    shape: Shape
    terms: tuple[Tensor, ...] = ()
    part: int | None = None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a layer moves over its input; a linear layer has no spatial dimensions.

    Attributes:
        dimensions: Number of spatial dimensions.
        stride: Step of the kernel in each.
        padding: Zeros before and after each.
        dilation: Distance of the kernel's taps in each.
        groups: Number of blocks of channels that do not see each other.
        transposed: Whether it is the transpose of such a convolution, from its output to its input.
    """

    dimensions: int = 0
    stride: Shape = ()
    padding: tuple[tuple[int, int], ...] = ()
    dilation: Shape = ()
    groups: int = 1
    transposed: bool = False


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter, or a value computed from parameters and constants only: a slice, a normalised weight.

    Attributes:
        name: The parameter's name, or the computation in words, which is the same for the same computation.
        shape: Its shape.
        parameters: Names of the parameters that it is made of.
        program: How it is computed, its last step being the result; None for a parameter as it is.
    """

    name: str
    shape: Shape
    parameters: tuple[str, ...]
    program: Program | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of a linear layer or a convolution.

    Attributes:
        step: The operation.
        weight: Its weight, shaped (outputs, inputs / groups, *kernel).
        bias: Its bias, if there is one.
        geometry: How it walks over the input.
        shape: Shape of its result.
        single: Whether just one operation reads the result.
        nodes: What tells its nodes apart from those of other layers, where it is not its weight and bias: the gates of
            a recurrent layer have several weights and one set of hidden units.
    """

    step: Step
    weight: Weight
    bias: Weight | None
    geometry: Geometry
    shape: Shape
    single: bool = False
    nodes: str = ""


class Wiring(ABC):
    """What the operations of a program mean for a graph of parts and edges.

    Attributes:
        most_terms: How many terms whose nodes change along several dimensions a value may have. The nodes of more, as
            where many branches end in one sum, meet.
        most_bytes: How much memory for indices one operation may take; what needs more is an error.
    """

    most_terms: ClassVar[float] = 8
    most_bytes: ClassVar[float] = inf

    @abstractmethod
    def input(self, source: Source) -> Flow:
        """Enter an input of the network."""

    @abstractmethod
    def layer(self, layer: Layer, flow: Flow) -> Flow:
        """A linear layer or convolution reads `flow`, a linear layer along its last dimension."""

    @abstractmethod
    def embedding(self, layer: Layer, indices: Flow) -> Flow:
        """Rows of a table, whose weight is given as of a layer that reads one node a row, are chosen by `indices`."""

    @abstractmethod
    def constant(self, name: str, shape: Shape, dimension: int) -> Flow:
        """Numbers that do not depend on the input are read by a layer along `dimension`: features of positions."""

    @abstractmethod
    def pool(self, step: Step, flow: Flow, dimensions: Shape, shape: Shape) -> Flow:
        """`flow` is pooled over `dimensions`, which gives `shape`."""

    @abstractmethod
    def met(self, step: Step, flow: Flow, dimensions: Shape, kind: Kind = "met") -> Flow:
        """The values along some dimensions meet in one, for example in a product; the dimensions stay with size 1."""

    @abstractmethod
    def passed(self, flow: Flow, other: Flow) -> Flow:
        """What is left of `other` when it is combined with `flow` place by place: nothing, if it is its statistic."""

    @abstractmethod
    def differs(self, flow: Flow, dimensions: Sequence[int], others: Sequence[int]) -> bool:
        """Whether there are different nodes along some dimensions, and none along others."""

    @abstractmethod
    def truth(self, flow: Flow, *, choice: bool = False) -> Flow:
        """What the values of a flow decide: whether each is larger than a bound, or which of them is the largest.

        What is decided of values of layers carries their nodes, unless it is a choice. A choice, and what is decided of
        inputs, such as a mask, carries them only until it meets values.
        """

    @abstractmethod
    def preferred(self, terms: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Of terms that meet place by place, those of values; where there are none, those of what values decide."""

    @abstractmethod
    def chosen(self, flow: Flow, number: int, choice: str) -> Flow:
        """The nodes of a flow as one of `number` alternatives gave them, all in an additional last dimension but one.

        Where a place holds nodes that `choice` chose, they are told apart; other places are the same for all.
        """

    @abstractmethod
    def choosing(self, flow: Flow, choice: str) -> Flow:
        """The reverse: the last dimension but one goes, and each place holds what `choice` chooses along it."""

    @abstractmethod
    def batch_norm(self, step: Step, flow: Flow, sources: dict[str, Source], epsilon: float) -> Flow:
        """A batch norm (`sources`: scale, shift, mean, variance) reads `flow`."""

    @abstractmethod
    def fold(self, parameters: tuple[str, ...]) -> None:
        """Parameters are added to nodes, or multiply them one by one: they belong to nodes and are not edges."""

    @abstractmethod
    def leave_out(self, parameters: tuple[str, ...], reason: str) -> None:
        """Parameters take part in an operation that is not understood."""

    @abstractmethod
    def unused(self, parameters: tuple[str, ...], reason: str) -> None:
        """Parameters have no effect where they are read; the reason counts if they have none elsewhere."""

"""The wiring of a network as data: parts, joins, and what is known about every parameter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from epochgraph.topology.computing import refusal
from epochgraph.topology.program import Program
from epochgraph.topology.spans import Span

Status = Literal["joined", "folded", "left out"]


@dataclass(frozen=True, slots=True)
class Part:
    """A group of nodes that belong together: the input channels, a layer's filters or neurons.

    Attributes:
        name: The layer's name in the model, or of the input.
        size: Number of nodes.
        bias: Name of the parameter with one bias per node, if there is one.
    """

    name: str
    size: int
    bias: str | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """A weight through which the nodes of one part reach those of another.

    Attributes:
        source: Index of the part that is read.
        target: Index of the part whose nodes the weight's first axis counts.
        parameter: Name of the weight, shaped (targets, inputs / groups, *kernel): a parameter, or one that is computed.
        inputs: The source nodes at each position of the layer's input axis (all groups one after another).
        groups: Number of blocks of inputs and targets that do not see each other.
    """

    source: int
    target: int
    parameter: str
    inputs: tuple[Span, ...]
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Fold:
    """A batch norm that directly follows a part, so that its scale can be multiplied into the part's weights.

    Attributes:
        part: Index of the part.
        scale: Name of the parameter gamma; None for 1.
        shift: Name of the parameter beta; None for 0.
        mean: Name of the running mean.
        variance: Name of the running variance.
        epsilon: Added to the variance.
    """

    part: int
    scale: str | None
    shift: str | None
    mean: str
    variance: str
    epsilon: float


@dataclass(frozen=True, slots=True)
class Entry:
    """The role of one parameter in the topology.

    Attributes:
        name: The parameter.
        size: Its number of values.
        status: "joined" as edges, "folded" into nodes (a bias, the scale and shift of a norm, whatever is added to
            nodes or multiplies them one by one), or "left out".
        reason: Why it is left out, wholly or for one of its uses; empty otherwise.
    """

    name: str
    size: int
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The role of every parameter, so that nothing is missing unnoticed."""

    entries: tuple[Entry, ...]

    @property
    def share(self) -> float:
        """The share of all parameters' values that is joined or folded, from 0 to 1 (1 for no parameters)."""
        total = sum(entry.size for entry in self.entries)
        return 1.0 if total == 0 else sum(e.size for e in self.entries if e.status != "left out") / total

    @property
    def left_out(self) -> tuple[Entry, ...]:
        """The parameters that are not part of the graph."""
        return tuple(entry for entry in self.entries if entry.status == "left out")


@dataclass(frozen=True)
class Topology:
    """The wiring of a network, without its weights.

    Attributes:
        parts: In forward order; the inputs come first.
        joins: Which weight connects which parts; several joins of the same two parts are parallel edges.
        folds: Batch norms that can be folded into a part's weights.
        coverage: The role of every parameter.
        tied: Groups of names that share one tensor; the first is the one that joins and folds use.
        computed: Name of each weight that is not a parameter -> how it is computed from parameters.
        rung: How the wiring was found, and why not in a simpler way; empty if only the parameters are known.
        program: The operations from input to output, for the unrolled graph; None if only the parameters are known.

    Examples:
        >>> from torch import nn
        >>> from epochgraph import chain
        >>> topology = chain(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)))
        >>> [(part.name, part.size) for part in topology.parts]
        [('input', 4), ('0', 8), ('2', 3)]
        >>> [(join.source, join.target, join.parameter) for join in topology.joins]
        [(0, 1, '0.weight'), (1, 2, '2.weight')]
        >>> topology.coverage.share
        1.0
    """

    parts: tuple[Part, ...]
    joins: tuple[Join, ...]
    folds: tuple[Fold, ...] = ()
    coverage: Coverage = field(default=Coverage(()))
    tied: tuple[tuple[str, ...], ...] = ()
    program: Program | None = None
    computed: Mapping[str, Program] = field(default_factory=dict)
    rung: str = ""

    @cached_property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Other names under which a checkpoint may hold a parameter."""
        return {names[0]: names[1:] for names in self.tied}

    @cached_property
    def refused(self) -> Mapping[str, str]:
        """Why weights are not computed, by name: a file may ask for more memory than any machine has."""
        reasons = {name: refusal(program) for name, program in self.computed.items()}
        return {name: reason for name, reason in reasons.items() if reason}

    @cached_property
    def readers(self) -> tuple[int, ...]:
        """For each join the first that reads through the same weight in the same way, maybe from another part."""
        first: dict[tuple[object, ...], int] = {}
        keys = ((j.parameter, j.inputs, j.groups, j.target, self.parts[j.source].size) for j in self.joins)
        return tuple(first.setdefault(key, place) for place, key in enumerate(keys))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of nodes of each part."""
        return tuple(part.size for part in self.parts)

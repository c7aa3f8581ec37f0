"""Wires that the user declares for single weights -> Topology: where `trace` fails, or the user knows better."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from epochgraph.errors import TracingError
from epochgraph.topology.chain import outlines, parameters_of
from epochgraph.topology.spans import NO_NODE, Span
from epochgraph.topology.structure import Coverage, Entry, Join, Part, Topology

DECLARED = "declared by the user"

FORGOTTEN = "what it belonged to is declared otherwise"

ADVICE = "Say of each weight which part it reads, whose nodes its second axis counts, and which it writes, its first."


@dataclass(frozen=True, slots=True)
class Wire:
    """A weight, the part whose nodes it reads, and the part whose nodes it writes.

    A weight that reads a sum has a wire for each term; one that reads concatenated parts has a wire for each, with the
    position at which the part begins.

    Attributes:
        weight: Name of the parameter, shaped (targets, inputs, *kernel).
        reads: Name of the part that is read: a layer's name, `input`, or any new name for what enters.
        writes: Name of the part whose nodes the weight's first axis counts; None for the layer's own name, which is
            that of the weight without ".weight".
        at: Position on the input axis where the part's nodes begin, one per position; None if they fill the whole axis,
            each repeated as often as needed (a flatten repeats each channel once per pixel).
        groups: Number of blocks of inputs and targets that do not see each other, as of a grouped convolution.

    Examples:
        >>> Wire("head.weight", reads="block.3")
        Wire(weight='head.weight', reads='block.3', writes=None, at=None, groups=1)
    """

    weight: str
    reads: str
    writes: str | None = None
    at: int | None = None
    groups: int = 1


def wire(source: nn.Module | Mapping[str, Tensor], wires: Sequence[Wire], topology: Topology | None = None) -> Topology:
    """Wire some weights as declared, and leave the others as they were found.

    Args:
        source: A model, or its parameters by name (a state dict or checkpoint).
        wires: The wires. For a weight named here, everything found before is dropped: also under other names of the
            same tensor, as an embedding, and as part of computed weights.
        topology: The wiring to correct or complete, as `trace` found it; None to start without any.

    Raises:
        TracingError: A wire names a missing weight, or parts whose sizes do not fit the weight's axes.

    Examples:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
        >>> topology = wire(model, [Wire("0.weight", "input"), Wire("1.weight", "0")])
        >>> [(part.name, part.size) for part in topology.parts], topology.coverage.share
        ([('input', 4), ('0', 8), ('1', 3)], 1.0)
    """
    if not isinstance(source, nn.Module):
        source = outlines(source)
    tensors = source.state_dict(keep_vars=True) if isinstance(source, nn.Module) else source
    found = topology or Topology((), (), coverage=_nothing_joined(source))
    declared = _Declared(tensors, found, {one.weight for one in wires})
    for one in wires:
        declared.add(one)
    return declared.topology()


def _nothing_joined(source: nn.Module | Mapping[str, Tensor]) -> Coverage:
    parameters = parameters_of(source).items()
    return Coverage(tuple(Entry(name, tensor.numel(), "left out", "no wire names it") for name, tensor in parameters))


class _Declared:
    """Adds one wire after another to what was found."""

    def __init__(self, tensors: Mapping[str, Tensor], found: Topology, weights: set[str]) -> None:
        self.tensors = tensors
        self.found = found
        self.parts = list(found.parts)
        self.aliases = {name: names for names in found.tied for name in names}
        self.weights = weights
        self.wired = {self.first_name(weight) for weight in weights}
        self.joins = [join for join in found.joins if not self.wired & self.parameters(join.parameter)]

    def first_name(self, parameter: str) -> str:
        """The name that joins use, among those that share a tensor."""
        return self.aliases.get(parameter, (parameter,))[0]

    def parameters(self, weight: str) -> set[str]:
        """The parameter that a weight or bias is, or those that it is computed from."""
        program = self.found.computed.get(weight)
        if program is None:
            return {self.first_name(weight)}
        return {self.first_name(source.target) for source in program.sources if source.kind == "parameter"}

    def add(self, one: Wire) -> None:
        outputs, inputs = self.axes(one)
        layer = one.weight.removesuffix(".weight")
        source = self.part(one.reads, inputs - (one.at or 0), None, counted=False)
        bias = f"{layer}.bias" if tuple(self.shape(f"{layer}.bias")) == (outputs,) else None
        target = self.part(one.writes or layer, outputs, bias, counted=True)
        inputs_read = self.positions(one, self.parts[source], inputs)
        self.joins.append(Join(source, target, self.first_name(one.weight), inputs_read, one.groups))

    def axes(self, one: Wire) -> tuple[int, int]:
        """How many nodes a weight writes and reads."""
        shape = self.shape(one.weight)
        if not self.held(one.weight):
            near = difflib.get_close_matches(one.weight, self.tensors, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else ADVICE
            raise TracingError(f"a wire names {one.weight!r}, and there is no such parameter", hint)
        if len(shape) < 2 or one.groups < 1 or shape[0] % one.groups:
            found = f"a wire names {one.weight!r} in {one.groups} groups, which has the shape {shape}"
            raise TracingError(found, ADVICE)
        return shape[0], shape[1] * one.groups

    def shape(self, name: str) -> tuple[int, ...]:
        held = self.held(name)
        return tuple(self.tensors[held].shape) if held else ()

    def held(self, name: str) -> str | None:
        """The name under which a tensor is given, among those that share it."""
        return next((alias for alias in self.aliases.get(name, (name,)) if alias in self.tensors), None)

    def part(self, name: str, size: int, bias: str | None, *, counted: bool) -> int:
        """A part by its name, new if it is unknown; `counted` if it must have exactly this many nodes."""
        names = [part.name for part in self.parts]
        if name not in names:
            self.parts.append(Part(name, size, bias))
            return len(names)
        index = names.index(name)
        if counted and self.parts[index].size != size:
            found = f"a wire writes {size} nodes to {name!r}, which has {self.parts[index].size}"
            raise TracingError(found, ADVICE)
        return index

    def positions(self, one: Wire, part: Part, inputs: int) -> tuple[Span, ...]:
        """The node of the part at each position of the input axis."""
        if one.at is None:
            if inputs % part.size:
                found = f"{one.weight!r} has {inputs} inputs, which {one.reads!r} with {part.size} nodes cannot fill"
                raise TracingError(found, "Say at which position its nodes begin (`at`), or name another part.")
            return (Span(0, part.size, inputs // part.size),)
        behind = inputs - one.at - part.size
        if one.at < 0 or behind < 0 or part.size < 1:
            found = f"{one.weight!r} has {inputs} inputs, too few for {part.size} nodes of {one.reads!r} from {one.at}"
            raise TracingError(found, ADVICE)
        gaps = (Span(NO_NODE, 1, one.at), Span(0, part.size, 1), Span(NO_NODE, 1, behind))
        return tuple(span for span in gaps if span.repeat)

    def topology(self) -> Topology:
        """The topology that was found, with the declared wires in place; the network's inputs come first.

        A part that was joined only by dropped joins is dropped, too. What was folded into it, except a batch norm,
        still counts as folded, as nothing says which part it belonged to.
        """
        kept = set(range(len(self.parts))) - _ends(self.found.joins) | _ends(self.joins)
        written = {join.target for join in self.joins} | set(range(len(self.found.parts)))
        order = sorted(kept, key=lambda index: (index in written, index))
        place = {index: number for number, index in enumerate(order)}
        said = f"{DECLARED}: {', '.join(sorted(self.weights))}"
        topology = replace(
            self.found,
            parts=tuple(self.parts[index] for index in order),
            joins=tuple(replace(j, source=place[j.source], target=place[j.target]) for j in self.joins),
            folds=tuple(replace(fold, part=place[fold.part]) for fold in self.found.folds if fold.part in kept),
            rung=f"{self.found.rung}; {said}" if self.found.rung else said,
        )
        return replace(topology, coverage=self.coverage(topology))

    def used(self, topology: Topology) -> set[str]:
        """The parameters that parts, joins and folds have."""
        names = {join.parameter for join in topology.joins} | {part.bias for part in topology.parts}
        names |= {name for fold in topology.folds for name in (fold.scale, fold.shift)}
        return {parameter for name in names if name for parameter in self.parameters(name)}

    def coverage(self, topology: Topology) -> Coverage:
        biases = {part.bias for part in topology.parts}
        forgotten = self.used(self.found) - self.used(topology)

        def entry(found: Entry) -> Entry:
            if found.name in self.wired:
                return Entry(found.name, found.size, "joined")
            if found.name in forgotten:
                return Entry(found.name, found.size, "left out", FORGOTTEN)
            if found.name in biases and found.status == "left out":
                return Entry(found.name, found.size, "folded")
            return found

        return Coverage(tuple(map(entry, self.found.coverage.entries)))


def _ends(joins: Iterable[Join]) -> set[int]:
    """The parts that are joined."""
    return {part for join in joins for part in (join.source, join.target)}

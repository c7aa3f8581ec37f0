"""The rolled wiring: one node for each input channel, filter and neuron, wherever in the feature map it acts."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from epochgraph.topology.bundles import FIRST, Bundle, Bundles, Kind, compact, thin
from epochgraph.topology.flow import Flow, Layer, Weight, Wiring
from epochgraph.topology.program import Program, Shape, Source, Step
from epochgraph.topology.spans import NO_NODE, NodeIndex, Span, spans
from epochgraph.topology.structure import Fold, Join, Part

Line = tuple[NodeIndex, NodeIndex]
"""The first node at each position, and the number of nodes there."""


class RolledWiring(Wiring):
    """Collects parts, joins, folds, and why parameters are left out.

    A layer called again adds joins to the part it already has: its filters stay the same nodes.

    Args:
        axes: For each input's name, the dimensions of its shape that its nodes are counted along.
        vocabularies: For each input whose integers choose rows of a table, the number of rows: its nodes.
    """

    def __init__(self, axes: dict[str, Shape], vocabularies: dict[str, int]) -> None:
        self.axes = axes
        self.vocabularies = vocabularies
        self.parts: list[Part] = []
        self.offsets = [0]
        self.bundles = Bundles()
        self.joins: dict[Join, None] = {}
        self.computed: dict[str, Program] = {}
        self.made_of: dict[str, tuple[str, ...]] = {}
        self.folds: dict[int, Fold] = {}
        self.folded: set[str] = set()
        self.reasons: dict[str, str] = {}
        self.idle: dict[str, str] = {}
        self.known: dict[object, int] = {}
        self.called_again: set[int] = set()
        self.indices: dict[int, int] = {}
        self.entering: set[int] = set()
        self.decisions: dict[tuple[int, bool], int] = {}
        self.read: dict[bytes, tuple[tuple[int, tuple[Span, ...]], ...]] = {}

    @override
    def input(self, source: Source) -> Flow:
        self.entering.add(len(self.parts))
        name = "input" if len(self.axes) == 1 else source.target
        if source.name in self.vocabularies:
            size, begin = self.vocabularies[source.name], self.offsets[-1]
            mark = self.bundles.number(Bundle("met", tuple(range(begin, begin + size))))
            self.indices[mark] = self.add_part(name, size, None)
            return Flow(source.shape, (torch.full((), mark).expand(source.shape),))
        axes = self.axes[source.name]
        counted = [n if axis in axes else 1 for axis, n in enumerate(source.shape)]
        return self.counted(name, source.shape, counted)

    @override
    def constant(self, name: str, shape: Shape, dimension: int) -> Flow:
        return self.counted(name, shape, [n if axis == dimension else 1 for axis, n in enumerate(shape)])

    def counted(self, name: str, shape: Shape, counted: list[int]) -> Flow:
        """A part for an input, with nodes along the dimensions whose sizes are counted."""
        size = int(torch.tensor(counted).prod())
        if (name, size) not in self.known:
            self.known[name, size] = self.add_part(name, size, None)
        part = self.known[name, size]
        nodes = torch.arange(size).reshape(counted) + self.offsets[part]
        return Flow(shape, (nodes.expand(shape),))

    @override
    def layer(self, layer: Layer, flow: Flow) -> Flow:
        outputs = layer.shape[-1 - layer.geometry.dimensions]
        part = self.part_of(layer, outputs)
        self.join(layer, flow, part)
        nodes = torch.arange(outputs) + self.offsets[part]
        nodes = nodes.reshape(-1, *[1] * layer.geometry.dimensions).expand(layer.shape)
        return Flow(layer.shape, (nodes,), part=part if layer.single and part not in self.called_again else None)

    @override
    def embedding(self, layer: Layer, indices: Flow) -> Flow:
        outputs, rows = layer.weight.shape
        chosen = self.index_parts(indices, rows) or [self.index_part(layer, rows)]
        part = self.part_of(layer, outputs)
        for source in chosen:
            self.add_joins(layer.weight, [Join(source, part, layer.weight.name, spans(np.arange(rows)))])
        nodes = torch.arange(outputs) + self.offsets[part]
        return Flow(layer.shape, (nodes.expand(layer.shape),))

    def index_parts(self, indices: Flow, rows: int) -> list[int]:
        """The inputs that choose among so many rows."""
        found = {self.indices[mark] for nodes in indices.terms for mark in _distinct(nodes) if mark in self.indices}
        return sorted(part for part in found if self.parts[part].size >= rows)

    def index_part(self, layer: Layer, rows: int) -> int:
        """A part for the places of a table that no input chooses from: positions, kinds of tokens."""
        name = f"{_layer_name(layer)}.index"
        if (name, rows) not in self.known:
            self.known[name, rows] = self.add_part(name, rows, None)
        return self.known[name, rows]

    def part_of(self, layer: Layer, outputs: int) -> int:
        """The part of a layer: the one it already has if its weight and bias were called before."""
        bias = layer.bias.name if layer.bias else None
        key = layer.nodes or (layer.weight.name, bias)
        if key in self.known:
            self.call_again(self.known[key])
        else:
            for weight in (layer.bias, layer.weight):
                self.remember(weight)
            self.known[key] = self.add_part(_layer_name(layer), outputs, bias)
        return self.known[key]

    def remember(self, weight: Weight | None) -> None:
        """Keep how a weight is computed."""
        if weight is not None and weight.program is not None:
            self.computed[weight.name] = weight.program
            self.made_of[weight.name] = weight.parameters

    def forgo(self, refusal: Callable[[Program], str]) -> None:
        """Leave out weights that could not be computed again from a file, so that every topology can be read back.

        Args:
            refusal: Why a computation is not run; empty if it is.
        """
        refused = {name: found for name, program in self.computed.items() if (found := refusal(program))}
        for name, found in refused.items():
            self.leave_out(self.made_of[name], f"it is not computed again: {found}")
            del self.computed[name]
        self.joins = {join: None for join in self.joins if join.parameter not in refused}
        self.parts = [replace(part, bias=None) if part.bias in refused else part for part in self.parts]

    def forget_unread_inputs(self) -> None:
        """Take out inputs that no weight reads, such as a mask: their size is the example's, not the network's.

        Where something is left out all stay, for its weight may be declared as one that reads them.
        """
        unread = self.entering - {join.source for join in self.joins}
        if self.reasons or unread == self.entering:
            return
        left = [index for index in range(len(self.parts)) if index not in unread]
        place = {index: number for number, index in enumerate(left)}
        self.parts = [self.parts[index] for index in left]
        self.folds = {place[part]: replace(fold, part=place[part]) for part, fold in self.folds.items()}
        moved = (replace(join, source=place[join.source], target=place[join.target]) for join in self.joins)
        self.joins = dict.fromkeys(moved)
        entering = [place[index] for index in self.entering - unread]
        named = any(part.name == "input" for part in self.parts)
        if unread and len(entering) == 1 and not named:  # an only input has this name
            self.parts[entering[0]] = replace(self.parts[entering[0]], name="input")

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

    def join(self, layer: Layer, flow: Flow, target: int) -> None:
        """Join the parts that a layer reads to its own."""
        weight = layer.weight
        axis = len(flow.shape) - 1 - layer.geometry.dimensions
        others = tuple(d for d in range(len(flow.shape)) if d != axis)
        lines = [self.bundles.together(nodes, others) for nodes in flow.terms]
        unknown = flow.unknown or ("more places than can be followed" if any(line is None for line in lines) else "")
        if unknown:
            self.leave_out(weight.parameters, f"its input cannot be followed: {unknown}")
            return
        groups = layer.geometry.groups
        joins = [
            Join(source, target, weight.name, inputs, groups)
            for nodes in lines
            if nodes is not None
            for source, inputs in self.parts_read(nodes.flatten().numpy())
        ]
        if joins:
            self.add_joins(weight, joins)
        else:
            self.unused(
                weight.parameters, "it reads constants only" if all(flow.shape) else "the example does not reach it"
            )

    def add_joins(self, weight: Weight, joins: list[Join]) -> None:
        """Add joins through one weight."""
        self.remember(weight)
        self.joins.update(dict.fromkeys(joins))

    def parts_read(self, nodes: NodeIndex) -> tuple[tuple[int, tuple[Span, ...]], ...]:
        """The parts among the nodes at each position, with where they stand; kept, as layers often read the same."""
        key = nodes.tobytes()
        if key not in self.read:
            self.read[key] = tuple((part, spans(*line)) for part, line in self.lines(nodes))
        return self.read[key]

    def lines(self, nodes: NodeIndex) -> list[tuple[int, Line]]:
        """Split the nodes at each position by their part; several ranges of one part stay separate."""
        found: list[tuple[int, Line]] = []
        plain = (nodes != NO_NODE) & (nodes < FIRST)
        parts = np.searchsorted(self.offsets, nodes, side="right") - 1
        for part in np.unique(parts[plain]).tolist():
            here = plain & (parts == part)
            found.append((part, (np.where(here, nodes - self.offsets[part], NO_NODE), np.ones_like(nodes))))
        marks, inverse = np.unique(nodes, return_inverse=True)
        places = {part: place for place, (part, _) in enumerate(found)}
        for part, nth, (first, width) in self.ranges(marks):
            line = first[inverse], width[inverse]
            if nth == 0 and part in places:  # other positions of it hold single nodes
                before, own = found[places[part]][1], line[0] != NO_NODE
                line = np.where(own, line[0], before[0]), np.where(own, line[1], before[1])
                found[places[part]] = part, line
            else:
                found.append((part, line))
        return found

    def ranges(self, marks: NodeIndex) -> Iterator[tuple[int, int, Line]]:
        """The nodes of bundles, as ranges of nodes that follow each other.

        Args:
            marks: Some indices, of which those of bundles count.

        Yields:
            A part; which of its ranges this is, from 0; and of each bundle the first node of the range, counted
            within the part, and the number of nodes.
        """
        numbers = np.flatnonzero(marks >= FIRST)
        members = [sorted(self.bundles.members(mark)) for mark in marks[numbers].tolist()]
        owners = np.repeat(numbers, [len(each) for each in members])
        flat = np.fromiter(chain.from_iterable(members), np.int64, len(owners))
        parts = np.searchsorted(self.offsets, flat, side="right") - 1
        breaks = [np.diff(values, prepend=-2) != step for values, step in ((flat, 1), (parts, 0), (owners, 0))]
        starts = np.flatnonzero(np.any(breaks, axis=0))
        widths, first = np.diff(starts, append=len(flat)), flat[starts] - np.asarray(self.offsets)[parts[starts]]
        owners, parts = owners[starts], parts[starts]
        begins = np.flatnonzero((np.diff(owners, prepend=-1) != 0) | (np.diff(parts, prepend=-1) != 0))
        nth = np.arange(len(starts)) - np.repeat(begins, np.diff(begins, append=len(starts)))
        for part, place in dict.fromkeys(zip(parts.tolist(), nth.tolist(), strict=True)):
            own = (parts == part) & (nth == place)
            line = np.full(len(marks), NO_NODE), np.ones(len(marks), dtype=np.int64)
            line[0][owners[own]], line[1][owners[own]] = first[own], widths[own]
            yield part, place, line

    @override
    def pool(self, step: Step, flow: Flow, dimensions: Shape, shape: Shape) -> Flow:
        met = self.met(step, flow, dimensions, "statistic")
        terms = met.terms
        if len(shape) < len(flow.shape):
            terms = tuple(term.squeeze(dimensions) for term in terms)
        return Flow(shape, tuple(term.expand(shape) for term in terms), unknown=met.unknown)

    @override
    def met(self, step: Step, flow: Flow, dimensions: Shape, kind: Kind = "met") -> Flow:
        shape = tuple(1 if d in dimensions else n for d, n in enumerate(flow.shape))
        found = [self.bundles.together(nodes, dimensions, kind) for nodes in flow.terms]
        unknown = flow.unknown
        if any(nodes is None for nodes in found):
            unknown = f"{step.operation} mixes more places than can be followed"
        return Flow(shape, () if unknown else tuple(n for n in found if n is not None), unknown=unknown)

    @override
    def passed(self, flow: Flow, other: Flow) -> Flow:
        statistics = [self.is_statistic(nodes) for nodes in other.terms]
        if not any(statistics) or not flow.terms:
            return other
        if not self.normalises([n for n, is_one in zip(other.terms, statistics, strict=True) if is_one], flow.terms):
            return other
        kept = tuple(nodes for nodes, is_one in zip(other.terms, statistics, strict=True) if not is_one)
        return Flow(other.shape, kept, unknown=other.unknown)

    def normalises(self, statistics: Sequence[Tensor], terms: Sequence[Tensor]) -> bool:
        """Whether statistics are of the values that they are combined with: these, more than one, and no others."""
        measured = [set(self.bundles.members(mark)) for nodes in statistics for mark in _distinct(nodes)]
        own = [set(self.bundles.members(mark)) for nodes in terms for mark in _distinct(nodes)]
        if set().union(*own) != set().union(*measured):
            return False
        return max(map(len, own), default=0) < max(map(len, measured))  # else they are no less statistics themselves

    def is_statistic(self, nodes: Tensor) -> bool:
        """Whether the nodes at all places have met in a statistic."""
        first = int(nodes[(0,) * nodes.dim()]) if nodes.numel() else NO_NODE
        return first >= FIRST and self.bundles[first].kind == "statistic"

    @override
    def differs(self, flow: Flow, dimensions: Sequence[int], others: Sequence[int]) -> bool:
        shapes = [compact(nodes).shape for nodes in flow.terms]
        along = {d for shape in shapes for d, size in enumerate(shape) if size > 1}
        return bool(along.intersection(dimensions)) and not along.intersection(others)

    @override
    def truth(self, flow: Flow, *, choice: bool = False) -> Flow:
        terms = tuple(self.decided(nodes, choice=choice).expand(flow.shape) for nodes in flow.terms)
        return Flow(flow.shape, terms, unknown=flow.unknown)

    def decided(self, nodes: Tensor, *, choice: bool) -> Tensor:
        """The same places, at each of them what the nodes there decide."""
        marks, inverse = torch.unique(thin(nodes), return_inverse=True)
        for mark in marks.tolist():
            if (mark, choice) not in self.decisions:
                self.decisions[mark, choice] = self.decision(mark, choice=choice)
        return torch.tensor([self.decisions[mark, choice] for mark in marks.tolist()], dtype=torch.int64)[inverse]

    def decision(self, mark: int, *, choice: bool) -> int:
        """What stands where the nodes of one index decide."""
        if mark == NO_NODE or self.bundles.is_truth(mark):
            return mark
        members = self.bundles.members(mark)
        of_layers = () if choice else tuple(node for node in members if self.part_at(node) not in self.entering)
        if len(of_layers) == len(members):
            return mark
        return self.bundles.number(Bundle("met", of_layers) if of_layers else Bundle("truth", members))

    def part_at(self, node: int) -> int:
        """The part that a node belongs to."""
        return bisect_right(self.offsets, node) - 1

    @override
    def preferred(self, terms: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(nodes for nodes in terms if not self.is_decided(nodes)) or terms

    def is_decided(self, nodes: Tensor) -> bool:
        """Whether all places hold what nodes decide."""
        first = int(nodes[(0,) * nodes.dim()]) if nodes.numel() else NO_NODE
        return self.bundles.is_truth(first) and all(self.bundles.is_truth(mark) for mark in _distinct(nodes))

    @override
    def chosen(self, flow: Flow, number: int, choice: str) -> Flow:
        shape = (*flow.shape[:-1], number, flow.shape[-1])
        return Flow(shape, tuple(self.told_apart(n, number, choice) for n in flow.terms), unknown=flow.unknown)

    def told_apart(self, nodes: Tensor, number: int, choice: str) -> Tensor:
        """The nodes of each alternative, in an additional last dimension but one."""
        rest = thin(nodes, kept=2)
        marks, inverse = torch.unique(rest, return_inverse=True)

        def alternatives(mark: int) -> tuple[int, ...]:
            bundle = self.bundles[mark] if mark >= FIRST else None
            return bundle.members if bundle is not None and bundle.choice == choice else (mark,) * number

        table = torch.tensor([alternatives(mark) for mark in marks.tolist()])
        return table[inverse].movedim(-1, -2).expand(*nodes.shape[:-1], number, nodes.shape[-1])

    @override
    def choosing(self, flow: Flow, choice: str) -> Flow:
        shape = (*flow.shape[:-2], flow.shape[-1])
        return Flow(shape, tuple(self.put_together(n, choice) for n in flow.terms), unknown=flow.unknown)

    def put_together(self, nodes: Tensor, choice: str) -> Tensor:
        """At each place a bundle of what the alternatives along the last dimension but one gave."""
        rest = thin(nodes, kept=2).movedim(-2, -1)
        rows = rest.reshape(-1, rest.shape[-1])
        numbers = [self.bundles.number(Bundle("choice", tuple(row), choice)) for row in rows.tolist()]
        found = torch.tensor(numbers).reshape(rest.shape[:-1])
        return found.expand(*nodes.shape[:-2], nodes.shape[-1])

    @override
    def batch_norm(self, step: Step, flow: Flow, sources: dict[str, Source], epsilon: float) -> Flow:
        names = {role: source.target for role, source in sources.items()}
        if flow.part is not None and flow.part not in self.folds and {"mean", "variance"} <= names.keys():
            scale, shift = names.get("scale"), names.get("shift")
            self.folds[flow.part] = Fold(flow.part, scale, shift, names["mean"], names["variance"], epsilon)
        else:
            for role in ("scale", "shift"):
                if role in sources:
                    self.leave_out((names[role],), "it is a batch norm that does not follow one layer alone")
        return Flow(flow.shape, flow.terms, unknown=flow.unknown)

    @override
    def fold(self, parameters: tuple[str, ...]) -> None:
        self.folded.update(parameters)

    @override
    def leave_out(self, parameters: tuple[str, ...], reason: str) -> None:
        for name in parameters:
            self.reasons.setdefault(name, reason)

    @override
    def unused(self, parameters: tuple[str, ...], reason: str) -> None:
        self.idle.update(dict.fromkeys(parameters, reason))


def _layer_name(layer: Layer) -> str:
    return layer.weight.parameters[0].removesuffix(".weight")


def _distinct(nodes: Tensor) -> list[int]:
    """The indices that occur."""
    return [mark for mark in torch.unique(thin(nodes)).tolist() if mark != NO_NODE]

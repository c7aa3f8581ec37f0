"""Products place by place: with a factor for each node, or with a matrix, written as a product and a sum.

`(x[:, None] * w).sum(-1)` is a linear layer with the weight `w`, and `x[..., None] * w` gives each node of `x` units of
its own. Only what multiplies nodes one by one belongs to them, and is no edge.
"""

from dataclasses import replace
from math import prod

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow
from epochgraph.topology.program import Shape, Source, Step
from epochgraph.topology.rules.dimensions import pooled_dimensions, same_along, without
from epochgraph.topology.rules.places import pointwise
from epochgraph.topology.rules.products import product
from epochgraph.topology.rules.reductions import pooled
from epochgraph.topology.walk import Computed, Unsummed, Value, Walk, is_constant, is_weight, plain

SUMS = frozenset(["mean", "sum"])
"""Reductions of which a product with a weight makes a layer."""

DIVISIONS = frozenset(["div", "divide", "true_divide"])
"""Products with the reciprocal of the second operand."""


def scaled(walk: Walk, step: Step) -> Value:
    """Values are multiplied by parameters, or by each other."""
    found = _product(walk, step)
    if found is None:
        return pointwise(walk, step)
    reader = walk.only_reader(step)
    if reader is not None and ops.base(reader.operation) in SUMS and _is_layer(walk, found, reader):
        return found
    return _multiplied(walk, step, found, ()) if len(found.read) < len(found.shape) else pointwise(walk, step)


def summed(walk: Walk, step: Step) -> Value:
    """A sum or mean over some dimensions; of a product with a weight it is a layer."""
    read = walk.operands(step)[0]
    if not isinstance(read, Unsummed):
        return pooled(walk, step)
    gone = pooled_dimensions(step, len(read.shape))
    if ops.base(step.operation) == "mean":
        count = prod(read.shape[d] for d in gone)
        read = replace(read, weight=walk.derived(read.weight, "aten.div.Scalar", (count,), read.weight.shape))
    found = walk.flow(_multiplied(walk, step, read, gone))
    shape = plain(walk.shape(step))
    if len(shape) == len(found.shape):
        return found
    terms = found.terms
    for dimension in sorted(gone):
        terms = tuple(nodes.unsqueeze(dimension) for nodes in terms)
    return Flow(shape, terms, unknown=found.unknown)


def _multiplied(walk: Walk, step: Step, read: Unsummed, gone: Shape) -> Value:
    """A product, summed over some dimensions."""
    staying = tuple(d for d in range(len(read.shape)) if d not in gone)
    return product(walk, step, [(read.flow, read.read), (read.weight, read.own)], staying)


def _product(walk: Walk, step: Step) -> Unsummed | None:
    """What a step multiplies, if it may be more than a factor for each node; else None."""
    factors = _factors(walk, step)
    if factors is None:
        return None
    flow, weight = factors
    shape = plain(walk.shape(step))
    given = (*[1] * (len(shape) - len(flow.shape)), *flow.shape)
    reader = walk.only_reader(step)
    if given == shape and (reader is None or ops.base(reader.operation) not in SUMS):
        return None
    if ops.base(step.operation) in DIVISIONS and flow is walk.value(step.arguments[0]):
        weight = walk.derived(weight, "aten.reciprocal.default", (), weight.shape)
    weight, own = _varying(walk, weight, len(shape))
    alone = [d for d in own if given[d] == 1 < shape[d]]
    spread = tuple(1 if d in alone else n for d, n in enumerate(shape))
    read = tuple(d for d in range(len(shape)) if d not in alone)
    terms = tuple(nodes.expand(spread).squeeze(alone) for nodes in flow.terms)
    return Unsummed(Flow(tuple(shape[d] for d in read), terms, unknown=flow.unknown), read, weight, own, shape)


def _factors(walk: Walk, step: Step) -> tuple[Flow, Source | Computed] | None:
    """Values of nodes, and the parameters that multiply them."""
    if ops.in_place(step.operation) or step.options or len(step.arguments) != 2:
        return None
    operands = walk.operands(step)
    flows = [value for value in operands if isinstance(value, Flow) and not is_constant(value)]
    weights = [value for value in operands if is_weight(value)]
    return (flows[0], weights[0]) if len(flows) == len(weights) == 1 else None


def _varying(walk: Walk, weight: Source | Computed, rank: int) -> tuple[Source | Computed, Shape]:
    """A weight without the dimensions along which it is the same, and where the others are among so many."""
    same, before = same_along(walk, weight), rank - len(weight.shape)
    own = tuple(before + d for d in range(len(weight.shape)) if d not in same)
    return without(walk, weight, same), own


def _is_layer(walk: Walk, found: Unsummed, reader: Step) -> bool:
    """Whether the sum that reads a product is over nodes, each with a weight of its own."""
    gone = pooled_dimensions(reader, len(found.shape))
    shared = [d for d in found.own if d in gone and d in found.read]
    if not shared or len(found.read) < len(found.shape):
        return bool(shared)
    places = [found.read.index(d) for d in found.read if d not in found.own and d not in gone]
    return walk.wiring.differs(found.flow, [found.read.index(d) for d in shared], places)

"""Operations that find which value is the largest, where each lies, or how many there are of each size."""

from dataclasses import replace

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow
from epochgraph.topology.program import Shape, Step
from epochgraph.topology.rules.places import combined, placewise
from epochgraph.topology.walk import Value, Walk, plain, shaped


def chosen(walk: Walk, step: Step) -> Value:
    """The places that are chosen along one dimension, or of all: each depends on all values there."""
    flow = walk.flow(walk.operands(step)[0])
    rank = len(flow.shape)
    position, default = {"argsort": (1, -1), "multinomial": (9, -1)}.get(ops.base(step.operation), (1, None))
    given = walk.option(step, position, "dim", default)
    if isinstance(given, bool):  # argsort.stable has its flag first
        given = walk.option(step, 2, "dim", -1)
    dimensions = tuple(range(rank)) if given is None or rank == 0 else (int(given) % rank,)
    met = walk.wiring.met(step, flow, dimensions)
    shape = plain(walk.shape(step))
    if len(shape) < rank:
        left = tuple(nodes.squeeze(dimensions) for nodes in met.terms)
        met = replace(met, terms=left)
    return walk.wiring.truth(Flow(shape, tuple(n.expand(shape) for n in met.terms), unknown=met.unknown), choice=True)


def searched(walk: Walk, step: Step) -> Value:
    """Between which bounds each value lies."""
    operands = walk.operands(step)
    values = ops.SEARCHES[ops.base(step.operation)]
    if any(isinstance(bound, Flow) and bound.terms for bound in (operands[1 - values],)):
        return walk.unknown(step, "has bounds that are computed from values")
    flow = walk.flow(operands[values])
    return walk.wiring.truth(placewise(walk, step, [flow]))


def one_hot(walk: Walk, step: Step) -> Value:
    """Each number as a row with one 1."""
    flow = walk.flow(walk.operands(step)[0])
    shape = plain(walk.shape(step))
    terms = tuple(nodes.unsqueeze(-1).expand(shape) for nodes in flow.terms)
    return walk.wiring.truth(Flow(shape, terms, unknown=flow.unknown))


def counted(walk: Walk, step: Step) -> Value:
    """How many values there are of each size, or the sum of their weights: all places meet."""
    flows = [value for value in walk.operands(step) if isinstance(value, Flow)]
    spread = [everywhere(walk, step, flow, plain(step.shape)) for flow in flows]
    return walk.wiring.truth(placewise(walk, step, spread))


def whole(walk: Walk, step: Step) -> Value:
    """Any place of each result may come from any place of the first operand."""
    flow = walk.flow(walk.operands(step)[0])
    return shaped(walk.shape(step), lambda shape: everywhere(walk, step, flow, shape))


def sparse(walk: Walk, step: Step) -> Value:
    """Values are put to places that indices tell, all others are zero: any of them may be at any place."""
    operands = walk.operands(step)
    shape, values = plain(walk.shape(step)), operands[ops.SPARSE[_name(step)]]
    indices = [one for one in operands if isinstance(one, Flow) and one is not values]
    deciding = [everywhere(walk, step, index, shape) for index in indices]
    return decided(walk, step, everywhere(walk, step, walk.flow(values), shape), deciding)


def rows(walk: Walk, step: Step) -> Value:
    """Any row of the result may come from any row along one dimension."""
    flow = walk.flow(walk.operands(step)[0])
    dimension = int(walk.option(step, *{"unique_dim": (1, "dim"), "segment_reduce": (9, "axis")}[_name(step)], 0) or 0)

    def along(shape: Shape) -> Flow:
        if len(shape) != len(flow.shape):
            return walk.wiring.truth(everywhere(walk, step, flow, shape), choice=True)
        met = walk.wiring.met(step, flow, (dimension % len(shape),) if shape else ())
        return Flow(shape, tuple(nodes.expand(shape) for nodes in met.terms), unknown=met.unknown)

    return shaped(walk.shape(step), along)


def decided(walk: Walk, step: Step, flow: Flow, decisions: list[Flow]) -> Flow:
    """A flow, and what decided which values stand at its places: indices or a mask, of shapes that fit."""
    found = flow
    for decision in decisions:
        if decision.unknown:
            return Flow(flow.shape, unknown=flow.unknown or decision.unknown)
        if decision.terms and not found.unknown:
            found = combined(walk, step, [found, walk.wiring.truth(decision)], flow.shape)
    return found


def everywhere(walk: Walk, step: Step, flow: Flow, shape: Shape) -> Flow:
    """All nodes of a flow at each place."""
    if flow.unknown or not flow.terms:
        return Flow(shape, unknown=flow.unknown)
    met = walk.wiring.met(step, flow, tuple(range(len(flow.shape))))
    return Flow(shape, tuple(nodes.flatten()[0].expand(shape) for nodes in met.terms), unknown=met.unknown)


def _name(step: Step) -> str:
    return ops.base(step.operation)

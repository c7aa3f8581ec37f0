"""Operations that combine the values along a dimension."""

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow
from epochgraph.topology.program import Shape, Step
from epochgraph.topology.rules.dimensions import pooled_dimensions
from epochgraph.topology.rules.places import pointwise
from epochgraph.topology.walk import Value, Walk, is_weight, plain


def pooled(walk: Walk, step: Step) -> Value:
    """A pooling over windows or whole dimensions; of several results, those that are places carry no nodes."""
    if step.operation.endswith(".other"):  # the larger of two tensors, place by place
        return pointwise(walk, step)
    flow = walk.flow(walk.operands(step)[0])
    shapes = walk.shape(step)
    several = bool(shapes) and isinstance(shapes[0], tuple)
    shape = shapes[0] if several else shapes
    result = walk.wiring.pool(step, flow, pooled_dimensions(step, len(flow.shape)), shape)
    if not several:
        return result
    paired = ops.base(step.operation) in ("var_mean", "std_mean", "aminmax")
    return result, result if paired else walk.wiring.truth(result, choice=True)


def scanned(walk: Walk, step: Step) -> Value:
    """A running total: each place has met those before it; all places along the dimension are taken as one."""
    flow = walk.flow(walk.operands(step)[0])
    dimensions = (int(walk.option(step, 1, "dim", 0)) % len(flow.shape),) if flow.shape else ()
    result = _spread(walk.wiring.met(step, flow, dimensions), flow.shape)
    shapes = walk.shape(step)
    several = shapes and isinstance(shapes[0], tuple)
    return (result, walk.wiring.truth(result, choice=True)) if several else result


def transformed(walk: Walk, step: Step) -> Value:
    """A Fourier transform: each frequency has met all places along its dimensions."""
    flow = walk.flow(walk.operands(step)[0])
    rank = len(flow.shape)
    single = ops.base(step.operation) in ops.FOURIER_1D
    position = 1 if ops.base(step.operation) in ops.FOURIER_GIVEN else 2
    given = walk.option(step, position, "dim", -1 if single else None)
    default = [-2, -1] if ops.base(step.operation).endswith("2") else [*range(rank)]
    dimensions = [given] if isinstance(given, int) else given or default
    met = walk.wiring.met(step, flow, tuple(int(d) % rank for d in dimensions))
    return _spread(met, plain(walk.shape(step)))


def waves(walk: Walk, step: Step) -> Value:
    """A Fourier transform in windows over time, or its reverse: all moments meet, and all frequencies."""
    operands = walk.operands(step)
    if any(is_weight(value) for value in walk.tensors(step)):
        return walk.unknown(step, "has a window of parameters")
    flow, shape = walk.flow(operands[0]), plain(walk.shape(step))
    batch = len(flow.shape) - ops.WAVES[ops.base(step.operation)]
    met = walk.wiring.met(step, flow, tuple(range(batch, len(flow.shape))))
    single = (*flow.shape[:batch], *[1] * (len(shape) - batch))
    terms = (nodes.reshape(single) for nodes in met.terms)
    return Flow(shape, tuple(nodes.expand(shape) for nodes in terms), unknown=met.unknown)


def relaid(walk: Walk, step: Step) -> Value:
    """Memory read in another layout: any place may hold what was anywhere."""
    flow = walk.flow(walk.operands(step)[0])
    shape = plain(walk.shape(step))
    met = walk.wiring.met(step, flow, tuple(range(len(flow.shape))))
    first = (nodes.flatten()[0] for nodes in met.terms)
    return Flow(shape, tuple(node.expand(shape) for node in first), unknown=met.unknown)


def complex_of(walk: Walk, step: Step) -> Value:
    """Pairs of numbers become complex ones: what multiplies them lets both parts meet."""
    flow = walk.flow(walk.operands(step)[0])
    last = len(flow.shape) - 1
    met = walk.wiring.met(step, flow, (last,))
    return Flow(flow.shape[:-1], tuple(nodes.squeeze(last) for nodes in met.terms), unknown=met.unknown)


def real_of(walk: Walk, step: Step) -> Value:
    """Complex numbers become pairs."""
    flow = walk.flow(walk.operands(step)[0])
    shape = (*flow.shape, 2)
    return Flow(shape, tuple(nodes.unsqueeze(-1).expand(shape) for nodes in flow.terms), unknown=flow.unknown)


def ordered(walk: Walk, step: Step) -> Value:
    """Values in an order of their own: each may come from any place along the dimension."""
    name = ops.base(step.operation)
    flow = walk.flow(walk.operands(step)[0])
    position, default = {"sort": (1, -1), "msort": (9, 0), "topk": (2, -1), "kthvalue": (2, -1)}[name]
    dimension = walk.option(step, position, "dim", default)
    if isinstance(dimension, bool):  # sort.stable has its flag first
        dimension = walk.option(step, 2, "dim", -1)
    gone = int(dimension if dimension is not None else -1) % max(1, len(flow.shape))
    met = walk.wiring.met(step, flow, (gone,) if flow.shape else ())
    shapes = walk.shape(step)
    if not (shapes and isinstance(shapes[0], tuple)):
        return _spread(met, shapes)
    if len(shapes[0]) < len(flow.shape):  # kthvalue
        met = Flow(shapes[0], tuple(nodes.squeeze(gone) for nodes in met.terms), unknown=met.unknown)
    spread = _spread(met, shapes[0])
    return spread, walk.wiring.truth(spread, choice=True)


def _spread(flow: Flow, shape: Shape) -> Flow:
    """What has met in one place, at all places along the dimension."""
    return Flow(shape, tuple(term.expand(shape) for term in flow.terms), unknown=flow.unknown)

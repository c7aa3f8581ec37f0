"""Which parameters belong to nodes: what is added to them, multiplies them one by one, or stands where they stand."""

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow
from epochgraph.topology.program import Shape, Step
from epochgraph.topology.rules.dimensions import pooled_dimensions
from epochgraph.topology.walk import Value, Walk, is_constant, parameters_of, plain, shape_of

FARTHEST = 16
"""Operations place by place that are looked through for one in which places meet."""


def belong(walk: Walk, step: Step) -> None:
    """Fold the parameters that a step combines with values, or say why they are no part of the graph."""
    weights = [value for value in walk.tensors(step) if parameters_of(value)]
    if not weights:
        return
    flows = [value for value in walk.tensors(step) if isinstance(value, Flow)]
    if not flows:
        walk.leave_out(step, f"a weight is not computed with {step.operation}")
    elif all(map(is_constant, flows)):
        walk.leave_out(step, f"{_where(step)} combines it with numbers that are no values of nodes")
    elif any(_is_held_against(walk, step, flow, weight) for flow in flows for weight in weights):
        walk.leave_out(step, f"{_where(step)} holds values against each row of it, which is no product")
    else:
        walk.fold(step)


def _where(step: Step) -> str:
    return f"{step.operation} in {step.module}" if step.module else step.operation


def _is_held_against(walk: Walk, step: Step, flow: Flow, weight: Value) -> bool:
    """Whether each row of a matrix meets all values, and what comes of the row is one value: a distance, a maximum."""
    shape = plain(step.shape)
    given, own = _padded(flow.shape, shape), _padded(shape_of(weight), shape)
    widened = any(n == 1 < m for n, m in zip(given, own, strict=False))
    shared = {d for d, (n, m) in enumerate(zip(given, own, strict=False)) if n == m > 1}
    return widened and bool(shared) and _meet(walk, step, shared)


def _padded(own: Shape, shape: Shape) -> Shape:
    return (*[1] * (len(shape) - len(own)), *own)


def _meet(walk: Walk, step: Step, dimensions: set[int]) -> bool:
    """Whether places along some dimensions meet in what reads a value, before anything else comes of it."""
    waiting, rank = [step], len(step.shape)
    for _ in range(FARTHEST):
        if not waiting:
            return False
        for reader in walk.read_by.get(waiting.pop().name, ()):
            name = ops.base(reader.operation)
            if name in ops.REDUCTIONS and dimensions.intersection(pooled_dimensions(reader, rank)):
                return True
            if name in ops.POINTWISE | ops.COMPARISONS and len(reader.shape) == rank:
                waiting.append(reader)
    return False

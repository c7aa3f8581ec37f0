"""Functions of matrices: each entry of an inverse, a decomposition or a solution depends on the whole matrix."""

from dataclasses import replace

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow
from epochgraph.topology.program import Shape, Step
from epochgraph.topology.rules.places import placewise
from epochgraph.topology.rules.products import Letters, product
from epochgraph.topology.walk import Value, Walk, is_weight, shape_of, shaped


def factorised(walk: Walk, step: Step) -> Value:
    """What comes of a matrix, or of several matrices together, each of a batch by itself."""
    if any(is_weight(value) for value in walk.tensors(step)):
        return walk.unknown(step, "takes values and parameters together")
    flows = [value for value in walk.tensors(step) if isinstance(value, Flow)]
    unknown = next((flow.unknown for flow in flows if flow.unknown), "")
    batch = max(0, len(shape_of(walk.tensors(step)[0])) - 2)

    def spread(shape: Shape) -> Value:
        if unknown:
            return Flow(shape, unknown=unknown)
        from_each = [_spread(walk, step, flow, batch, shape) for flow in flows]
        found: Value = placewise(walk, replace(step, shape=shape), from_each)
        return found

    return shaped(walk.shape(step), spread)


def solved(walk: Walk, step: Step) -> Value:
    """A system of equations: the inverse of the matrix, each of whose entries depends on all of it, times the rest."""
    first = ops.SOLUTIONS[ops.base(step.operation)]
    operands = walk.operands(step)
    matrix, given = operands[:2] if first else operands[1::-1]
    if is_weight(matrix):
        return walk.unknown(step, "solves equations whose matrix is a parameter")
    inverse = matrix
    if isinstance(matrix, Flow):
        inverse = _spread(walk, step, matrix, len(matrix.shape) - 2, matrix.shape)
    shapes = step.shape
    several = bool(shapes) and isinstance(shapes[0], tuple)
    left = walk.option(step, 9, "left") is not False
    solution = product(walk, step, *_letters(inverse, given, left=left))
    if not several:
        return solution
    rest = (shape for shape in shapes[1:] if isinstance(shape, tuple))
    return solution, *(_spread(walk, step, walk.flow(inverse), len(matrix.shape) - 2, shape) for shape in rest)


def _letters(matrix: Value, given: Value, *, left: bool) -> tuple[list[tuple[Value, Letters]], Letters]:
    """The product of a matrix and what it is multiplied by, and the letters of the result."""
    rank, other = len(shape_of(matrix)), len(shape_of(given))
    if other == 1 or (other == rank - 1 and shape_of(given) == shape_of(matrix)[:-1]):
        batch: Letters = tuple(range(rank - 2))
        return [(matrix, (*batch, "i", "k")), (given, (*batch[len(batch) - other + 1 :], "k"))], (*batch, "i")
    batch = tuple(range(max(rank, other) - 2))
    own, others = batch[len(batch) - rank + 2 :], batch[len(batch) - other + 2 :]
    if left:
        return [(matrix, (*own, "i", "k")), (given, (*others, "k", "j"))], (*batch, "i", "j")
    return [(given, (*others, "i", "k")), (matrix, (*own, "k", "j"))], (*batch, "i", "j")


def _spread(walk: Walk, step: Step, flow: Flow, batch: int, shape: Shape) -> Flow:
    """All nodes of each matrix at every place of what comes of it."""
    if flow.unknown or not flow.terms or len(shape) < batch:
        return Flow(shape, unknown=flow.unknown)
    met = walk.wiring.met(step, flow, tuple(range(batch, len(flow.shape))))
    single = (*flow.shape[:batch], *[1] * (len(shape) - batch))
    terms = (nodes.reshape(single) for nodes in met.terms)
    return Flow(shape, tuple(nodes.expand(shape) for nodes in terms), unknown=met.unknown)

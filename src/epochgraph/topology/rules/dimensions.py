"""Along which dimensions an operation lets values meet."""

from epochgraph.topology import operations as ops
from epochgraph.topology.program import Shape, Step


def pooled_dimensions(step: Step, rank: int) -> Shape:
    """The dimensions that a pooling or reduction goes over."""
    name = ops.base(step.operation)
    spatial = (ops.WINDOWS | ops.ADAPTIVE | ops.INTERPOLATIONS).get(name)
    if spatial is not None:
        return tuple(range(rank - spatial, rank))
    position = 2 if name in ("norm", "linalg_vector_norm") else 1
    given = dict(enumerate(step.arguments)).get(position, dict(step.options).get("dim"))
    numbers = given if isinstance(given, tuple) else () if given is None else (given,)
    found = tuple(int(n) % rank for n in numbers if isinstance(n, int) and not isinstance(n, bool)) if rank else ()
    return found or tuple(range(rank))

"""Along which dimensions an operation lets values meet, and along which a weight is the same."""

from collections.abc import Iterable
from contextlib import suppress

import torch

from epochgraph.topology import operations as ops
from epochgraph.topology.computing import FAULTS, result_of
from epochgraph.topology.program import Shape, Source, Step
from epochgraph.topology.walk import Computed, Walk


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


def same_along(walk: Walk, weight: Source | Computed) -> list[int]:
    """The dimensions along which a weight is the same: those of size 1, and those that it is expanded along."""
    strides: tuple[int, ...] = (1,) * len(weight.shape)
    if isinstance(weight, Computed):
        program = walk.derivation(weight.name)
        with suppress(*FAULTS):  # then it may vary
            strides = result_of(
                program, {s.name: torch.empty(s.shape, device="meta") for s in program.sources}
            ).stride()
    return [d for d, size in enumerate(weight.shape) if size == 1 or strides[d] == 0]


def without(walk: Walk, weight: Source | Computed, dimensions: Iterable[int]) -> Source | Computed:
    """A weight of which one place stands for all along some dimensions."""
    for dimension in sorted(dimensions, reverse=True):
        shape = tuple(n for d, n in enumerate(weight.shape) if d != dimension)
        weight = walk.derived(weight, "aten.select.int", (dimension, 0), shape)
    return weight

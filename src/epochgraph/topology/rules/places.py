"""Operations that work position by position, or move values from position to position."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from epochgraph.topology import operations as ops
from epochgraph.topology.bundles import compact, thin, with_repetitions, without_repetitions
from epochgraph.topology.flow import Flow
from epochgraph.topology.program import Shape, Step
from epochgraph.topology.rules.belonging import belong
from epochgraph.topology.spans import NO_NODE
from epochgraph.topology.walk import Computed, Value, Walk, plain, shaped

CONDITIONED = {"where": 0, "masked_fill": 1}
"""Operations whose operand at this position is a condition: it decides between values."""

EXAMPLES = {"type_as": 1}
"""Operations whose operand at this position is an example: it gives no node to the result."""

SMALL = 1 << 16
"""Indices that are cheaper to keep than to look at."""


def constant(walk: Walk, step: Step) -> Value:
    """What holds no value of a node."""
    return shaped(walk.shape(step), Flow)


def pointwise(walk: Walk, step: Step) -> Value:
    """Each place carries the nodes of all operands there; parameters belong to these nodes."""
    belong(walk, step)
    operands = walk.operands(step)
    condition = CONDITIONED.get(ops.base(step.operation))
    if condition is not None and isinstance(operands[condition], Flow):
        operands[condition] = walk.wiring.truth(operands[condition])
    example = EXAMPLES.get(ops.base(step.operation))
    flows = [value for place, value in enumerate(operands) if isinstance(value, Flow) and place != example]
    found: Value = placewise(walk, step, flows)
    return found


def compared(walk: Walk, step: Step) -> Value:
    """Whether something holds of the values at each place."""
    belong(walk, step)
    flows = [value for value in walk.operands(step) if isinstance(value, Flow)]
    return walk.wiring.truth(placewise(walk, step, flows[:1] if ops.base(step.operation) == "isin" else flows))


def placewise(walk: Walk, step: Step, flows: list[Flow]) -> Any:
    """What comes of flows that meet place by place: one value, or several of which each depends on all of them."""
    unknown = next((flow.unknown for flow in flows if flow.unknown), "")
    if walk.resized:  # parameters carry no node, and need not broadcast: PReLU's run along the channels
        shape = tuple(np.broadcast_shapes(*(value.shape for value in walk.tensors(step) if isinstance(value, Flow))))
        return Flow(shape, unknown=unknown) if unknown else combined(walk, step, flows, shape)

    def made(shape: Shape) -> Flow:  # of several results, one may have no place for them
        fits = all(_broadcasts(flow.shape, shape) for flow in flows)
        return combined(walk, step, flows, shape) if fits and not unknown else Flow(shape, unknown=unknown)

    return shaped(step.shape, made)


def _broadcasts(own: Shape, shape: Shape) -> bool:
    return len(own) <= len(shape) and all(n in (1, m) for n, m in zip(own[::-1], shape[::-1], strict=False))


def combined(walk: Walk, step: Step, flows: list[Flow], shape: Shape) -> Flow:
    """Flows that meet place by place; what one of them is normalised by is no edge."""
    if len(flows) == 2:
        first, second = flows
        flows = [walk.wiring.passed(second, first), walk.wiring.passed(first, second)]
    if len(flows) == 1:  # nothing meets: a copy, an activation
        return replace(flows[0], shape=shape, part=None, terms=tuple(term.expand(shape) for term in flows[0].terms))
    terms = walk.wiring.preferred(distinct([[term.expand(shape) for term in flow.terms] for flow in flows]))
    return _few(walk, step, terms, shape)


def _few(walk: Walk, step: Step, terms: Sequence[Tensor], shape: Shape) -> Flow:
    """A flow of some terms, or where too many change along several dimensions, with the nodes of those together."""
    irregular = [term for term in terms if _extent(term) > 1]
    if len(irregular) <= walk.wiring.most_terms:
        return Flow(shape, tuple(terms))
    some, repeated = without_repetitions(irregular)
    places = np.broadcast_shapes(*(layer.shape for layer in some))
    stacked = torch.stack([layer.expand(places) for layer in some])
    met = walk.wiring.met(step, Flow(tuple(stacked.shape), (stacked,)), (0,))
    together = (with_repetitions(term.squeeze(0), repeated).expand(shape) for term in met.terms)
    regular = (term for term in terms if _extent(term) <= 1)
    return Flow(shape, (*regular, *together), unknown=met.unknown)


def moved(walk: Walk, step: Step) -> Value:
    """The operation itself, run on node indices, tells which node is where."""
    belong(walk, step)
    if step.operation.endswith(".dtype"):
        return walk.unknown(step)
    read = [walk.flow(value) for value in walk.tensors(step)]
    unknown = next((flow.unknown for flow in read if flow.unknown), "")
    count = 0 if unknown else max((len(flow.terms) for flow in read), default=0)
    results = [walk.call(step, lambda value, n=n: _layer(value, n)) for n in range(count)]  # type: ignore[misc]
    shapes = walk.shape(step)
    several = bool(shapes) and isinstance(shapes[0], tuple)
    outputs = [(shapes, results)]
    if several:
        outputs = [(shape, [terms[number] for terms in results]) for number, shape in enumerate(shapes)]
    found = tuple(
        Flow(shape, unknown=unknown) if unknown else _few(walk, step, [*map(_light, terms)], shape)
        for shape, terms in outputs
    )
    return found if several else found[0]


def gated(walk: Walk, step: Step) -> Value:
    """One half of a value, scaled by the other (glu)."""
    flow = walk.flow(walk.operands(step)[0])
    shape = plain(walk.shape(step))
    dimension = int(walk.option(step, 1, "dim", -1))
    if flow.unknown:
        return Flow(shape, unknown=flow.unknown)
    halves = zip(*(nodes.chunk(2, dimension) for nodes in flow.terms), strict=True)
    return combined(walk, step, [Flow(shape, half) for half in halves], shape)


def copied(walk: Walk, step: Step) -> Value:
    """A value takes the place of another."""
    belong(walk, step)
    flow, shape = walk.flow(walk.operands(step)[1]), plain(walk.shape(step))
    return Flow(shape, tuple(nodes.expand(shape) for nodes in flow.terms), unknown=flow.unknown)


def item(walk: Walk, step: Step) -> Value:
    """One of several results."""
    container, position = walk.operands(step)
    if not isinstance(container, tuple):
        return walk.unknown(step)
    found: Value = container[position]
    if not isinstance(found, Computed):
        return found
    return replace(found, name=step.name, words=f"{found.words}[{position}]")


def _layer(value: object, number: int) -> Tensor:
    """One layer of a value; where it has fewer, a layer without nodes."""
    terms = value.terms if isinstance(value, Flow) else ()
    shape = getattr(value, "shape", ())
    return terms[number] if number < len(terms) else torch.full((), NO_NODE).expand(shape)


def _light(nodes: Tensor) -> Tensor:
    """The same indices as a view, along dimensions where they do not change.

    They may be written out there: a roll or a copy has done so, or what changed has just been cut off.
    """
    places = nodes.untyped_storage().size() // nodes.itemsize
    written_out = places > SMALL and (nodes.is_contiguous() or thin(nodes).numel() < places)
    return compact(nodes).expand(nodes.shape) if written_out else nodes


def distinct(operands: Iterable[Iterable[Tensor]]) -> tuple[Tensor, ...]:
    """The terms of several operands without repetitions: x + x reads x's nodes once."""
    everything = [term for terms in operands for term in terms]
    if len(everything) == 1:
        return tuple(everything)
    found: dict[tuple[Shape, bytes], Tensor] = {}
    for layer in everything:
        rest = compact(layer)
        found.setdefault((tuple(rest.shape), rest.numpy().tobytes()), layer)
    return tuple(found.values())


def _extent(nodes: Tensor) -> int:
    """Along how many dimensions the nodes change, as far as their layout tells."""
    return sum(stride != 0 and size > 1 for stride, size in zip(nodes.stride(), nodes.shape, strict=True))

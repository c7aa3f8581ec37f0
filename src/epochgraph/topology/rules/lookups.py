"""Operations that read or write positions by indices."""

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from epochgraph.topology import operations as ops
from epochgraph.topology.computing import constant, result_of
from epochgraph.topology.flow import Flow, Geometry, Layer
from epochgraph.topology.program import Shape, Source, Step, layout
from epochgraph.topology.rules.belonging import belong
from epochgraph.topology.rules.choices import decided, everywhere
from epochgraph.topology.rules.places import combined, moved
from epochgraph.topology.walk import Chosen, Computed, Value, Walk, is_weight, parameters_of, plain

MOST_VALUES = 4096
"""Indices of a constant that are computed to be followed one by one."""


def embedding(walk: Walk, step: Step) -> Value:
    """Rows of a table of parameters: an edge from each row's index to each of its values."""
    table, indices = walk.operands(step)[:2]
    if not is_weight(table):
        return _chosen_places(walk, step, walk.flow(table), (0,), (indices,))
    return _rows(walk, step, table, indices)


def renormed(walk: Walk, step: Step) -> Value:
    """A table whose rows are kept short where it lies in memory: so what a checkpoint holds is what is read."""
    table: Value = walk.operands(step)[0]
    return table


def _rows(walk: Walk, step: Step, table: Source | Computed, indices: Value) -> Flow:
    count, width = table.shape[0], table.shape[-1]
    weight = walk.weight(table, (layout("t.default", (), (width, count)),))
    shapes = step.shape
    shape = plain(shapes[0] if shapes and isinstance(shapes[0], tuple) else shapes)
    return walk.wiring.embedding(Layer(step, weight, None, Geometry(), shape), walk.flow(indices))


def fed(walk: Walk, step: Step, value: Value, dimension: int = -1) -> Value:
    """What a layer reads: parameters enter as an embedding of their places, other constants as an input."""
    if not isinstance(value, Source | Computed) or len(value.shape) == 0:
        return value
    if not is_weight(value):
        zero = isinstance(value, Computed) and value.zero
        name = value.target if isinstance(value, Source) else f"constant {value.name}"
        return Flow(value.shape) if zero else walk.wiring.constant(name, value.shape, dimension % len(value.shape))
    width, count = value.shape[dimension], prod(value.shape) // max(1, value.shape[dimension])
    moved = (*(n for d, n in enumerate(value.shape) if d != dimension % len(value.shape)), width)
    steps = (
        layout("movedim.int", (dimension, -1), moved),
        layout("reshape.default", ((count, width),), (count, width)),
        layout("t.default", (), (width, count)),
    )
    weight = walk.weight(value, steps)
    flow = walk.wiring.embedding(Layer(step, weight, None, Geometry(), moved), Flow((count,)))
    return Flow(value.shape, tuple(nodes.movedim(-1, dimension) for nodes in flow.terms), unknown=flow.unknown)


def embedding_bag(walk: Walk, step: Step) -> Value:
    """Sums or means of rows of a table, each of which may be weighed by a value."""
    table, indices = walk.operands(step)[:2]
    if not is_weight(table):
        return walk.unknown(step)
    rows = _rows(walk, step, table, indices)
    factors = walk.option(step, 6, "per_sample_weights")
    flow = rows if factors is None else _weighed(walk, step, rows, factors)
    return flow, *(Flow(shape) for shape in step.shape[1:] if isinstance(shape, tuple))


def _weighed(walk: Walk, step: Step, rows: Flow, factors: Value) -> Flow:
    """Rows of a table, each multiplied by a value: any of them may be in any bag."""
    walk.wiring.fold(parameters_of(factors))
    given = walk.flow(factors)
    met = walk.wiring.met(step, given, tuple(range(len(given.shape))))
    if rows.unknown or met.unknown:
        return Flow(rows.shape, unknown=rows.unknown or met.unknown)
    single = [1] * len(rows.shape)
    everywhere = tuple(nodes.reshape(single).expand(rows.shape) for nodes in met.terms)
    return combined(walk, step, [rows, Flow(rows.shape, everywhere)], rows.shape)


def indexed(walk: Walk, step: Step) -> Value:
    """Positions picked by tensors of indices."""
    value, *others = walk.operands(step)
    name = ops.base(step.operation)
    match name:
        case "index":
            indices = others[0]
            dimensions = tuple(d for d, index in enumerate(indices) if index is not None)
        case "index_select" | "gather":
            dimensions, indices = (int(others[0]) % max(1, len(value.shape)),), [others[1]]
        case "take_along_dim":
            dimension = walk.option(step, 2, "dim")
            dimensions = (int(dimension) % len(value.shape),) if dimension is not None else ()
            indices = [others[0]]
        case _:
            return walk.unknown(step)
    if is_weight(value):
        return _picked_weights(walk, step, value, dimensions, indices)
    if name == "index" and len(dimensions) == 1:
        index = indices[dimensions[0]]
        if _is_mask(index, value.shape, plain(step.shape), dimensions[0]) and values(walk, index) is None:
            return _masked_places(walk, step, walk.flow(value), index, dimensions[0], len(index.shape))
    return _chosen_places(walk, step, walk.flow(value), dimensions, indices)


def masked(walk: Walk, step: Step) -> Value:
    """The positions selected by a mask, one after another."""
    value, mask = walk.operands(step)[:2]
    flow = walk.flow(value)
    return _masked_places(walk, step, flow, mask, 0, len(flow.shape))


def _is_mask(index: Any, read: Shape, result: Shape, dimension: int) -> bool:
    """Whether an index is a mask: it takes as many dimensions as it has, and leaves one; places give all of theirs.

    A mask of one dimension that leaves everything reads the same as places do.
    """
    own: Shape = getattr(index, "shape", ())
    if len(own) == 1:
        return own[0] == read[dimension] and len(result) == len(read) and result[dimension] < own[0]
    return len(own) > 1 and len(result) == len(read) - len(own) + 1


def _masked_places(walk: Walk, step: Step, flow: Flow, mask: Value, first: int, count: int) -> Flow:
    shape = plain(step.shape)
    if flow.unknown:
        return Flow(shape, unknown=flow.unknown)
    dimensions = tuple(range(first, first + count))
    met = walk.wiring.met(step, flow, dimensions)
    squeezed = (nodes.squeeze(dimensions).unsqueeze(first) for nodes in met.terms)
    found = Flow(shape, tuple(nodes.expand(shape) for nodes in squeezed), unknown=met.unknown)
    return decided(walk, step, found, [everywhere(walk, step, walk.flow(mask), shape)])


def _picked_weights(walk: Walk, step: Step, value: Any, dimensions: Shape, indices: Any) -> Value:
    """Rows of a matrix are those of an embedding; of a stack of weights the data choose some."""
    if ops.base(step.operation) == "index" and dimensions == tuple(range(len(value.shape) - 1)) and len(dimensions) > 1:
        return _picked_rows(walk, step, value)
    first = dimensions == (0,) and ops.base(step.operation) in ("index", "index_select")
    if first and len(value.shape) == 2:
        return _rows(walk, step, value, indices[0])
    if first and len(value.shape) > 2:
        index = step.arguments[1] if ops.base(step.operation) == "index" else step.arguments[2]
        return Chosen(value, plain(step.shape), str(index))
    return walk.unknown(step, "picks parameters by values")


def _picked_rows(walk: Walk, step: Step, value: Source | Computed) -> Value:
    """Rows that lie along one of several dimensions, which are all indexed: those of an embedding, too."""
    *places, width = value.shape
    count = max(places)
    if prod(places) != count:
        return walk.unknown(step, "picks parameters by values")
    steps = (
        layout("reshape.default", ((count, width),), (count, width)),
        layout("t.default", (), (width, count)),
    )
    layer = Layer(step, walk.weight(value, steps), None, Geometry(), plain(step.shape))
    return walk.wiring.embedding(layer, Flow(plain(step.shape)[:-1]))


def _chosen_places(walk: Walk, step: Step, flow: Flow, dimensions: Shape, indices: Any) -> Flow:
    """Exact where the indices are known; otherwise each place may come from any along the dimensions."""
    shape, read = plain(walk.shape(step)), flow
    unknown = next((v.unknown for v in (flow, *indices) if isinstance(v, Flow) and v.unknown), "")
    if unknown:
        return Flow(shape, unknown=unknown)
    known = [values(walk, index) for index in indices if index is not None]
    exact = bool(known) and all(found is not None for found in known)
    if not exact:
        met = walk.wiring.met(step, flow, dimensions)
        if met.unknown:
            return Flow(shape, unknown=met.unknown)
        flow = Flow(flow.shape, tuple(nodes.expand(flow.shape) for nodes in met.terms))

    def of_term(nodes: Tensor) -> Tensor:
        def stand_in(value: Any) -> Tensor:
            if value is read:
                return nodes
            found = values(walk, value) if exact else None
            return torch.zeros(value.shape, dtype=torch.int64) if found is None else found

        return torch.as_tensor(walk.call(step, stand_in))

    found = Flow(shape, tuple(of_term(nodes) for nodes in flow.terms))
    return found if exact else decided(walk, step, found, [*_placed(walk, step, shape, dimensions, indices)])


def _placed(walk: Walk, step: Step, shape: Shape, dimensions: Shape, indices: Any) -> Iterator[Flow]:
    """Indices at the places for which they choose: they decide what stands there."""
    given = [index for index in indices if index is not None]
    for index in given:
        if not isinstance(index, Flow) or not index.terms:
            continue
        if index.shape == shape:
            yield index
        elif len(given) == 1 and ops.base(step.operation) in ("index", "index_select", "embedding"):
            whole = (*[1] * dimensions[0], *index.shape, *[1] * (len(shape) - dimensions[0] - len(index.shape)))
            yield Flow(whole, tuple(nodes.reshape(whole) for nodes in index.terms))
        else:
            yield everywhere(walk, step, index, shape)


def repeated(walk: Walk, step: Step) -> Value:
    """Each place as often as a number or a tensor tells."""
    value, *rest = walk.operands(step)
    counts = next(iter(rest), None)
    if not isinstance(counts, Flow | Source | Computed) or is_weight(value):
        return moved(walk, step)
    flow, shape = walk.flow(value), plain(walk.shape(step))
    known, given = values(walk, counts), walk.option(step, 2, "dim")
    unknown = flow.unknown or (counts.unknown if isinstance(counts, Flow) else "")
    if unknown:
        return Flow(shape, unknown=unknown)
    if known is None:
        dimensions = tuple(range(len(flow.shape))) if given is None else (int(given) % len(flow.shape),)
        met = walk.wiring.met(step, flow, dimensions)
        terms = tuple((nodes.flatten() if given is None else nodes).expand(shape) for nodes in met.terms)
        return decided(
            walk, step, Flow(shape, terms, unknown=met.unknown), [everywhere(walk, step, walk.flow(counts), shape)]
        )

    def of_term(nodes: Tensor) -> Tensor:
        return torch.as_tensor(walk.call(step, lambda one: known if one is counts else nodes))

    return Flow(shape, tuple(map(of_term, flow.terms)))


def narrowed(walk: Walk, step: Step) -> Value:
    """Some positions that follow each other, from one on that a number or a tensor tells."""
    value, dimension, start = walk.operands(step)[:3]
    if not isinstance(start, Flow | Source | Computed) or is_weight(value):
        return moved(walk, step)
    flow, shape, known = walk.flow(value), plain(walk.shape(step)), values(walk, start)
    unknown = flow.unknown or (start.unknown if isinstance(start, Flow) else "")
    if unknown:
        return Flow(shape, unknown=unknown)
    if known is None:
        met = walk.wiring.met(step, flow, (int(dimension) % len(flow.shape),))
        found = Flow(shape, tuple(nodes.expand(shape) for nodes in met.terms), unknown=met.unknown)
        return decided(walk, step, found, [everywhere(walk, step, walk.flow(start), shape)])

    def of_term(nodes: Tensor) -> Tensor:
        return torch.as_tensor(walk.call(step, lambda one: known if one is start else nodes))

    return Flow(shape, tuple(map(of_term, flow.terms)))


def values(walk: Walk, value: Any) -> Tensor | None:
    """The integers of a constant that is small and known; None otherwise."""
    if isinstance(value, Source) and value.values is not None:
        return _whole(constant(value))
    if not isinstance(value, Computed) or value.parameters or walk.resized:
        return None
    program = walk.derivation(value.name)
    if any(source.values is None for source in program.sources) or prod(value.shape) > MOST_VALUES:
        return None
    return _whole(result_of(program, {source.name: constant(source) for source in program.sources}))


def _whole(found: Tensor) -> Tensor | None:
    """Numbers that tell places."""
    return None if found.is_floating_point() or found.is_complex() else found


def scattered(walk: Walk, step: Step) -> Value:
    """Values are put to places that indices tell: any place along the dimension may have got them."""
    belong(walk, step)
    target = walk.flow(walk.operands(step)[0])
    placed, dimensions, indices = _put(walk, step, target)
    deciding = [everywhere(walk, step, index, target.shape) for index in indices if isinstance(index, Flow)]
    if not isinstance(placed, Flow):
        return decided(walk, step, replace(target, part=None), deciding)
    unknown = target.unknown or placed.unknown
    if unknown:
        return Flow(target.shape, unknown=unknown)
    spread = _spread(walk, step, placed, target.shape, dimensions)
    if spread.unknown:
        return spread
    both = Flow(target.shape, target.terms), spread
    return decided(walk, step, combined(walk, step, [*both], target.shape), deciding)


def _put(walk: Walk, step: Step, target: Flow) -> tuple[Value, Shape, list[Value]]:
    """What is put into a target, along which of its dimensions, and by what it is told where."""
    name, operands = ops.base(step.operation), walk.operands(step)
    everything = tuple(range(len(target.shape)))
    match name:
        case "index_put" | "_unsafe_index_put":
            dimensions, indices = tuple(d for d, index in enumerate(operands[1]) if index is not None), operands[1]
            if len(dimensions) == 1 and isinstance(operands[2], Flow):
                index = indices[dimensions[0]]
                if _is_mask(index, target.shape, operands[2].shape, dimensions[0]):
                    dimensions = tuple(range(dimensions[0], dimensions[0] + len(index.shape)))
            return operands[2], dimensions, indices
        case "put":
            return operands[2], everything, [operands[1]]
        case "masked_scatter":
            return operands[2], everything[:-1], [operands[1]]
        case _:
            placed = walk.option(step, 3, "src" if name.startswith("scatter") else "source")
            return placed, (int(operands[1]) % max(1, len(target.shape)),), [operands[2]]


def _spread(walk: Walk, step: Step, placed: Flow, shape: Shape, dimensions: Shape) -> Flow:
    """The values as they may stand at any place along the dimensions."""
    kept = len(shape) - len(dimensions)
    if len(placed.shape) == len(shape):
        gone = tuple(d for d in range(len(shape)) if d in dimensions or placed.shape[d] != shape[d])
    else:  # the indexed dimensions come as one or several in front
        gone = tuple(range(max(0, len(placed.shape) - kept)))
    met = walk.wiring.met(step, placed, gone) if gone else placed
    if met.unknown:
        return Flow(shape, unknown=met.unknown)

    def of_term(nodes: Tensor) -> Tensor:
        if nodes.dim() != len(shape):
            nodes = nodes.reshape([n for d, n in enumerate(nodes.shape) if d not in gone])
            for dimension in dimensions:
                nodes = nodes.unsqueeze(dimension) if nodes.dim() < len(shape) else nodes
        return nodes.expand(shape)

    return Flow(shape, tuple(of_term(nodes) for nodes in met.terms))


def folded_back(walk: Walk, step: Step) -> Value:
    """Overlapping windows are added up to a map (col2im): each place has met the window positions of its channel."""
    flow = walk.flow(walk.operands(step)[0])
    shape = plain(walk.shape(step))
    if flow.unknown:
        return Flow(shape, unknown=flow.unknown)
    *batch, rows, windows = flow.shape
    split = (*batch, shape[-3], rows // shape[-3], windows)
    grouped = Flow(split, tuple(nodes.reshape(split) for nodes in flow.terms))
    met = walk.wiring.met(step, grouped, (len(split) - 2, len(split) - 1))
    return Flow(shape, tuple(nodes.expand(shape) for nodes in met.terms), unknown=met.unknown)


def sampled(walk: Walk, step: Step) -> Value:
    """A map is read at places that the data give (grid_sample): channels stay, places meet."""
    read, grid = walk.operands(step)[:2]
    flow, places = walk.flow(fed(walk, step, read, 1)), walk.flow(grid)
    shape = plain(walk.shape(step))
    walk.wiring.fold(parameters_of(grid))
    if flow.unknown or places.unknown:
        return Flow(shape, unknown=flow.unknown or places.unknown)
    spatial = len(shape) - 2
    met = walk.wiring.met(step, flow, tuple(range(2, len(flow.shape))))
    where = walk.wiring.met(step, places, tuple(range(1, len(places.shape)))) if places.terms else places
    if met.unknown or where.unknown:
        return Flow(shape, unknown=met.unknown or where.unknown)
    terms = [nodes.expand(shape) for nodes in met.terms]
    terms += [nodes.reshape(-1, *[1] * (spatial + 1)).expand(shape) for nodes in where.terms]
    return Flow(shape, tuple(terms))

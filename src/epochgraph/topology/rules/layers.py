"""Layers: linear, convolutions, norms."""

from dataclasses import replace
from typing import Any

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow, Geometry, Layer
from epochgraph.topology.program import Shape, Source, Step, layout
from epochgraph.topology.rules.lookups import fed
from epochgraph.topology.rules.places import combined
from epochgraph.topology.rules.products import product
from epochgraph.topology.walk import Value, Walk, is_constant, is_weight, parameters_of, plain


def linear(walk: Walk, step: Step) -> Value:
    """X W^T + b along the last dimension."""
    given, weight, bias = (*walk.operands(step), None)[:3]
    rank = len(given.shape)
    read = fed(walk, step, given)
    if not is_weight(weight) or len(weight.shape) != 2:
        outputs = ("o",) if len(weight.shape) == 2 else ()
        letters = tuple(range(rank - 1))
        return product(walk, step, [(read, (*letters, "k")), (weight, (*outputs, "k"))], (*letters, *outputs))
    return walk.wiring.layer(
        Layer(
            step,
            walk.weight(weight),
            walk.bias(bias),
            Geometry(),
            plain(walk.shape(step)),
            walk.readers[step.name] == 1,
        ),
        walk.flow(read),
    )


def convolution(walk: Walk, step: Step) -> Value:
    """A convolution, plain or transposed: of that, the kernel is turned over to read as of a plain one."""
    name = ops.base(step.operation)
    read, weight, bias, *rest = (*walk.operands(step), None, None)[: max(3, len(step.arguments))]
    read = fed(walk, step, read, -1 - (ops.CONVOLUTIONS | ops.TRANSPOSED)[name])
    transposed = name in ops.TRANSPOSED
    names = ("stride", "padding", *(("output_padding", "groups", "dilation") if transposed else ("dilation", "groups")))
    options = dict(zip(names, rest, strict=False)) | dict(step.options)
    groups = int(options.get("groups") or 1)
    dimensions = (ops.TRANSPOSED if transposed else ops.CONVOLUTIONS)[name]
    if not is_weight(weight):
        return _filtered(walk, step, walk.flow(read), weight, (dimensions, groups))
    kernel = walk.weight(weight, _turned(weight.shape, groups) if transposed else ())
    geometry = _geometry(dimensions, kernel.shape[2:], options)
    layer = Layer(
        step,
        kernel,
        walk.bias(bias),
        replace(geometry, transposed=transposed),
        plain(walk.shape(step)),
        walk.readers[step.name] == 1,
    )
    return walk.wiring.layer(layer, walk.flow(read))


def _filtered(walk: Walk, step: Step, flow: Flow, kernel: Value, form: tuple[int, int]) -> Value:
    """A kernel that is no parameter: one of values, or numbers such as a blur, through which channels meet."""
    plain_one = ops.base(step.operation) in ops.CONVOLUTIONS
    if isinstance(kernel, Flow) and not is_constant(kernel) and not plain_one:
        return walk.unknown(step, "has a kernel that is computed from values")
    return _with_computed(walk, step, flow, walk.flow(kernel), form)


def _with_computed(walk: Walk, step: Step, flow: Flow, kernel: Flow, form: tuple[int, int]) -> Value:
    """A kernel that is no parameter: an output channel carries the nodes of it, and those that it reads."""
    (dimensions, groups), shape = form, plain(walk.shape(step))
    axis, single = len(shape) - 1 - dimensions, [1] * dimensions
    split = (*flow.shape[:axis], groups, flow.shape[axis] // groups, *flow.shape[axis + 1 :])
    grouped = replace(flow, shape=split, part=None, terms=tuple(nodes.reshape(split) for nodes in flow.terms))
    read = walk.wiring.met(step, grouped, tuple(range(axis + 1, len(split))))
    own = walk.wiring.met(step, kernel, tuple(range(1, len(kernel.shape))))
    unknown = read.unknown or own.unknown
    if unknown:
        return Flow(shape, unknown=unknown)
    outputs = (*shape[:axis], groups, shape[axis] // groups, *single)
    channels = tuple(nodes.expand(outputs).flatten(axis, axis + 1).expand(shape) for nodes in read.terms)
    kernels = tuple(nodes.reshape(-1, *single).expand(shape) for nodes in own.terms)
    return combined(walk, step, [Flow(shape, channels), Flow(shape, kernels)], shape)


def time_first(walk: Walk, step: Step) -> Value:
    """A convolution of values laid out (time, batch, channels), with a weight laid out (kernel, inputs, outputs)."""
    read, weight, bias, padding = (*walk.operands(step), 0)[:4]
    flow, shape = walk.flow(fed(walk, step, read)), plain(walk.shape(step))
    order = (1, 2, 0)
    turned = replace(flow, shape=_ordered(flow.shape, order), terms=tuple(n.permute(order) for n in flow.terms))
    step = replace(step, operation="aten.conv1d.default", shape=_ordered(shape, order))
    if is_weight(weight):
        order_of_weight = (2, 1, 0)
        steps = (layout("permute.default", (order_of_weight,), _ordered(weight.shape, order_of_weight)),)
        geometry = Geometry(1, (1,), ((int(padding), int(padding)),), (1,), 1)
        layer = Layer(step, walk.weight(weight, steps), walk.bias(bias), geometry, plain(step.shape))
        made = walk.wiring.layer(layer, turned)
    else:
        kernel = walk.flow(weight)
        terms = tuple(nodes.permute(2, 1, 0) for nodes in kernel.terms)
        kernel = replace(kernel, shape=_ordered(kernel.shape, (2, 1, 0)), terms=terms)
        walk.wiring.fold(parameters_of(bias))
        made = walk.flow(_with_computed(walk, replace(step, arguments=()), turned, kernel, (1, 1)))
    return Flow(shape, tuple(nodes.permute(2, 0, 1) for nodes in made.terms), unknown=made.unknown)


def _ordered(shape: Shape, order: Shape) -> Shape:
    return tuple(shape[d] for d in order)


def any_convolution(walk: Walk, step: Step) -> Value:
    """A convolution of any kind, as it is dispatched: its kind is among the arguments."""
    *most, transposed, output_padding, groups = step.arguments
    read, weight, bias, stride, padding, dilation = most
    n = len(walk.value(weight).shape) - 2
    rest = (output_padding, groups, dilation) if transposed else (dilation, groups)
    name = f"aten.conv_transpose{n}d.input" if transposed else f"aten.conv{n}d.default"
    return convolution(walk, replace(step, operation=name, arguments=(read, weight, bias, stride, padding, *rest)))


def _turned(shape: Shape, groups: int) -> tuple[Step, ...]:
    """From (inputs, outputs / groups, ...), as transposed convolutions have it, to (outputs, inputs / groups, ...)."""
    inputs, outputs, *kernel = shape
    grouped = (groups, inputs // groups, outputs, *kernel)
    turned = (groups, outputs, inputs // groups, *kernel)
    if groups == 1:
        return (layout("transpose.int", (0, 1), (outputs, inputs, *kernel)),)
    return (
        layout("reshape.default", (grouped,), grouped),
        layout("transpose.int", (1, 2), turned),
        layout("reshape.default", ((groups * outputs, *turned[2:]),), (groups * outputs, *turned[2:])),
    )


def batch_norm(walk: Walk, step: Step) -> Value:
    """A norm with recorded statistics, which may be folded into the layer before it."""
    operands = walk.operands(step)
    roles = zip(("scale", "shift", "mean", "variance"), operands[1:5], strict=False)
    sources = {role: value for role, value in roles if isinstance(value, Source)}
    epsilon = float(operands[ops.BATCH_NORMS[ops.base(step.operation)]])
    flow = walk.wiring.batch_norm(step, walk.flow(operands[0]), sources, epsilon)
    shapes = step.shape
    return (flow, *map(Flow, shapes[1:])) if shapes and isinstance(shapes[0], tuple) else flow


def norm(walk: Walk, step: Step) -> Value:
    """A norm with the data's own statistics passes every node on; its scale and shift belong to nodes."""
    for value in walk.tensors(step)[1:]:
        walk.wiring.fold(parameters_of(value))
    flow = replace(walk.flow(walk.operands(step)[0]), part=None)
    shapes = walk.shape(step)
    if shapes and isinstance(shapes[0], tuple):
        return flow, *(Flow(shape) for shape in shapes[1:])
    return flow


def _geometry(dimensions: int, kernel: Shape, options: dict[str, Any]) -> Geometry:
    """Read a convolution's options, in which one number stands for all dimensions and padding may be a word."""

    def each(value: Any, default: int) -> Shape:
        numbers = [default] if value is None else list(value) if isinstance(value, list | tuple) else [value]
        return tuple(map(int, numbers * dimensions if len(numbers) == 1 else numbers))

    dilation = each(options.get("dilation"), 1)
    padding = options.get("padding")
    if isinstance(padding, str):
        total = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, kernel, strict=True)]
        sides = tuple((n // 2, n - n // 2) for n in total)
    else:
        sides = tuple((n, n) for n in each(padding, 0))
    return Geometry(dimensions, each(options.get("stride"), 1), sides, dilation, int(options.get("groups") or 1))

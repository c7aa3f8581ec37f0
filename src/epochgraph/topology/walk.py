"""Run a program on node indices.

Each kind of operation has one rule; what none of them knows is carried on as a reason, never as a guess.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow, Geometry, Layer, Wiring
from epochgraph.topology.program import Argument, Program, Ref, Shape, Source, Step
from epochgraph.topology.spans import NO_NODE

Value = Flow | Source | tuple["Value", ...]


def follow(program: Program, wiring: Wiring, *, resized: bool = False) -> None:
    """Run a program on node indices, and tell `wiring` about every input, layer, pooling and norm in order.

    Args:
        program: What to run.
        wiring: What its operations mean.
        resized: Whether the inputs have other sizes than when the program was recorded.
    """
    _Walk(program, wiring, resized).run()


class _Walk:
    """One run through a program; its state is the values that later steps still read."""

    def __init__(self, program: Program, wiring: Wiring, resized: bool) -> None:  # noqa: FBT001 - see `follow`
        self.program = program
        self.wiring = wiring
        self.resized = resized
        self.readers = Counter(ref for step in program.steps for ref in set(step.refs))
        self.values: dict[str, Value] = {}
        self.memory: dict[str, str] = {}

    def run(self) -> None:
        remaining = Counter(self.readers)
        for source in self.program.sources:
            self.values[source.name] = self.wiring.input(source) if source.kind == "input" else source
        for step in self.program.steps:
            self.values[step.name] = self.result(step)
            self.follow_memory(step)
            for ref in set(step.refs):
                remaining[ref] -= 1
                if remaining[ref] == 0:
                    del self.values[ref]

    def follow_memory(self, step: Step) -> None:
        """Where a sum is written in place, other views of that memory hold it too: they are no longer known."""
        changing = ops.in_place(step.operation)
        first = step.refs[0] if step.refs else ""
        shared = changing or ops.base(step.operation) in ops.VIEWS
        self.memory[step.name] = self.memory.get(first, first) if shared else step.name
        if not changing or (ops.base(step.operation) in ops.POINTWISE and len(step.refs) < 2):
            return  # an activation in place changes values, not which nodes they come from
        for name, value in self.values.items():
            if name != step.name and isinstance(value, Flow) and self.memory.get(name) == self.memory[step.name]:
                self.values[name] = Flow(value.shape, unknown=f"was changed in place by {step.operation}")

    def result(self, step: Step) -> Value:
        """The value of one step."""
        name = ops.base(step.operation)
        kinds: tuple[tuple[Iterable[str], Callable[[Step], Value]], ...] = (
            ({"linear", *ops.CONVOLUTIONS}, self.layer),
            ({"batch_norm"}, self.batch_norm),
            (ops.NORMS, self.norm),
            (ops.POINTWISE, self.pointwise),
            (ops.MOVES, self.moved),
            ({*ops.WINDOWS, *ops.ADAPTIVE, *ops.INTERPOLATIONS, *ops.REDUCTIONS}, self.pooled),
            ({"<built-in function getitem>"}, self.item),
            (ops.CONSTANTS, self.constant),
        )
        for names, rule in kinds:
            if name in names:
                return rule(step)
        return self.unknown(step)

    # One rule for each kind of operation.

    def layer(self, step: Step) -> Value:
        read, weight, bias, *rest = (*self.operands(step), None, None)[: max(3, len(step.arguments))]
        flow = self.flow(read)
        kernel = weight if isinstance(weight, Source) else None
        shape = _plain(self.shape(step))
        dimensions = ops.CONVOLUTIONS.get(ops.base(step.operation), 0)
        options = dict(zip(("stride", "padding", "dilation", "groups"), rest, strict=False)) | dict(step.options)
        size = self.shape_of(weight)[2:]
        geometry = _geometry(dimensions, size, options) if dimensions else Geometry()
        offset = bias if isinstance(bias, Source) else None
        return self.wiring.layer(Layer(step, kernel, offset, geometry, shape, self.readers[step.name] == 1), flow)

    def batch_norm(self, step: Step) -> Value:
        operands = self.operands(step)
        roles = zip(("scale", "shift", "mean", "variance"), operands[1:5], strict=True)
        sources = {role: value for role, value in roles if isinstance(value, Source)}
        return self.wiring.batch_norm(step, self.flow(operands[0]), sources, float(operands[7]))

    def norm(self, step: Step) -> Value:
        """A norm by the data's own statistics passes every node on; its scale and shift are no edges."""
        self.leave_out_operands(step, "scales or shifts a normalised value")
        flow = self.flow(self.operands(step)[0])
        return replace(flow, part=None)

    def pointwise(self, step: Step) -> Value:
        self.leave_out_operands(step, f"is combined with a value place by place ({step.operation})")
        flows = [self.flow(value) for value in self.tensors(step)]
        shape = _plain(step.shape)
        if self.resized:  # parameters carry no node, and need not broadcast: PReLU's run along the channels
            values = (value for value in self.tensors(step) if isinstance(value, Flow))
            shape = tuple(np.broadcast_shapes(*(value.shape for value in values)))
        unknown = next((flow.unknown for flow in flows if flow.unknown), "")
        layers = _distinct(layer.expand(shape) for flow in flows for layer in flow.layers)
        return Flow(shape, () if unknown else layers, unknown=unknown)

    def moved(self, step: Step) -> Value:
        self.leave_out_operands(step, f"is moved about ({step.operation})")
        if step.operation.endswith(".dtype"):
            return self.unknown(step)
        flows = [self.flow(value) for value in self.tensors(step)]
        unknown = next((flow.unknown for flow in flows if flow.unknown), "")
        count = 0 if unknown else max((len(flow.layers) for flow in flows), default=0)
        moved = [self.call(step, lambda flow, n=n: _layer(flow, n)) for n in range(count)]  # type: ignore[misc]
        shapes = self.shape(step)
        if shapes and isinstance(shapes[0], tuple):
            return tuple(
                Flow(shape, tuple(layers[n] for layers in moved), unknown=unknown) for n, shape in enumerate(shapes)
            )
        return Flow(shapes, tuple(moved), unknown=unknown)

    def pooled(self, step: Step) -> Value:
        flow = self.flow(self.operands(step)[0])
        shapes = self.shape(step)
        several = bool(shapes) and isinstance(shapes[0], tuple)
        shape = shapes[0] if several else shapes
        result = self.wiring.pool(step, flow, _pooled_dimensions(step, len(flow.shape)), shape)
        return (result, Flow(shape, unknown="is the place of a maximum")) if several else result

    def item(self, step: Step) -> Value:
        container, position = self.operands(step)
        return container[position] if isinstance(container, tuple) else self.unknown(step)

    def constant(self, step: Step) -> Value:
        shape = self.shape(step)
        return Flow(shape)

    def unknown(self, step: Step) -> Value:
        where = f" in {step.module}" if step.module else ""
        reason = f"{step.operation}{where} is not understood"
        self.leave_out_operands(step, reason)
        shapes = step.shape
        if shapes and isinstance(shapes[0], tuple):
            return tuple(Flow(shape, unknown=reason) for shape in shapes if isinstance(shape, tuple))
        return Flow(_plain(shapes), unknown=reason)

    # What a step reads.

    def operands(self, step: Step) -> list[Any]:
        return [self.value(argument) for argument in step.arguments]

    def value(self, argument: Argument) -> Any:
        if isinstance(argument, Ref):
            return self.values[argument.name]
        if isinstance(argument, tuple):
            return [self.value(item) for item in argument]
        return argument

    def tensors(self, step: Step) -> list[Value]:
        return [self.values[ref] for ref in step.refs]

    def flow(self, value: object) -> Flow:
        """The value as a flow: parameters and buffers carry no node, a bundle of results cannot be followed."""
        if isinstance(value, Flow):
            return value
        if isinstance(value, Source):
            return Flow(value.shape)
        return Flow((), unknown="a bundle of values is read as one")

    def leave_out_operands(self, step: Step, reason: str) -> None:
        for value in self.tensors(step):
            if isinstance(value, Source) and value.kind == "parameter":
                self.wiring.leave_out(value, reason)

    # Running a step on stand-ins for its values.

    def shape_of(self, value: object) -> Shape:
        return value.shape if isinstance(value, Flow | Source) else ()

    def shape(self, step: Step) -> Any:
        """Shape of the step's result, from the operation itself on tensors without data."""
        if not self.resized:
            return step.shape
        result = self.call(step, lambda value: torch.empty(value.shape, device="meta"))
        return tuple(result.shape) if isinstance(result, Tensor) else tuple(tuple(item.shape) for item in result)

    def call(self, step: Step, stand_in: Callable[[Any], Tensor]) -> Any:
        def filled(argument: object) -> Any:
            if isinstance(argument, list):
                return [filled(item) for item in argument]
            return stand_in(argument) if isinstance(argument, Flow | Source) else argument

        arguments = [filled(value) for value in self.operands(step)]
        options = {key: filled(self.value(value)) for key, value in step.options if value is not None}
        if any(isinstance(a, Tensor) and a.dtype == torch.int64 for a in arguments):
            return _run_on_indices(step.operation, arguments, options)
        return ops.call(step.operation, arguments, options)


def _run_on_indices(operation: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Run a move on node indices: what it pads with is no node, and what interpolates wants floating point."""
    match ops.base(operation):
        case "constant_pad_nd":
            return ops.call(operation, [*arguments[:2], NO_NODE], {})
        case "pad" if (arguments[2:] or ["constant"])[0] == "constant":
            return ops.call(operation, [*arguments[:2], "constant", NO_NODE], {})
        case "pad" | "upsample_nearest1d" | "upsample_nearest2d" | "upsample_nearest3d":
            result = ops.call(operation, [arguments[0].double(), *arguments[1:]], options)  # exact up to 2 ** 53 nodes
            return result.long()
        case _:
            return ops.call(operation, arguments, options)


def _layer(value: Flow | Source, number: int) -> Tensor:
    """One layer of a value; where it has fewer, a layer without nodes."""
    layers = value.layers if isinstance(value, Flow) else ()
    return layers[number] if number < len(layers) else torch.full((), NO_NODE).expand(value.shape)


def _distinct(layers: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The layers without repetitions: x + x reads x's nodes once."""
    found: list[Tensor] = []
    for layer in layers:
        if not any(_same(layer, other) for other in found):
            found.append(layer)
    return tuple(found)


def _same(a: Tensor, b: Tensor) -> bool:
    if a.data_ptr() == b.data_ptr() and a.stride() == b.stride():
        return True
    keep = tuple(slice(None) if s or t else slice(1) for s, t in zip(a.stride(), b.stride(), strict=True))
    return torch.equal(a[keep], b[keep])  # dimensions along which neither changes are compared once


def _plain(shape: Shape | tuple[Shape, ...]) -> Shape:
    """One shape, of an operation with one result."""
    return tuple(n for n in shape if isinstance(n, int))


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


def _pooled_dimensions(step: Step, rank: int) -> Shape:
    """The dimensions that a pooling or reduction goes over."""
    name = ops.base(step.operation)
    spatial = (ops.WINDOWS | ops.ADAPTIVE | ops.INTERPOLATIONS).get(name)
    if spatial is not None:
        return tuple(range(rank - spatial, rank))
    given = dict(enumerate(step.arguments)).get(1, dict(step.options).get("dim"))
    numbers = given if isinstance(given, tuple) else () if given is None else (given,)
    return tuple(int(n) % rank for n in numbers if isinstance(n, int)) or tuple(range(rank))

"""A network's operations from input to output, as plain data.

`torch.export` gives a graph of ATen operations. What the graphs need of it is little: the operations' names, their
arguments, and which values are inputs, parameters and buffers. Kept as data it fits a JSON file, and can be run again
on node indices (`flow.py`) for another input size, without the model's code and without ever naming an operation that
`operations.py` does not list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

MOST_VALUES = 4096
"""Integers of a constant that are kept."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The result of an earlier step, or a source."""

    name: str


Shape = tuple[int, ...]
Argument = Ref | None | bool | int | float | str | tuple["Argument", ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A value that enters the program.

    Attributes:
        name: Its name within the program.
        kind: Input of the forward pass, parameter, or buffer (also a constant tensor).
        target: The parameter's or buffer's name in the model; the argument's name for an input.
        shape: Its shape.
        integer: Whether it holds integers, such as token ids.
        values: The integers of a small constant, such as an order of channels, one after another.
    """

    name: str
    kind: Literal["input", "parameter", "buffer"]
    target: str
    shape: Shape
    integer: bool = False
    values: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One operation.

    Attributes:
        name: Name of its result within the program.
        operation: ATen name, such as "aten.conv2d.default".
        arguments: Positional arguments.
        options: Keyword arguments, of those that plain data can express.
        shape: Shape of its result, or the shapes of its results.
        module: Name of the module it was called in; empty for the model itself.
    """

    name: str
    operation: str
    arguments: tuple[Argument, ...]
    options: tuple[tuple[str, Argument], ...]
    shape: Shape | tuple[Shape, ...]
    module: str

    @property
    def refs(self) -> tuple[str, ...]:
        """Names of the values that it reads."""
        return tuple(_refs((*self.arguments, *(value for _, value in self.options))))


@dataclass(frozen=True, slots=True)
class Program:
    """The operations of a forward pass, in order."""

    sources: tuple[Source, ...]
    steps: tuple[Step, ...]


def program(exported: ExportedProgram) -> Program:
    """Reduce an exported model to plain data."""
    specs = {spec.arg.name: spec for spec in exported.graph_signature.input_specs}
    held = {**exported.state_dict, **exported.constants}
    sources, steps = [], []
    for node in exported.graph.nodes:
        if node.op == "placeholder":
            sources.append(_source(node, specs[node.name], held))
        elif node.op == "call_function":
            steps.append(_step(node))
    return Program(tuple(sources), tuple(steps))


def renamed(recorded: Program, names: Mapping[str, str]) -> Program:
    """Give parameters other names, of those that are in `names`."""
    sources = (replace(source, target=names.get(source.target, source.target)) for source in recorded.sources)
    return Program(tuple(sources), recorded.steps)


def _source(node: torch.fx.Node, spec: object, held: Mapping[str, object]) -> Source:
    kind = getattr(spec, "kind", None)
    value = node.meta.get("val")
    shape = _shape(value)
    integer = isinstance(value, torch.Tensor) and not value.is_floating_point()
    if kind is InputKind.USER_INPUT:
        return Source(node.name, "input", node.name, shape, integer)
    target = str(getattr(spec, "target", None) or node.name)
    if kind is InputKind.PARAMETER:
        return Source(node.name, "parameter", target, shape)
    return Source(node.name, "buffer", target, shape, integer, _values(held.get(target)) if integer else None)


def _values(tensor: object) -> tuple[int, ...] | None:
    """The integers of a small constant, if they are there."""
    if not isinstance(tensor, torch.Tensor) or tensor.is_meta or tensor.numel() > MOST_VALUES:
        return None
    return tuple(int(value) for value in tensor.flatten().tolist())


def _step(node: torch.fx.Node) -> Step:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    options = tuple((key, _argument(value)) for key, value in node.kwargs.items())
    value = node.meta.get("val")
    shape = tuple(map(_shape, value)) if isinstance(value, list | tuple) else _shape(value)
    module = stack[-1][0] if stack else ""
    return Step(node.name, str(node.target), tuple(map(_argument, node.args)), options, shape, module)


def _shape(value: object) -> Shape:
    return tuple(int(n) for n in value.shape) if isinstance(value, torch.Tensor) else ()


def _argument(value: object) -> Argument:
    """Reduce an argument to plain data; a dtype, device or layout becomes None, the operation's default."""
    match value:
        case torch.fx.Node():
            return Ref(value.name)
        case bool() | int() | float() | str():
            return value
        case list() | tuple():
            return tuple(_argument(item) for item in value)
        case _:
            return None


def _refs(arguments: tuple[Argument, ...]) -> list[str]:
    found: list[str] = []
    for argument in arguments:
        if isinstance(argument, Ref):
            found.append(argument.name)
        elif isinstance(argument, tuple):
            found.extend(_refs(argument))
    return found

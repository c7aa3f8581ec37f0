"""A network's operations from input to output, as plain data.

`torch.export` gives a graph of ATen operations (see `recording.py`). Our graphs need little of it: the operations'
names, their arguments, and which values are inputs, parameters and buffers. As data it fits into a JSON file, and can
be run again on node indices (`flow.py`) for another input size, without the model's code and without ever naming an
operation that `operations.py` does not list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Ref:
    """The result of an earlier step, or a source."""

    name: str


Shape = tuple[int, ...]
Number = bool | int | float
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
        values: The numbers of a small constant, one after another: integers, such as an order of channels, truths, such
            as those of a mask, and others where no checkpoint holds them.
    """

    name: str
    kind: Literal["input", "parameter", "buffer"]
    target: str
    shape: Shape
    integer: bool = False
    values: tuple[Number, ...] | None = None


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


def layout(name: str, arguments: tuple[Argument, ...], shape: Shape) -> Step:
    """An operation that brings a weight into the form of a layer's weight; its operand is given by its position.

    Args:
        name: ATen name without namespace, such as "permute.default".
        arguments: All arguments but the first.
        shape: Shape of the result.
    """
    return Step("", f"aten.{name}", arguments, (), shape, "")


def renamed(recorded: Program, names: Mapping[str, str]) -> Program:
    """Give parameters other names, of those that are in `names`."""
    sources = (replace(source, target=names.get(source.target, source.target)) for source in recorded.sources)
    return Program(tuple(sources), recorded.steps)


def without_numbers(recorded: Program) -> Program:
    """The program without the constants that only weights are computed with: these have their own."""
    sources = (source if source.integer else replace(source, values=None) for source in recorded.sources)
    return Program(tuple(sources), recorded.steps)


def _refs(arguments: tuple[Argument, ...]) -> list[str]:
    found: list[str] = []
    for argument in arguments:
        if isinstance(argument, Ref):
            found.append(argument.name)
        elif isinstance(argument, tuple):
            found.extend(_refs(argument))
    return found

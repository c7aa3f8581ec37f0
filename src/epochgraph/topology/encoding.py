"""Program <-> plain data for a file, which is not trusted when it is read back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import prod
from typing import Any, Literal, get_args

from epochgraph.topology.computing import is_computable
from epochgraph.topology.program import Argument, Program, Ref, Shape, Source, Step
from epochgraph.topology.recording import MOST_VALUES

Kind = Literal["input", "parameter", "buffer"]

LARGEST = 1 << 63
"""Torch cannot have recorded larger numbers than this."""


def document_of(program: Program) -> dict[str, object]:
    """A program as JSON values."""
    return {
        "sources": [asdict(source) for source in program.sources],
        "steps": [
            [
                s.name,
                s.operation,
                _encoded(s.arguments),
                {k: _encoded(v) for k, v in s.options},
                s.shape,
                s.module,
            ]
            for s in program.steps
        ],
    }


def program_of(document: Mapping[str, Any]) -> Program:
    """Read a program, and check that each step reads only earlier results.

    Raises:
        ValueError, TypeError, LookupError: It is not what `document_of` makes.
    """
    program = Program(tuple(map(_source, document["sources"])), tuple(map(_step, document["steps"])))
    known = {source.name for source in program.sources}
    for step in program.steps:
        missing = [ref for ref in step.refs if ref not in known]
        if missing or step.name in known:
            raise ValueError(f"step {step.name!r} reads what is not there" if missing else f"{step.name!r} comes twice")
        known.add(step.name)
    return program


def computation_of(document: Mapping[str, Any]) -> Program:
    """Read how a weight is computed, and check that only allowed operations are used.

    Raises:
        ValueError, TypeError, LookupError: It is not, or it takes something else.
    """
    found = program_of(document)
    for step in found.steps:
        if not is_computable(step):
            raise ValueError(f"a weight is not computed with {step.operation}")
    return found


def count_of(value: object, below: int | None = None) -> int:
    """A number from 0.

    Raises:
        ValueError: It is not a number, or not below `below`.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < (LARGEST if below is None else below):
        raise ValueError(f"{value!r} is not a number from 0" + ("" if below is None else f" to {below - 1}"))
    return value


def text_of(value: object) -> str:
    """A name.

    Raises:
        ValueError: It is not a name, or has lone surrogates, which can be neither printed nor stored.
    """
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a name")  # noqa: TRY004 - the file is at fault, not an argument
    if len(value.splitlines()) > 1:
        raise ValueError(f"{value!r} has several lines")
    value.encode()
    return value


def text_or_none(value: object) -> str | None:
    """A name, if there is one.

    Raises:
        ValueError: It is neither a name nor None.
    """
    return None if value is None else text_of(value)


def _source(document: Mapping[str, Any]) -> Source:
    kind: Kind = document["kind"]
    shape, values, integer = _shape(document["shape"]), document["values"], document["integer"]
    if kind not in get_args(Kind) or not isinstance(integer, bool):
        raise ValueError(f"{kind!r} is none of {', '.join(get_args(Kind))}")
    if values is not None:
        values = tuple(_integer(value) if integer else _number(value) for value in values)
        if len(values) != prod(shape) or len(values) > MOST_VALUES:
            raise ValueError(f"{len(values)} values do not make a constant of shape {shape}")
    return Source(text_of(document["name"]), kind, text_of(document["target"]), shape, integer, values)


def _step(document: Sequence[Any]) -> Step:
    name, operation, arguments, options, shape, module = document
    several = bool(shape) and isinstance(shape[0], list)
    return Step(
        text_of(name),
        text_of(operation),
        tuple(map(_decoded, arguments)),
        tuple((text_of(key), _decoded(value)) for key, value in options.items()),
        tuple(map(_shape, shape)) if several else _shape(shape),
        text_of(module),
    )


def _shape(value: Sequence[object]) -> Shape:
    return tuple(map(count_of, value))


def _integer(value: object) -> int:
    if not isinstance(value, int) or not -LARGEST <= value < LARGEST:
        raise ValueError(f"{value!r} is not a whole number that torch knows")
    return value


def _number(value: object) -> float:
    if not isinstance(value, float):
        raise ValueError(f"{value!r} is not a number with a point")  # noqa: TRY004 - the file is at fault
    return value


def _encoded(argument: Argument) -> object:
    if isinstance(argument, Ref):
        return {"ref": argument.name}
    return [_encoded(item) for item in argument] if isinstance(argument, tuple) else argument


def _decoded(value: object) -> Argument:
    match value:
        case {"ref": str(name), **others} if not others:
            return Ref(text_of(name))
        case list():
            return tuple(_decoded(item) for item in value)
        case bool() | None | float():
            return value
        case int():
            return _integer(value)
        case str():
            return text_of(value)
        case _:
            raise ValueError(f"{value!r} is no argument")

"""Topology <-> a small JSON file, so that checkpoints can be read later without the model's code."""

import json
from collections.abc import Mapping
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, get_args

from epochgraph.errors import UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.topology.computing import is_computable
from epochgraph.topology.program import Argument, Program, Ref, Source, Step
from epochgraph.topology.spans import NO_NODE, Span
from epochgraph.topology.structure import Coverage, Entry, Fold, Join, Part, Status, Topology

FORMAT = "epochgraph topology"
VERSION = 2


def write_topology(topology: Topology, path: Path | str) -> None:
    """Write a topology as JSON.

    Raises:
        OutputError: The file cannot be written.
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "parts": [asdict(part) for part in topology.parts],
        "joins": [asdict(join) | {"inputs": [astuple(span) for span in join.inputs]} for join in topology.joins],
        "folds": [asdict(fold) for fold in topology.folds],
        "coverage": [asdict(entry) for entry in topology.coverage.entries],
        "tied": topology.tied,
        "program": None if topology.program is None else _program_document(topology.program),
        "computed": {name: _program_document(program) for name, program in topology.computed.items()},
        "rung": topology.rung,
    }
    with atomic_write(Path(path)) as temporary:
        temporary.write_text(json.dumps(document), encoding="utf-8")


def read_topology(path: Path | str) -> Topology:
    """Read a topology that `write_topology` wrote.

    Raises:
        UnreadableFileError: The file is missing, not a topology, of a newer version, or contradicts itself.
    """
    path = Path(path)
    advice = "Write it anew with `epochgraph.write_topology`."
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error), advice) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(path, "it is not a JSON file", advice) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UnreadableFileError(path, "it is not a topology", advice)
    if document.get("version") != VERSION:
        found = f"it has format version {document.get('version')!r}, this package reads {VERSION}"
        raise UnreadableFileError(path, found, "Update epochgraph.")
    try:
        topology = _topology(document)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise UnreadableFileError(path, f"it is damaged ({error})", advice) from error
    return topology


def _topology(document: Mapping[str, Any]) -> Topology:
    parts = tuple(Part(str(d["name"]), _count(d["size"]), _name(d["bias"])) for d in document["parts"])
    joins = tuple(_join(d, parts) for d in document["joins"])
    stored = document["program"]
    return Topology(
        parts=parts,
        joins=joins,
        folds=tuple(_fold(d, parts) for d in document["folds"]),
        coverage=Coverage(tuple(map(_entry, document["coverage"]))),
        tied=tuple(map(_tied, document["tied"])),
        program=None if stored is None else _program(stored),
        computed={str(name): _computation(computed) for name, computed in document["computed"].items()},
        rung=str(document["rung"]),
    )


def _join(document: Mapping[str, Any], parts: tuple[Part, ...]) -> Join:
    """Read a join, and check that it names parts and nodes that exist."""
    source = _count(document["source"], below=len(parts))
    target = _count(document["target"], below=len(parts))
    inputs = tuple(Span(*map(int, span)) for span in document["inputs"])
    for span in inputs:
        last = span.first + span.count * span.width
        if min(span.count, span.repeat, span.width) < 1 or span.first < -1 or last > parts[source].size:
            raise ValueError(f"a join reads {span} of a part of {parts[source].size} nodes")
    if all(span.first == NO_NODE for span in inputs):
        raise ValueError("a join reads no node")
    groups = _count(document["groups"])
    width = sum(span.count * span.repeat for span in inputs)
    if groups < 1 or width % groups or parts[target].size % groups:
        raise ValueError(f"a join reads {width} positions for {parts[target].size} nodes in {groups} groups")
    return Join(source, target, str(document["parameter"]), inputs, groups)


def _fold(document: Mapping[str, Any], parts: tuple[Part, ...]) -> Fold:
    """Read a fold, and check that it names a part that exists."""
    return Fold(
        part=_count(document["part"], below=len(parts)),
        scale=_name(document["scale"]),
        shift=_name(document["shift"]),
        mean=str(document["mean"]),
        variance=str(document["variance"]),
        epsilon=float(document["epsilon"]),
    )


def _tied(names: list[object]) -> tuple[str, ...]:
    if not names:
        raise ValueError("no names share one tensor")
    return tuple(map(str, names))


def _entry(document: Mapping[str, Any]) -> Entry:
    status = document["status"]
    if status not in get_args(Status):
        raise ValueError(f"{status!r} is none of {', '.join(get_args(Status))}")
    return Entry(str(document["name"]), _count(document["size"]), status, str(document["reason"]))


def _count(value: object, below: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or (below is not None and value >= below):
        raise ValueError(f"{value!r} is not a number from 0" + ("" if below is None else f" to {below - 1}"))
    return value


def _name(value: object) -> str | None:
    return None if value is None else str(value)


def _program_document(program: Program) -> dict[str, object]:
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


def _program(document: Mapping[str, Any]) -> Program:
    sources = tuple(
        Source(
            **{
                **d,
                "shape": tuple(map(int, d["shape"])),
                "values": None if d["values"] is None else tuple(map(int, d["values"])),
            }
        )
        for d in document["sources"]
    )
    steps = tuple(
        Step(
            str(name),
            str(operation),
            tuple(map(_decoded, arguments)),
            _options(options),
            _shape(shape),
            str(module),
        )
        for name, operation, arguments, options, shape, module in document["steps"]
    )
    return Program(sources, steps)


def _computation(document: Mapping[str, Any]) -> Program:
    """Read how a weight is computed, and check that it takes nothing but what weights are computed with."""
    found = _program(document)
    for step in found.steps:
        if not is_computable(step):
            raise ValueError(f"a weight is not computed with {step.operation}")
    return found


def _options(document: Mapping[str, object]) -> tuple[tuple[str, Argument], ...]:
    return tuple((str(key), _decoded(value)) for key, value in document.items())


def _shape(value: list[Any]) -> Any:
    return tuple(_shape(item) if isinstance(item, list) else int(item) for item in value)


def _encoded(argument: Argument) -> object:
    if isinstance(argument, Ref):
        return {"ref": argument.name}
    return [_encoded(item) for item in argument] if isinstance(argument, tuple) else argument


def _decoded(value: object) -> Argument:
    match value:
        case {"ref": str(name)}:
            return Ref(name)
        case list():
            return tuple(_decoded(item) for item in value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise ValueError(f"{value!r} is no argument")

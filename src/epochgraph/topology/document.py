"""Topology <-> a small JSON file, so that checkpoints can be read later without the model's code."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from epochgraph.errors import UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.topology.computing import FAULTS
from epochgraph.topology.encoding import computation_of, count_of, document_of, program_of, text_of, text_or_none
from epochgraph.topology.spans import NO_NODE, Span
from epochgraph.topology.structure import Coverage, Entry, Fold, Join, Part, Status, Topology

FORMAT = "epochgraph topology"
VERSION = 2

MOST_NODES = 1 << 24
"""The most nodes without a row or column of a weight: all others are confirmed by a weight in the checkpoint."""

MOST_READ = 1 << 30
"""The most nodes that joins may read, counted once for each position."""


def write_topology(topology: Topology, path: Path | str) -> None:
    """Write a topology as JSON.

    Raises:
        OutputError: The file cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from torch import nn
        >>> from epochgraph import chain
        >>> with TemporaryDirectory() as folder:
        ...     write_topology(chain(nn.Linear(4, 3)), Path(folder) / "topology.json")
        ...     [file.name for file in Path(folder).iterdir()]
        ['topology.json']
    """
    document = {
        "format": FORMAT,
        "version": VERSION,
        "parts": [asdict(part) for part in topology.parts],
        "joins": [asdict(join) | {"inputs": [astuple(span) for span in join.inputs]} for join in topology.joins],
        "folds": [asdict(fold) for fold in topology.folds],
        "coverage": [asdict(entry) for entry in topology.coverage.entries],
        "tied": topology.tied,
        "program": None if topology.program is None else document_of(topology.program),
        "computed": {name: document_of(program) for name, program in topology.computed.items()},
        "rung": topology.rung,
    }
    with atomic_write(Path(path)) as temporary:
        temporary.write_text(json.dumps(document), encoding="utf-8")


def read_topology(path: Path | str) -> Topology:
    """Read a topology that `write_topology` wrote.

    Raises:
        UnreadableFileError: The file is missing, not a topology, has a newer version, or contradicts itself.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from torch import nn
        >>> from epochgraph import chain
        >>> topology = chain(nn.Linear(4, 3))
        >>> with TemporaryDirectory() as folder:
        ...     write_topology(topology, Path(folder) / "topology.json")
        ...     read_topology(Path(folder) / "topology.json") == topology
        True
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
    except FAULTS as error:
        raise UnreadableFileError(path, f"it is damaged ({_shown(error)})", advice) from error
    return topology


def _shown(error: Exception) -> str:
    """The error, in one short line."""
    line = " ".join(str(error).split()).encode("ascii", "backslashreplace").decode()
    return line if len(line) <= 200 else f"{line[:200]}..."


def _topology(document: Mapping[str, Any]) -> Topology:
    parts = tuple(Part(text_of(d["name"]), count_of(d["size"]), text_or_none(d["bias"])) for d in document["parts"])
    joins = tuple(_join(d, parts) for d in document["joins"])
    _check_sizes(parts, joins)
    stored = document["program"]
    return Topology(
        parts=parts,
        joins=joins,
        folds=tuple(_fold(d, parts) for d in document["folds"]),
        coverage=Coverage(tuple(map(_entry, document["coverage"]))),
        tied=tuple(map(_tied, document["tied"])),
        program=None if stored is None else program_of(stored),
        computed={text_of(name): computation_of(computed) for name, computed in document["computed"].items()},
        rung=text_of(document["rung"]),
    )


def _check_sizes(parts: Sequence[Part], joins: Sequence[Join]) -> None:
    """Check that weights confirm all nodes except a few, before a vector of all of them is allocated.

    Raises:
        ValueError: Too many nodes have no weight.
    """
    targets = {join.target for join in joins}
    positions = dict.fromkeys(range(len(parts)), 0)
    for join in joins:
        positions[join.source] += sum(span.count * span.repeat for span in join.inputs)
    without = sum(max(0, part.size - positions[n]) for n, part in enumerate(parts) if n not in targets)
    if without > MOST_NODES:
        raise ValueError(f"{without} nodes have no weight")
    lists = {(join.inputs, join.source) for join in joins}
    read = sum(span.count * span.repeat * span.width for inputs, _ in lists for span in inputs)
    if read > MOST_READ:
        raise ValueError(f"joins read {read} nodes")


def _join(document: Mapping[str, Any], parts: tuple[Part, ...]) -> Join:
    """Read a join, and check that it names parts and nodes that exist."""
    source = count_of(document["source"], below=len(parts))
    target = count_of(document["target"], below=len(parts))
    inputs = tuple(_span(span) for span in document["inputs"])
    for span in inputs:
        last = span.first + span.count * span.width
        if min(span.count, span.repeat, span.width) < 1 or span.first < -1 or last > parts[source].size:
            raise ValueError(f"a join reads {span} of a part of {parts[source].size} nodes")
    if all(span.first == NO_NODE for span in inputs):
        raise ValueError("a join reads no node")
    groups = count_of(document["groups"])
    width = sum(span.count * span.repeat for span in inputs)
    if groups < 1 or width % groups or parts[target].size % groups:
        raise ValueError(f"a join reads {width} positions for {parts[target].size} nodes in {groups} groups")
    return Join(source, target, text_of(document["parameter"]), inputs, groups)


def _span(numbers: Sequence[object]) -> Span:
    first, *others = numbers
    return Span(NO_NODE if first == NO_NODE else count_of(first), *map(count_of, others))


def _fold(document: Mapping[str, Any], parts: tuple[Part, ...]) -> Fold:
    """Read a fold, and check that it names a part that exists."""
    return Fold(
        part=count_of(document["part"], below=len(parts)),
        scale=text_or_none(document["scale"]),
        shift=text_or_none(document["shift"]),
        mean=text_of(document["mean"]),
        variance=text_of(document["variance"]),
        epsilon=_epsilon(document["epsilon"]),
    )


def _epsilon(value: Any) -> float:
    found = float(value)
    if not (isfinite(found) and found >= 0):
        raise ValueError(f"{value!r} is added to a variance")
    return found


def _tied(names: list[object]) -> tuple[str, ...]:
    if not names:
        raise ValueError("no names share one tensor")
    return tuple(map(text_of, names))


def _entry(document: Mapping[str, Any]) -> Entry:
    status = document["status"]
    if status not in get_args(Status):
        raise ValueError(f"{status!r} is none of {', '.join(get_args(Status))}")
    return Entry(text_of(document["name"]), count_of(document["size"]), status, text_of(document["reason"]))

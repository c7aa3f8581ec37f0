"""A file of rows, one JSON object a line, that an interrupt at any moment leaves readable."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def append(path: Path, row: "DataclassInstance") -> None:
    """Write a row behind the others, so that no interruption can cost it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def documents(path: Path) -> list[dict[str, Any]]:
    """The objects of a file; none if there is no file.

    A line that a kill has cut in two is taken off the file, for what is appended next shall stand on a line of its own.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return [json.loads(line) for line in whole.splitlines()]

"""The user's pattern for the epoch in the names of checkpoints."""

import re
from collections.abc import Sequence
from pathlib import Path

from epochgraph.errors import SettingError

EPOCH, ANYTHING = "{epoch}", "{_}"
_PLACES = {EPOCH: r"(?P<epoch>[0-9]+(?:\.[0-9]+)?)", ANYTHING: ".*?"}


def times_from(pattern: str, paths: Sequence[Path]) -> list[float | None]:
    """The time of each checkpoint, from the place that a pattern names.

    Args:
        pattern: A whole name with its ending, in which `{epoch}` stands for the number that is the epoch, and `{_}` for
            anything: `weights.{epoch}-{_}.pt`. Lightning's `epoch={epoch}...ckpt` counts from 0, so one is added.
        paths: The checkpoints.

    Returns:
        A time for each path; None if its name does not fit.

    Raises:
        SettingError: The pattern has no `{epoch}`, or more than one, or fits no name.
    """
    if pattern.count(EPOCH) != 1:
        expected = "a name with {epoch} in it once, and {_} for what differs beside it: weights.{epoch}-{_}.pt"
        raise SettingError("--epochs-from", pattern, expected)
    pieces = re.split(r"(\{epoch\}|\{_\})", pattern)
    expression = re.compile("".join(_PLACES.get(piece) or re.escape(piece) for piece in pieces))
    counts_from_zero = "epoch={epoch}" in pattern and pattern.endswith(".ckpt")
    matches = [expression.fullmatch(path.name) for path in paths]
    if paths and not any(matches):
        names = ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
        raise SettingError("--epochs-from", pattern, f"a pattern of the names that are there ({names})")
    return [None if match is None else float(match["epoch"]) + counts_from_zero for match in matches]

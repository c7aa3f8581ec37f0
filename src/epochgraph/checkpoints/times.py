"""The time of each checkpoint, read from its name."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from epochgraph.checkpoints.suffixes import bare_name

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?![0-9]*[a-z])")  # no piece of a hash such as 5c106cde
_WORD = re.compile(r"(?:(?<![a-z])(epoch|ep|step|checkpoint|ckpt|iter)|(?<![a-z0-9])(e))(?:s|ations?)?[^a-z0-9]*$")
_WORDS = ("epoch", "ep", "e", "step", "checkpoint", "ckpt", "iter")

# One number, followed through all names: known by the word of time before it, or by its place and the text before it.
_Column = str | tuple[int, str]


def time_of(path: Path) -> float | None:
    """The time in a single name: `epoch_3.pt` -> 3, `checkpoint-500` -> 500, `resnet50.pt` -> None."""
    return times([path])[0]


def times(paths: Sequence[Path]) -> list[float | None]:
    """The time of each checkpoint of one run.

    The time is the number that differs between the names, best one behind a word such as `epoch` or `step`. A number
    that all names share belongs to the name (`resnet50_epoch3.pt`), and one that is called otherwise is no time
    (`val_loss=0.25`). Lightning numbers the passes from 0 and saves after each: its `epoch=0.ckpt` is of one completed
    pass.

    Returns:
        A time for each path, in completed passes or steps; None where the name lacks the number that is the time in
        the others.
    """
    rows = [_numbers(bare_name(path).lower(), of_lightning=path.suffix == ".ckpt") for path in paths]
    columns: dict[_Column, list[float]] = {}
    for row in rows:
        for column, value in row.items():
            columns.setdefault(column, []).append(value)
    ranks = {column: rank for column, values in columns.items() if (rank := _rank(column, values)) is not None}
    if not ranks:
        return [None] * len(paths)
    best = min(ranks, key=ranks.__getitem__)
    return [row.get(best) for row in rows]


def gap(times: Sequence[float]) -> tuple[float, float, float] | None:
    """Find where checkpoints are missing.

    Whole-numbered times are evenly spaced. Only the first or last interval may be shorter, where it is no divisor of
    the others and so cannot be the true spacing: epochs 1, 5, 10, 15 or steps 500, 1000, 1500, 1700. Fractions, the
    first moments of training, are spaced as they like.

    Args:
        times: In ascending order.

    Returns:
        The times before and after the first gap, and the usual spacing; None if there is no gap.
    """
    whole = [t for t in times if t.is_integer()]
    steps = [after - before for before, after in pairwise(whole)]
    if not steps or _is_odd_end(steps[-1], steps[:-1]) or _is_odd_end(steps[0], steps[1:]):
        return None
    usual = min(steps)
    gaps = [(before, after, usual) for before, after in pairwise(whole) if after - before > usual]
    return gaps[0] if gaps else None


def _is_odd_end(end: float, others: Sequence[float]) -> bool:
    return len(others) > 1 and len(set(others)) == 1 and end < others[0] and others[0] % end != 0


def _numbers(name: str, *, of_lightning: bool) -> dict[_Column, float]:
    numbers: dict[_Column, float] = {}
    start = 0
    for place, match in enumerate(_NUMBER.finditer(name)):
        before = name[start : match.start()]
        start = match.end()
        word = _WORD.search(before)
        column = word[1] or word[2] if word else (place, before)
        from_zero = of_lightning and before.endswith("epoch=")
        numbers.setdefault(column, float(match[0]) + from_zero)
    return numbers


def _rank(column: _Column, values: Sequence[float]) -> tuple[int, int, bool, int] | None:
    """How likely a number is the time, the lowest first; None if it cannot be.

    Words of time win, then a number that stands alone (`model_3`), then one glued to a name (`net3`). A word that is
    followed by one and the same number in several names still says that other, glued, numbers are something else
    (`epoch3_seed1`, `epoch3_seed2`): better an error than a wrong order.
    """
    repeats, differs = len(set(values)) < len(values), len(set(values)) > 1
    if isinstance(column, str):
        return (0 if differs else 2, -len(values), repeats, _WORDS.index(column))
    place, before = column
    glued = before[-1:].isalpha()
    if before.endswith("=") or (glued and not differs):
        return None
    return ((3 if glued else 1) if differs else 4, -len(values), repeats, -place)

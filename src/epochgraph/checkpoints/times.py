"""The time of each checkpoint, read from its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from epochgraph.checkpoints.naming import WORDS_OF_TIME, Meaning, Number, numbers, template
from epochgraph.errors import UnknownEpochsError


@dataclass(frozen=True, slots=True)
class _Column:
    """One number, as it appears in all names that have it.

    Attributes:
        key: What distinguishes it from other numbers in a name.
        meaning: What the word before it says.
        glued: Whether it is glued to that word.
        values: Its value in each name that has it.
        whole: Whether it is written without a fraction everywhere.
    """

    key: str | tuple[int, str]
    meaning: Meaning
    glued: bool
    values: tuple[float, ...]
    whole: bool

    @property
    def moves(self) -> bool:
        """Whether it differs between names."""
        return len(set(self.values)) > 1

    @property
    def fractional(self) -> bool:
        """Whether it differs and is nowhere a whole number: more like a metric than a time."""
        return self.moves and not any(value.is_integer() for value in self.values)

    def steps(self) -> set[float]:
        """The distances between neighbours; none if two names have the same number."""
        ordered = sorted(self.values)
        found = {after - before for before, after in pairwise(ordered)}
        return set() if 0 in found else found

    @property
    def rises_by_one(self) -> bool:
        """Whether it counts whole numbers without a gap."""
        return self.whole and self.steps() == {1}

    @property
    def even(self) -> bool:
        """Whether it is whole and three or more of it are evenly spaced."""
        return self.whole and len(self.values) > 2 and len(self.steps()) == 1


def time_of(path: Path) -> float | None:
    """The time in a single name: `epoch_3.pt` -> 3, `checkpoint-500` -> 500, `resnet50.pt` -> None.

    None if several numbers may be the time, as there are no other names to compare with.
    """
    return times([path])[0]


def times(paths: Sequence[Path]) -> list[float | None]:
    """The time of each checkpoint of one run.

    The time is the number that differs between the names, preferably after a word such as `epoch` or `step`. A number
    that all names share belongs to the name (`resnet50_epoch3.pt`), and a number after other words is not a time
    (`val_loss=0.25`, `seed3`), nor is a date. Without a word of time, whole numbers that rise by one, or are evenly
    spaced, are preferred to fractions. Lightning counts passes from 0 and saves after each: its `epoch=0.ckpt` is after
    one completed pass.

    Returns:
        A time for each path, in completed passes or steps; None if its name lacks the number that is the time in the
        others.

    Raises:
        UnknownEpochsError: Several numbers may be the time, or one that may as well be a metric.
    """
    rows = [numbers(path) for path in paths]
    columns = _columns(rows)
    best = _chosen(list(columns.values()), len(paths))
    if isinstance(best, list):
        if len(paths) == 1:
            return [None]
        raise _doubt(paths, rows, best)
    found = [{number.column: number.value for number in reversed(row)} for row in rows]
    return [None if best is None else row.get(best.key) for row in found]


def gap(times: Sequence[float]) -> tuple[float, float, float] | None:
    """Find where checkpoints are missing.

    Whole-numbered times should be evenly spaced. Only the first or last interval may be shorter, if it does not divide
    the others and so cannot be the true spacing: epochs 1, 5, 10, 15 or steps 500, 1000, 1500, 1700. Fractions, from
    the first moments of training, may be spaced in any way.

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


def _columns(rows: Sequence[Sequence[Number]]) -> Mapping[object, _Column]:
    found: dict[str | tuple[int, str], list[Number]] = {}
    for row in rows:
        for column, number in {number.column: number for number in reversed(row)}.items():
            found.setdefault(column, []).append(number)
    return {
        key: _Column(
            key,
            several[0].meaning,
            several[0].glued,
            tuple(number.value for number in several),
            all(number.whole for number in several),
        )
        for key, several in found.items()
    }


def _chosen(columns: Sequence[_Column], names: int) -> _Column | list[_Column] | None:
    """The number that is the time, or a list of those that may be; None if none may."""
    sure = [column for column in columns if column.meaning == "time" or _counts(column)]
    loose = [column for column in columns if column not in sure and column.meaning in ("unknown", "counter")]
    moving = [column for column in loose if column.moves]
    widest = max((len(column.values) for column in moving), default=0)
    moving = [column for column in moving if len(column.values) == widest]
    best = min(sure, key=_rank, default=None)
    if best is not None and best.moves:
        rising = [column for column in moving if column.rises_by_one and len(column.values) >= len(best.values)]
        return rising[0] if best.fractional and len(rising) == 1 else best
    if moving:
        return _of_pattern(moving)
    if best is not None:
        return best
    still = [column for column in loose if not column.glued]
    if names == 1 and len(still) > 1:
        return still
    return still[0] if len(still) == 1 else None


def _counts(column: _Column) -> bool:
    """Whether a number after `checkpoint` is a time: not if it is a fraction everywhere."""
    return column.meaning == "counter" and not column.fractional


def _of_pattern(moving: list[_Column]) -> _Column | list[_Column]:
    """Among numbers without a telling word, the one that must be the time, judging by all names."""
    if len(moving) == 1:
        return moving if moving[0].fractional else moving[0]
    whole = [column for column in moving if column.whole]
    rising = [column for column in whole if column.rises_by_one]
    if len(rising) == 1 and (len(whole) == 1 or len(rising[0].values) > 2):
        return rising[0]
    if len(whole) == 1 and whole[0].even:
        return whole[0]
    return moving


def _rank(column: _Column) -> tuple[bool, int, bool, int]:
    """A rank for words of time, the best lowest: the number should differ, be in most names and not repeat."""
    repeats = len(set(column.values)) < len(column.values)
    return not column.moves, -len(column.values), repeats, WORDS_OF_TIME.index(str(column.key))


def _doubt(paths: Sequence[Path], rows: Sequence[Sequence[Number]], columns: Sequence[_Column]) -> UnknownEpochsError:
    """What may be the time, with the pattern that says so; G_100.pt and D_100.pt are two patterns of two names."""
    examples = [(path, n) for path, row in zip(paths, rows, strict=True) for n in row]
    first = [next((path, n) for path, n in examples if n.column == column.key) for column in columns]
    patterns = {template(path, number): f"{number.value:g}" for path, number in first}
    return UnknownEpochsError(paths[0].parent, first[0][0].name, patterns)

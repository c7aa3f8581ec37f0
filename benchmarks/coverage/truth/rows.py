"""One row a model: what its nudges showed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.coverage.lines import documents


@dataclass(frozen=True, slots=True)
class Count:
    """Pairs of a nudged unit and another one.

    Attributes:
        changed: The other one changed, if only in a bit.
        sound: Of these, those that the topology joins.
        joined: The topology joins them.
        tight: Of these, those that changed by more than rounding.
        apart: Neither.
        nudges: How many units were nudged for it.
    """

    changed: int = 0
    sound: int = 0
    joined: int = 0
    tight: int = 0
    apart: int = 0
    nudges: int = 0

    def __add__(self, other: "Count") -> "Count":
        """Both together."""
        return Count(
            self.changed + other.changed,
            self.sound + other.sound,
            self.joined + other.joined,
            self.tight + other.tight,
            self.apart + other.apart,
            self.nudges + other.nudges,
        )

    @property
    def soundness(self) -> float:
        """The share of what changed that is joined, from 0 to 1."""
        return self.sound / self.changed if self.changed else 1.0

    @property
    def tightness(self) -> float:
        """The share of what is joined that changed, from 0 to 1."""
        return self.tight / self.joined if self.joined else 1.0


@dataclass(frozen=True, slots=True)
class Violation:
    """One nudged unit and one layer where what changed is not what is joined.

    Attributes:
        mode: "next" or "all".
        source: The layer that was nudged.
        unit: The unit of the part that was nudged.
        target: The layer.
        kind: Its class.
        count: How many of its units are wrong.
        units: How many it has.
        examples: Some that are wrong.
        unsound: Whether they changed without being joined; they are joined and never change otherwise.
    """

    mode: str
    source: str
    unit: int
    target: str
    kind: str
    count: int
    units: int
    examples: list[int]
    unsound: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        library: Where it is from.
        name: There.
        shows: What kind of wiring it is an example of.
        error: Why it could not be nudged; empty if it could.
        following: Pairs of a nudged unit and those that read it through one weight.
        downstream: Pairs of a nudged unit and all others.
        sites: Number of layers that were watched.
        unmapped: Layers that were seen to run, and that the topology has no part for.
        unwatched: Parts of the topology whose units are not seen.
        frozen: How many statistics of each kind were held as they were.
        violations: The first of them.
        seconds: Time for all.
    """

    library: str
    name: str
    shows: str
    error: str = ""
    following: Count = Count()
    downstream: Count = Count()
    sites: int = 0
    unmapped: tuple[str, ...] = ()
    unwatched: tuple[str, ...] = ()
    frozen: tuple[tuple[str, int], ...] = ()
    violations: tuple[Violation, ...] = field(default=())
    seconds: float = 0.0


def read(path: Path) -> tuple[Row, ...]:
    """The rows of a file, the last of every model; none if there is no file."""
    return latest(map(_row, documents(path)))


def latest(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The last row of every model, in the order in which the models first came."""
    return tuple({(row.library, row.name): row for row in rows}.values())


def _row(document: dict[str, object]) -> Row:
    counts = {key: Count(**document.pop(key)) for key in ("following", "downstream")}  # type: ignore[arg-type]
    violations = tuple(Violation(**found) for found in document.pop("violations"))  # type: ignore[attr-defined]
    names = {key: tuple(map(str, document.pop(key))) for key in ("unmapped", "unwatched")}  # type: ignore[call-overload]
    frozen = tuple((str(name), int(count)) for name, count in document.pop("frozen"))  # type: ignore[attr-defined]
    return Row(**document, **counts, **names, violations=violations, frozen=frozen)  # type: ignore[arg-type]

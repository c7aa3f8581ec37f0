"""The names of features, and of their columns at each epoch: written and parsed here, and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from epochgraph.errors import SettingError

FOLDED = "folded"
PARAMETER = "parameter"
SINCE = "_since_"
CHANGES = ("initial", "previous")
"""The references that features of change compare with."""

LEVELS = ("",)
"""The `since` of features that compare with nothing."""


@dataclass(frozen=True, slots=True)
class FeatureName:
    """The name of one feature of a signature.

    It is written `measure/scope/summary_since_reference`. A scope may contain slashes, the other fields do not. The
    parameters and the last layer of a zoo have no scope, and a name without a slash is only a measure.

    Attributes:
        measure: What is measured, such as "degree" or "parameter:conv1.weight".
        scope: Which nodes: "graph", "part:..." or "depth:...".
        summary: How it is summarised, such as "mean" or "angle".
        since: For a change, the reference that it compares with; otherwise empty.
        folded: Whether batch norms were folded into the weights first.

    Raises:
        SettingError: The name would be parsed as a different one.

    Examples:
        >>> name = FeatureName.parse("degree/part:conv1/angle_since_initial")
        >>> name.scope, name.summary, name.since
        ('part:conv1', 'angle', 'initial')
        >>> str(FeatureName("degree", "graph", "mean"))
        'degree/graph/mean'
    """

    measure: str
    scope: str | None = None
    summary: str | None = None
    since: str = ""
    folded: bool = False

    def __post_init__(self) -> None:
        if _pieces(str(self)) != (self.measure, self.scope, self.summary, self.since, self.folded):
            raise SettingError("the name of a feature", str(self), "such that it is read back as the same name")

    def __str__(self) -> str:
        pieces = (FOLDED if self.folded else None, self.measure, self.scope, self.summary)
        text = "/".join(piece for piece in pieces if piece is not None)
        return f"{text}{SINCE}{self.since}" if self.since else text

    @staticmethod
    def parse(text: str) -> "FeatureName":
        """Read a name; any text is one."""
        return FeatureName(*_pieces(text))

    @property
    def subject(self) -> str:
        """The measure, without the name of a parameter."""
        return self.measure.partition(":")[0]

    @property
    def scoping(self) -> str:
        """The kind of the scope: "graph", "part" or "depth"; empty without a scope."""
        return (self.scope or "").partition(":")[0]


@dataclass(frozen=True, slots=True)
class FeatureChoice:
    """Which features to look at, by their names; None means any.

    Attributes:
        measures: The allowed `FeatureName.subject`.
        scopes: The allowed `FeatureName.scoping`.
        summaries: The allowed `FeatureName.summary`.
        since: The allowed `FeatureName.since`: `CHANGES`, or `LEVELS`.
        folded: Whether to look at features with folded batch norms, or at those without.
        without: Subjects to leave out.
    """

    measures: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None
    summaries: tuple[str, ...] | None = None
    since: tuple[str, ...] | None = None
    folded: bool = False
    without: tuple[str, ...] = ()

    def __contains__(self, name: FeatureName) -> bool:
        if name.folded != self.folded or name.subject in self.without:
            return False
        pairs = (
            (self.measures, name.subject),
            (self.scopes, name.scoping),
            (self.summaries, name.summary),
            (self.since, name.since),
        )
        return all(chosen is None or one in chosen for chosen, one in pairs)

    def __str__(self) -> str:
        named = {"measure": self.measures, "scope": self.scopes, "summary": self.summaries}
        named |= {"since": None if self.since == LEVELS else self.since}
        chosen = [f"{what} {' or '.join(map(repr, names))}" for what, names in named.items() if names is not None]
        return ", ".join([*chosen, *(["with batch norms folded"] if self.folded else [])]) or "any name"


@lru_cache(maxsize=64)  # the runs of a population have thousands of names, and all the same
def positions(names: tuple[str, ...], choice: FeatureChoice) -> list[int]:
    """The positions of the chosen features among all names."""
    return [place for place, name in enumerate(names) if FeatureName.parse(name) in choice]


@dataclass(frozen=True, slots=True)
class Column:
    """A feature or a metric at an epoch, written `name@epoch`: what predictors look at.

    Attributes:
        name: Of the feature or metric.
        epoch: Rounded to the six digits that are written.

    Raises:
        SettingError: The name is empty, or the epoch is negative or not finite.

    Examples:
        >>> str(Column("train_loss", 0.25)), Column.parse("degree/graph/mean@3").epoch
        ('train_loss@0.25', 3.0)
    """

    name: str
    epoch: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "epoch", rounded(self.epoch))
        if not self.name or not 0 <= self.epoch < float("inf"):
            raise SettingError("a column", str(self), "<feature>@<epoch> or <metric>@<epoch>")

    def __str__(self) -> str:
        return f"{self.name}@{self.epoch:g}"

    @staticmethod
    def parse(text: str) -> "Column":
        """Read a column.

        Raises:
            SettingError: The text is not one.
        """
        name, _, epoch = text.rpartition("@")
        try:
            return Column(name, float(epoch))
        except ValueError as error:
            raise SettingError("a column", text, "<feature>@<epoch> or <metric>@<epoch>") from error

    @property
    def since(self) -> str:
        """For a feature of change, the reference that it compares with; otherwise empty."""
        return FeatureName.parse(self.name).since


def rounded(epoch: float) -> float:
    """An epoch as it is written in a column."""
    return float(f"{epoch:g}")


def columns(names: Iterable[str], epochs: Iterable[float]) -> tuple[str, ...]:
    """The columns of some names at each of some epochs, as text."""
    names = tuple(names)
    written = [f"@{epoch:g}" for epoch in epochs]
    return tuple(name + at for at in written for name in names)


def _pieces(text: str) -> tuple[str, str | None, str | None, str, bool]:
    """The fields of `FeatureName`; joining them gives back the text, whatever it is."""
    folded = text.startswith(f"{FOLDED}/") and text.count("/") > 1
    *before, last = text.removeprefix(f"{FOLDED}/" if folded else "").split("/")
    head, joined, since = last.rpartition(SINCE)
    if not joined or not since:
        head, since = last, ""
    if not before:
        return head, None, None, since, folded
    measure, *scope = before
    return measure, "/".join(scope) if scope else None, head, since, folded

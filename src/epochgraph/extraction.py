"""Snapshots -> Signature, with settings that are stored beside the signature so that it can be repeated."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from epochgraph.errors import SettingError
from epochgraph.graph import rolled_graph
from epochgraph.graph.weights import WeightSource
from epochgraph.measures import OF_GRAPHS, eigenvector_centrality
from epochgraph.signature import Signature, signature
from epochgraph.signature.change import Reference
from epochgraph.signature.names import FeatureName
from epochgraph.signature.scopes import Scoping
from epochgraph.signature.settings import EIGENVALUE, WEIGHTS
from epochgraph.signature.smoothing import Smoothing
from epochgraph.topology import Topology

PREFIX = "extraction."
SEPARATOR = ","
WHOLE = frozenset(measure.__name__ for measure in OF_GRAPHS)
"""What is measured on the whole graph, whatever the scopes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """How a run's signature is taken from its snapshots.

    Attributes:
        measures: Names of the measures (see `measures.MEASURES` and `measures.SUMMARIES`).
        scopes: Groups of nodes to summarise.
        change: The references that snapshots are compared with.
        smoothing: How features are averaged over time.
        alpha: Weight of the present in exponential smoothing.
        fold_batch_norm: Whether the scale of batch norms is multiplied into the weights.
    """

    measures: tuple[str, ...] = ("degree", "eigenvector_centrality")
    scopes: tuple[Scoping, ...] = ("graph",)
    change: tuple[Reference, ...] = ()
    smoothing: Smoothing = "none"
    alpha: float = 0.5
    fold_batch_norm: bool = False

    def signature(
        self,
        snapshots: Iterable[WeightSource],
        topology: Topology,
        *,
        times: Sequence[float] | None = None,
        memory: int | None = None,
        watch: Callable[[int], object] | None = None,
    ) -> Signature:
        """Take the signature of a run; a snapshot with NaN or infinite weights is recorded as diverged.

        Args:
            snapshots: Modules, parameters by name, or checkpoints, in time order; read one at a time.
            topology: The wiring of the network.
            times: The epoch of each snapshot; None to take those of the checkpoints.
            memory: Bytes that the graphs may take, including the references that later ones are compared with; None to
                hold all weights in memory (see `rolled_graph`).
            watch: As in `rolled_graph`.

        Raises:
            SettingError: As `signature`.
            MissingParameterError, ShapeMismatchError, WeightDtypeError: As `rolled_graph`.
        """
        each = None if memory is None else memory // self.graphs
        graphs = (
            rolled_graph(
                snapshot,
                topology,
                fold_batch_norm=self.fold_batch_norm,
                nonfinite="record",
                memory=each,
                watch=watch,
            )
            for snapshot in snapshots
        )
        return signature(
            graphs,
            measures=self.measures,
            scopes=self.scopes,
            change=self.change,
            smoothing=self.smoothing,
            alpha=self.alpha,
            times=times,
        )

    @property
    def graphs(self) -> int:
        """How many graphs are held at once: the current one and its references."""
        return 1 + len(self.change)

    def selected(self, whole: Signature) -> Signature:
        """The features that this extraction takes, from a signature that may have more, such as a zoo's."""
        chosen = [index for index, name in enumerate(whole.names) if self._takes(FeatureName.parse(name))]
        names = tuple(whole.names[index] for index in chosen)
        return replace(whole, names=names, values=whole.values[:, chosen])

    def covers(self, other: "Extraction") -> bool:
        """Whether this extraction takes everything that the other takes, in the same way."""
        wider = all(set(getattr(self, name)) >= set(getattr(other, name)) for name in ("measures", "scopes", "change"))
        alike = replace(self, measures=other.measures, scopes=other.scopes, change=other.change)
        return wider and alike == (other if self.smoothing == "exponential" else replace(other, alpha=self.alpha))

    def _takes(self, name: FeatureName) -> bool:
        if name.folded or (name.since and name.since not in self.change):
            return False
        if name.measure == EIGENVALUE:
            return name.since != "" and eigenvector_centrality.__name__ in self.measures
        known = name.since != "" if name.measure == WEIGHTS else name.measure in self.measures
        return known and (name.measure in WHOLE or name.scoping in self.scopes)

    def settings(self) -> dict[str, str | int | float | bool | None]:
        """The settings as plain values, under names that begin with "extraction."."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            PREFIX + name: SEPARATOR.join(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }


def extraction(settings: Mapping[str, object]) -> Extraction:
    """Read the settings of `Extraction.settings` back; other settings are ignored.

    Raises:
        SettingError: They do not say how the signature was extracted.
    """
    values = {name.removeprefix(PREFIX): value for name, value in settings.items() if name.startswith(PREFIX)}
    missing = [field.name for field in fields(Extraction) if field.name not in values]
    if missing:
        raise SettingError("settings", sorted(settings), f"with {PREFIX + missing[0]!r}: extract the run anew")

    def several(name: str) -> tuple[str, ...]:
        return tuple(item for item in str(values[name]).split(SEPARATOR) if item)

    return Extraction(
        measures=several("measures"),
        scopes=several("scopes"),  # type: ignore[arg-type]  # checked where they are used, like the next ones
        change=several("change"),  # type: ignore[arg-type]
        smoothing=str(values["smoothing"]),  # type: ignore[arg-type]
        alpha=_number("alpha", values["alpha"]),
        fold_batch_norm=bool(values["fold_batch_norm"]),
    )


def _number(name: str, value: object) -> float:
    try:
        return float(str(value))
    except ValueError as error:
        raise SettingError(PREFIX + name, value, "a number: extract the run anew") from error

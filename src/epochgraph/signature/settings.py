"""Which features are computed for every snapshot, and their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import get_args

import numpy as np
from jaxtyping import Bool

from epochgraph.errors import SettingError
from epochgraph.measures import MEASURES, STANDARD, SUMMARIES, Measure, Summary, eigenvector_centrality
from epochgraph.signature.change import NODE_CHANGES, Reference
from epochgraph.signature.names import FeatureName
from epochgraph.signature.scopes import Scope, Scoping, scopes
from epochgraph.signature.statistics import STATISTICS
from epochgraph.signature.summaries import summary_names
from epochgraph.topology import Part

WEIGHTS, EIGENVALUE = "weights", "eigenvalue"
"""What can change besides the measures: the weights of the edges, and the largest eigenvalue of the graph."""


@dataclass(frozen=True, slots=True)
class Features:
    """Which features to compute for every snapshot.

    Attributes:
        measures: Measures of the nodes, of the parts and of the whole graph.
        scopes: Groups of nodes to summarise: "graph" (the paper's), "part", "depth".
        change: References to compare with: "initial" (the first snapshot), "previous".
    """

    measures: tuple[Measure | Summary, ...] = STANDARD
    scopes: tuple[Scoping, ...] = ("graph",)
    change: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        for option, values, allowed in (
            ("scopes", self.scopes, get_args(Scoping)),
            ("change", self.change, get_args(Reference)),
        ):
            unknown = [value for value in values if value not in allowed]
            if unknown:
                raise SettingError(option, unknown[0], f"one of {', '.join(allowed)}")
        if not self.measures:
            raise SettingError("measures", self.measures, "at least one measure")

    @property
    def of_nodes(self) -> tuple[Measure, ...]:
        """The measures of nodes, including functions of the user's own."""
        return tuple(measure for measure in self.measures if measure not in SUMMARIES)  # type: ignore[misc]

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """The measures of parts and of the whole graph."""
        return tuple(summary for summary in SUMMARIES if summary in self.measures)

    def groups(self, parts: Sequence[Part]) -> list[Scope]:
        """The groups of nodes in all scopes."""
        return [scope for scoping in self.scopes for scope in scopes(parts, scoping)]


def feature_names(parts: Sequence[Part], features: Features) -> tuple[str, ...]:
    """The names of the features of every snapshot, in order."""
    measures = [measure.__name__ for measure in features.of_nodes]
    scoped = features.groups(parts)
    groups = [group.name for group in scoped]
    names = [
        FeatureName(measure, group, statistic) for measure, group, statistic in product(measures, groups, STATISTICS)
    ]
    names += summary_names(features.summaries, scoped)
    for since in features.change:
        names += [FeatureName(*chosen, since) for chosen in product(measures, groups, NODE_CHANGES)]
        names += [FeatureName(WEIGHTS, group, "relative_change", since) for group in groups]
        if eigenvector_centrality.__name__ in measures:
            names.append(FeatureName(EIGENVALUE, "graph", "log_ratio", since))
        names += summary_names(features.summaries, scoped, since=since)
    return tuple(map(str, names))


def changes_since(names: Sequence[str], reference: Reference) -> Bool[np.ndarray, "features"]:
    """Which of the features compare with a reference; the others need nothing but the snapshot itself."""
    return np.array([FeatureName.parse(name).since == reference for name in names], dtype=bool)


def named_measure(measure: Measure | Summary | str) -> Measure | Summary:
    """The measure with a name; a function is returned as it is.

    Raises:
        SettingError: There is no measure with this name.
    """
    named = {known.__name__: known for known in (*MEASURES, *SUMMARIES)}
    if isinstance(measure, str):
        if measure not in named:
            raise SettingError("measures", measure, f"a function or one of {', '.join(named)}")
        return named[measure]
    return measure

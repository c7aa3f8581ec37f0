"""Features from measures of parts and of whole graphs.

A measure of parts is averaged over the parts of each scope, as its paper averages it over layers; a measure of the
whole graph gives its value, whatever the scopes.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from epochgraph.graph import Graph
from epochgraph.measures import OF_GRAPHS, Summary
from epochgraph.signature.names import FeatureName
from epochgraph.signature.scopes import Scope


def summary_names(summaries: Sequence[Summary], groups: Sequence[Scope], *, since: str = "") -> list[FeatureName]:
    """The names of the features, or of their changes since a reference snapshot."""
    names = []
    for summary in summaries:
        whole = summary in OF_GRAPHS
        what = "log_ratio" if since else "value" if whole else "mean"
        scoped = ["graph"] if whole else [group.name for group in groups]
        names += [FeatureName(summary.__name__, scope, what, since) for scope in scoped]
    return names


def summary_values(
    graph: Graph, summaries: Sequence[Summary], groups: Sequence[Scope]
) -> Float64[np.ndarray, "summaries"]:
    """The features, in the order of their names; NaN for a scope in which no part has a number.

    Raises:
        EmptyGraphError: All weights are zero, where a measure is not defined.
    """
    values: list[float] = []
    for summary in summaries:
        found = summary(graph)
        values += [found] if isinstance(found, float) else [_mean(found[[*group.parts]]) for group in groups]
    return np.array(values, dtype=np.float64)


def summary_changes(
    now: Float64[np.ndarray, "summaries"], then: Float64[np.ndarray, "summaries"]
) -> Float64[np.ndarray, "summaries"]:
    """The logarithm of the ratio of each; NaN unless both are above zero."""
    known = (now > 0) & (then > 0)
    return np.where(known, np.log(np.where(known, now, 1) / np.where(known, then, 1)), np.nan)


def _mean(values: Float64[np.ndarray, "parts"]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan

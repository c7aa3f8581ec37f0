"""Graphs -> Signature, one graph at a time.

`extended` takes the references and the next graph, and returns one more row: `signature` applies it to all
graphs of a run, the live monitor to each as it comes, so both end in the same numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from epochgraph.errors import SettingError, ShapeMismatchError
from epochgraph.graph import Graph, NodeValues
from epochgraph.measures import STANDARD, Measure, Summary, eigenvector_centrality, largest_eigenvalue
from epochgraph.signature.change import Reference, Snapshot, node_changes, weight_changes
from epochgraph.signature.scopes import Scope, Scoping
from epochgraph.signature.settings import Features, feature_names, named_measure
from epochgraph.signature.smoothing import Smoothing, smoothed
from epochgraph.signature.statistics import statistics
from epochgraph.signature.summaries import summary_changes, summary_values
from epochgraph.signature.time_series import Signature


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """What later snapshots are compared with: none before the first, and never a diverged one."""

    initial: Snapshot | None = None
    previous: Snapshot | None = None


def signature(
    graphs: Iterable[Graph],
    *,
    measures: Sequence[Measure | Summary | str] = STANDARD,
    smoothing: Smoothing = "none",
    alpha: float = 0.5,
    scopes: Sequence[Scoping] = ("graph",),
    change: Sequence[Reference] = (),
    times: Sequence[float] | None = None,
) -> Signature:
    """Summarise the graphs of one run, in time order.

    Static features are the five statistics of each measure over each scope. Features of change compare a snapshot with
    a reference: for each measure and scope the angle between the node values (radians) and the logarithm of the ratio
    of their norms; for each scope the relative change of the edge weights; and, where eigenvector centrality is
    measured, the logarithm of the ratio of the largest eigenvalues. Compared with itself, a snapshot's changes are all
    0.

    For a measure of parts the static feature is its mean over the parts of each scope; for a measure of the whole
    graph it is the value. Their change is the logarithm of the ratio, NaN if one of the two is zero.

    Only the graphs that the references need are kept, so `graphs` may be a generator over a long run.

    Args:
        graphs: Snapshots of one network in time order.
        measures: Measures of the nodes, as functions or names in `measures.MEASURES`; or of the parts and the whole
            graph, in `measures.SUMMARIES`.
        smoothing: How features are averaged with their past: "none", "linear" or "exponential" (see `smoothed`).
        alpha: Weight of the present in exponential smoothing.
        scopes: Groups of nodes to summarise: "graph" (the paper's), "part", "depth" (thirds of the network).
        change: The references to compare with: "initial", "previous".
        times: The epoch of each graph; None to use `Graph.epoch`, or 0, 1, 2, ... if the graphs have none.

    Raises:
        SettingError: There are no graphs, an option is unknown, or the times do not increase.
        ShapeMismatchError: The graphs are not of one network.
        EmptyGraphError: All weights of a graph are zero, where a measure such as eigenvector centrality is not defined.

    Examples:
        >>> import torch
        >>> from epochgraph import rolled_graph
        >>> weights = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
        >>> run = [rolled_graph({"fc.weight": factor * weights}) for factor in (1, 2)]
        >>> grown = signature(run, measures=["degree"], change=["initial"])
        >>> grown.names[:2], grown.values[:, 1]
        (('degree/graph/median', 'degree/graph/mean'), array([2., 4.]))
        >>> dict(zip(grown.names, grown.values[1]))["weights/graph/relative_change_since_initial"]
        np.float64(1.0)

    References:
        Vahedian et al. 2022, section 3 (S2, S3).
    """
    features = Features(tuple(map(named_measure, measures)), tuple(scopes), tuple(change))
    references, rows, epochs = References(), [], []
    names: tuple[str, ...] = ()
    diverged = []
    for graph in graphs:
        names = names or feature_names(graph.parts, features)
        references, row, _ = extended(references, graph, features)
        rows.append(row)
        epochs.append(graph.epoch)
        diverged.append(bool(graph.nonfinite))
    return assembled(_times(epochs, times), names, rows, diverged, smoothing=smoothing, alpha=alpha)


def assembled(
    times: Sequence[float],
    names: tuple[str, ...],
    rows: Sequence[Float64[np.ndarray, "features"]],
    diverged: Sequence[bool],
    *,
    smoothing: Smoothing = "none",
    alpha: float = 0.5,
) -> Signature:
    """Put the rows of single snapshots together.

    Raises:
        SettingError: There are no rows, or the times do not increase.
    """
    if not rows:
        raise SettingError("graphs", [], "at least one graph")
    if not (np.diff(times) > 0).all():
        raise SettingError("times", list(times), "strictly increasing")
    values = smoothed(np.stack(rows), smoothing, alpha)
    return Signature(np.asarray(times, dtype=np.float64), names, values, np.asarray(diverged, dtype=bool))


class Extended(NamedTuple):
    """What one more snapshot adds.

    Attributes:
        references: What the next snapshot will be compared with.
        row: The features of the snapshot.
        values: Its node values by the name of the measure; none if it has diverged.
    """

    references: References
    row: Float64[np.ndarray, "features"]
    values: Mapping[str, NodeValues]


def extended(references: References, graph: Graph, features: Features) -> Extended:
    """Measure one more snapshot.

    Raises:
        ShapeMismatchError: The graph is not of the same network as the references.
        EmptyGraphError: As in `signature`.
    """
    if references.initial is not None and graph.sizes != references.initial.graph.sizes:
        raise ShapeMismatchError("the graph", references.initial.graph.sizes, graph.sizes)
    if graph.nonfinite:
        return Extended(references, np.full(len(feature_names(graph.parts, features)), np.nan), {})
    groups = features.groups(graph.parts)
    values = {measure.__name__: measure(graph) for measure in features.of_nodes}
    scores = values.get(eigenvector_centrality.__name__)
    eigenvalue = largest_eigenvalue(graph, scores) if scores is not None and features.change else None
    now = Snapshot(graph, values, eigenvalue, summary_values(graph, features.summaries, groups))
    initial = references.initial or now
    compared = {"initial": initial, "previous": references.previous or now}
    row = [statistics(nodes[group.nodes]) for nodes in values.values() for group in groups]
    row += [now.summaries, *(_changes(now, compared[name], groups) for name in features.change)]
    kept = {name: compared[name] for name in features.change}
    references = References(initial if "initial" in kept else _bare(initial), now if "previous" in kept else None)
    return Extended(references, np.concatenate(row), values)


def _changes(now: Snapshot, then: Snapshot, groups: Sequence[Scope]) -> Float64[np.ndarray, "changes"]:
    """The features of change since one reference, in the order of `feature_names`."""
    pairs = [
        node_changes(nodes[group.nodes], then.values[measure][group.nodes])
        for measure, nodes in now.values.items()
        for group in groups
    ]
    changes = [*np.ravel(pairs), *weight_changes(now.graph, then.graph, groups)]
    if now.eigenvalue is not None and then.eigenvalue is not None:
        changes.append(np.log(now.eigenvalue / then.eigenvalue))
    return np.concatenate([changes, summary_changes(now.summaries, then.summaries)])


def _bare(snapshot: Snapshot) -> Snapshot:
    """A snapshot that only keeps the parts, to check later graphs against."""
    return Snapshot(Graph(snapshot.graph.parts, {}), {}, None, np.zeros(0))


def _times(epochs: Sequence[float | None], given: Sequence[float] | None) -> Sequence[float]:
    if given is not None:
        if len(given) != len(epochs):
            raise SettingError("times", list(given), f"one for each of the {len(epochs)} graphs")
        return given
    known = [epoch for epoch in epochs if epoch is not None]
    return known if len(known) == len(epochs) else list(range(len(epochs)))

"""Features of change: how a snapshot differs from a reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from epochgraph.graph import Graph, NodeValues
from epochgraph.measures.vectors import norm
from epochgraph.signature.scopes import Scope

Reference = Literal["initial", "previous"]

NODE_CHANGES = ("angle", "log_norm_ratio")
"""Changes of the node values: the angle in radians, and the logarithm of the ratio of their norms."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a later snapshot is compared with.

    Attributes:
        graph: The graph.
        values: Node values by the name of the measure.
        eigenvalue: The largest eigenvalue of the adjacency, if eigenvector centrality was measured.
        summaries: The features of parts and of the whole graph, in the order of their names.
    """

    graph: Graph
    values: Mapping[str, NodeValues]
    eigenvalue: float | None
    summaries: Float64[np.ndarray, "summaries"]


def node_changes(now: NodeValues, then: NodeValues) -> tuple[float, float]:
    """`NODE_CHANGES`: how far the vector of node values has turned, and how much it has grown.

    The angle is computed from the chord between the unit vectors, which stays exact where the cosine rounds to one. If
    a norm is zero there is no direction, and both are NaN.
    """
    norms = norm(now), norm(then)
    if not all(norms):
        return np.nan, np.nan
    a, b = now / norms[0], then / norms[1]
    angle = 2 * np.arctan2(norm(a - b), norm(a + b))
    return float(angle), float(np.log(norms[0] / norms[1]))


def weight_changes(now: Graph, then: Graph, scopes: Sequence[Scope]) -> list[float]:
    """For each scope the Frobenius norm of the change of the edge weights into its parts, relative to the earlier norm.

    NaN for a scope without edges, or whose weights were all zero.
    """
    squares = _squares_by_target(now, then)
    changes = []
    for scope in scopes:
        totals = np.sum([squares[part] for part in scope.parts if part in squares] or [(0.0, 0.0)], axis=0)
        changes.append(float(np.sqrt(totals[0] / totals[1])) if totals[1] > 0 else np.nan)
    return changes


def _squares_by_target(now: Graph, then: Graph) -> dict[int, tuple[float, float]]:
    """For the weights into each part, the sums of squares of their differences and of their earlier values.

    A block that reads the sum of several parts counts once. Only one pair of tensors is held at a time, as they may
    come from a file.
    """
    found: dict[int, tuple[float, float]] = {}
    seen = set()
    for (source, target), block in now.blocks.items():
        if (id(block), target) not in seen:
            seen.add((id(block), target))
            differences, squares = found.get(target, (0.0, 0.0))
            for a, b in zip(block.magnitudes(), then.blocks[source, target].magnitudes(), strict=True):
                differences += float((a.double() - b.double()).square().sum())
                squares += float(b.double().square().sum())
            found[target] = differences, squares
    return found

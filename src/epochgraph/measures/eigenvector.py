"""Eigenvector centrality."""

import numpy as np

from epochgraph.errors import EmptyGraphError
from epochgraph.graph import Graph, NodeValues
from epochgraph.measures.aggregation import aggregated
from epochgraph.measures.lanczos import TOLERANCE, leading
from epochgraph.measures.vectors import inner, norm

POLISH = 2
"""Power steps at the end. They shrink what rounding in float32 has left of all eigenvectors, except that of -lambda,
which has the same absolute values."""

LARGE = 1 << 20
"""The number of weights in large layers from which on each product matters."""

TOLERANCE_IF_LARGE = 3e-7
"""The residual at which to end then: one or two more steps follow, and products in float32 hardly give more."""

SHARE = 1e-3
"""The share of the degree that Lanczos starts from if parts alone were not enough, so that no component is left out."""


def eigenvector_centrality(graph: Graph) -> NodeValues:
    """Score each node by the scores of its neighbours, weighted by the strength of the edges.

    A chain of layers is bipartite, so its adjacency has eigenvalues +lambda and -lambda of equal size, and power
    iteration may oscillate for ever. Lanczos computes +lambda directly, and starts from a vector of ones, so that the
    same graph gives the same scores. In a large graph the eigenvector between whole parts is solved for at every
    product (`aggregated`), starting from the degree: that takes four or five products, where Lanczos takes ten to
    thirty.

    The scores are unique if one component has the largest eigenvalue (Perron-Frobenius); the nodes of all other
    components, including isolated nodes, then score 0. If several components share it exactly, the scores are the
    projection of the vector of ones, or of the degree, onto the space of their eigenvectors, which favours none. In a
    large graph the residual is 3e-7 of the eigenvalue: other components score up to that divided by their relative
    distance in eigenvalue, and those closer than about 1e-5 are not distinguished.

    Returns:
        Non-negative scores of unit Euclidean length; rescaling all weights does not change them.

    Raises:
        EmptyGraphError: All weights are zero.
        ConvergenceError: Two components are so nearly equal that Lanczos cannot separate them.
        NonFiniteWeightsError: The graph is recorded as diverged.

    Examples:
        >>> import torch
        >>> from epochgraph import rolled_graph
        >>> star = rolled_graph({"fc.weight": torch.ones(4, 1)})  # one input, joined to four outputs
        >>> eigenvector_centrality(star).round(3)
        array([0.707, 0.354, 0.354, 0.354, 0.354])

    References:
        Bonacich 1972; Vahedian et al. 2022, section 3 (S2).
    """
    if graph.row_sums.max() == 0:
        raise EmptyGraphError
    if graph.work <= LARGE:
        return _iterated(graph, np.full(graph.size, graph.size**-0.5), TOLERANCE)
    scores, found = aggregated(graph, tolerance=TOLERANCE_IF_LARGE)
    if found:
        return scores
    start = scores + SHARE * graph.row_sums / norm(graph.row_sums)
    return _iterated(graph, start / norm(start), TOLERANCE_IF_LARGE)


def _iterated(graph: Graph, start: NodeValues, tolerance: float) -> NodeValues:
    largest = graph.row_sums.max()  # scales eigenvalues to the order of one
    _, vector = leading(lambda x: np.asarray(graph.matvec(x) / largest), start, tolerance=tolerance)
    scores: NodeValues = np.abs(vector)
    for _ in range(POLISH):
        scores = graph.matvec(scores / largest)
        scores /= norm(scores)
    return scores


def largest_eigenvalue(graph: Graph, scores: NodeValues) -> float:
    """The largest eigenvalue of the adjacency, by the Rayleigh quotient of its eigenvector.

    Args:
        graph: The graph.
        scores: Its eigenvector centrality, of unit length.
    """
    return inner(scores, graph.matvec(scores))

"""Eigenvector centrality."""

import numpy as np

from epochgraph.errors import EmptyGraphError
from epochgraph.graph import Graph, NodeValues
from epochgraph.measures.lanczos import EXACT, leading, norm

POLISH = 2
"""Power steps at the end. They shrink what the rounding of float32 products has left of all other eigenvectors but that
of -lambda, which has the same absolute values."""

LARGE = 1 << 20
"""Weights in large layers beyond which each product counts."""

EXACT_IF_LARGE = 3e-7
"""The residual at which to end then: the power steps are still to come, and products in float32 tell hardly more."""

SHARE = 1e-3
"""How much of the degree the start of a large graph has for sure: so it leaves no component out."""


def eigenvector_centrality(graph: Graph) -> NodeValues:
    """Score each node by the scores of its neighbours, weighted by the strength of the edges.

    A chain of layers is bipartite, so its adjacency has eigenvalues +lambda and -lambda of equal size and power
    iteration may oscillate for ever. Lanczos asks for +lambda directly, and starts from a vector of ones, so that the
    same graph gives the same scores; of a large graph from the degree, part by part in the proportions of the leading
    eigenvector between whole parts, which costs one product and saves several.
    They are unique if one component has the largest eigenvalue (Perron-Frobenius); the nodes of every other component,
    isolated nodes among them, then score 0. If several components share it exactly, the scores are the part of the
    vector of ones that lies in the space of their eigenvectors, which favours none.

    Returns:
        Non-negative scores of unit Euclidean length; rescaling all weights does not change them.

    Raises:
        EmptyGraphError: All weights are zero.
        ConvergenceError: Two components are so nearly equal that the iteration cannot tell them apart.
        NonFiniteWeightsError: The graph is recorded as diverged.

    References:
        Bonacich 1972; Vahedian et al. 2022, section 3 (S2). The start: Rayleigh-Ritz on one vector a part.
    """
    largest = graph.row_sums.max()
    if largest == 0:
        raise EmptyGraphError
    large = graph.work > LARGE
    start = _coarse(graph) if large else np.full(graph.size, graph.size**-0.5)
    exact = EXACT_IF_LARGE if large else EXACT
    _, vector = leading(lambda x: np.asarray(graph.matvec(x) / largest), start, exact=exact)  # of the order of one
    scores: NodeValues = np.abs(vector)
    for _ in range(POLISH):
        scores = graph.matvec(scores / largest)
        scores /= norm(scores)
    return scores


def _coarse(graph: Graph) -> NodeValues:
    """A start close to the leading eigenvector: the best mixture of the degrees of the parts, of unit length."""
    lengths = np.array([norm(graph.row_sums[nodes]) or 1.0 for nodes in graph.ranges])
    unit = graph.row_sums / np.repeat(lengths, graph.sizes)
    mixture = np.abs(np.linalg.eigh(graph.coarse(unit)).eigenvectors[:, -1])
    start = unit * np.repeat(mixture, graph.sizes) + SHARE * graph.row_sums / norm(graph.row_sums)
    return np.asarray(start / norm(start))


def largest_eigenvalue(graph: Graph, scores: NodeValues) -> float:
    """The largest eigenvalue of the adjacency, by the Rayleigh quotient of its eigenvector.

    Args:
        graph: The graph.
        scores: Its eigenvector centrality, of unit length.
    """
    return float(scores @ graph.matvec(scores))

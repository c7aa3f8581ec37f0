"""Spectral gap."""

import numpy as np

from epochgraph.errors import EmptyGraphError
from epochgraph.graph import Graph, NodeValues
from epochgraph.measures.lanczos import leading
from epochgraph.measures.vectors import inner, norm

TOLERANCE = 1e-7
"""Length of the residual at which the eigenvalue is found: no less can be had of products in float32."""


def spectral_gap(graph: Graph) -> float:
    """How well all is joined to all: what the second eigenvalue of the normalised adjacency lacks to its first, one.

    The normalised adjacency N = D^-1/2 A D^-1/2, of the degrees D, belongs to a walker who follows edges by their
    weights; the larger the gap, the sooner the walker's start is forgotten, and the more costly is any cut of the graph
    in two (Cheeger). It is the second smallest eigenvalue of the normalised Laplacian, I - N.

    Of a graph of several components the gap is 0. Nodes without weights are left out: else one dead neuron would hide
    all else. A chain of layers is bipartite, so -1 is an eigenvalue, too; as in Chung, that is no gap of zero: the
    second largest eigenvalue counts by its value, not its size.

    The eigenvector of the first eigenvalue is known, the roots of the degrees. So Lanczos is asked for the largest
    eigenvalue of N with that one moved to the other end, from a fixed random vector: a vector of ones would lie in a
    space of its own where degrees are all alike.

    Returns:
        A number from 0 to 2; 1 where every node of a layer is joined to every one of the next by the same weight, more
        only of graphs of very few nodes. Rescaling all weights does not change it.

    Raises:
        EmptyGraphError: All weights are zero.
        ConvergenceError: The iteration does not end.
        NonFiniteWeightsError: The graph is recorded as diverged.

    References:
        Chung 1997, "Spectral graph theory", chapter 1.
    """
    strengths = graph.row_sums
    joined = strengths > 0
    if not joined.any():
        raise EmptyGraphError
    roots = np.sqrt(strengths, where=joined, out=np.ones_like(strengths))
    first = np.sqrt(strengths / strengths.sum())

    def product(x: NodeValues) -> NodeValues:
        return np.asarray(graph.matvec(x / roots) / roots - 2 * inner(first, x) * first)

    start = np.where(joined, np.random.default_rng(0).standard_normal(graph.size), 0)
    second, _ = leading(product, start / norm(start), tolerance=TOLERANCE)
    return min(max(1 - second, 0.0), 2.0)

"""Spectral gap."""

import numpy as np

from epochgraph.errors import EmptyGraphError
from epochgraph.graph import Graph, NodeValues
from epochgraph.measures.lanczos import leading
from epochgraph.measures.vectors import inner, norm

TOLERANCE = 1e-7
"""The length of the residual at which the eigenvalue counts as found: products in float32 allow no less."""


def spectral_gap(graph: Graph) -> float:
    """How well connected the graph is: how far the second eigenvalue of its normalised adjacency is below one.

    The normalised adjacency N = D^-1/2 A D^-1/2, with degrees D, describes a random walker who follows edges by their
    weights; the larger the gap, the sooner the walker's start is forgotten, and the more costly it is to cut the graph
    in two (Cheeger). It is the second smallest eigenvalue of the normalised Laplacian, I - N.

    The gap of a graph with several components is 0. Nodes without weights are left out: otherwise one dead neuron would
    hide everything else. A chain of layers is bipartite, so -1 is an eigenvalue, too; as in Chung, that does not make
    the gap zero: the second largest eigenvalue counts by its value, not its magnitude.

    The eigenvector of the first eigenvalue is known, the roots of the degrees. So Lanczos computes the largest
    eigenvalue of N with that one moved to the other end, from a fixed random vector: a vector of ones would be an
    eigenvector if all degrees are equal.

    Returns:
        A number from 0 to 2; 1 if every node of a layer is joined to every node of the next by the same weight, and
        more only in graphs with very few nodes. Rescaling all weights does not change it.

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

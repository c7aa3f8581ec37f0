"""Eigenvector centrality."""

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from epochgraph.errors import ConvergenceError, EmptyGraphError
from epochgraph.graph import Graph, NodeValues

BASIS = 12
"""Vectors that Lanczos keeps: few, since each costs a pass over the weights, and the largest eigenvalue stands out."""

POLISH = 2
"""Power steps at the end. They shrink what the rounding of float32 products has left of all other eigenvectors but that
of -lambda, which has the same absolute values."""

ITERATIONS = 1000
"""Restarts of the Lanczos iteration before it is given up; ordinary networks need one to five."""


def eigenvector_centrality(graph: Graph) -> NodeValues:
    """Score each node by the scores of its neighbours, weighted by the strength of the edges.

    A chain of layers is bipartite, so its adjacency has eigenvalues +lambda and -lambda of equal size and power
    iteration may oscillate for ever. Lanczos asks for +lambda directly, and starts from a vector of ones, so that the
    same graph gives the same scores. They are unique if one component has the largest eigenvalue (Perron-Frobenius);
    the nodes of every other component, isolated nodes among them, then score 0. If several components share it exactly,
    the scores are the part of the vector of ones that lies in the space of their eigenvectors, which favours none.

    Returns:
        Non-negative scores of unit Euclidean length; rescaling all weights does not change them.

    Raises:
        EmptyGraphError: All weights are zero.
        ConvergenceError: Two components are so nearly equal that the iteration cannot tell them apart.
        NonFiniteWeightsError: The graph is recorded as diverged.

    References:
        Bonacich 1972; Vahedian et al. 2022, section 3 (S2).
    """
    largest = graph.row_sums.max()
    if largest == 0:
        raise EmptyGraphError
    # Weights of any scale: the iteration's tolerances are those of numbers near one.
    adjacency = LinearOperator(
        (graph.size, graph.size), matvec=lambda x: graph.matvec(x.ravel()) / largest, dtype=float
    )
    try:
        _, vectors = eigsh(
            adjacency, k=1, which="LA", v0=np.ones(graph.size), ncv=min(BASIS, graph.size), maxiter=ITERATIONS
        )
    except ArpackNoConvergence as error:
        raise ConvergenceError(ITERATIONS, graph.size) from error
    scores: NodeValues = np.abs(vectors[:, 0])
    for _ in range(POLISH):
        scores = graph.matvec(scores / largest)
        scores /= np.float64(np.linalg.norm(scores))
    return scores


def largest_eigenvalue(graph: Graph, scores: NodeValues) -> float:
    """The largest eigenvalue of the adjacency, by the Rayleigh quotient of its eigenvector.

    Args:
        graph: The graph.
        scores: Its eigenvector centrality, of unit length.
    """
    return float(scores @ graph.matvec(scores))

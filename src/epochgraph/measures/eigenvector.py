"""Eigenvector centrality."""

import numpy as np

from epochgraph.errors import ConvergenceError, EmptyGraphError
from epochgraph.graph import Graph, NodeValues

BASIS = 12
"""Vectors that Lanczos holds: few, as they may be as long as millions of nodes."""

KEPT = 4
"""Those that it goes on with when they are that many: the best approximations so far."""

EXACT = 1e-12
"""Length of A x - lambda x, in units of the largest row sum of A, at which x is an eigenvector."""

POLISH = 2
"""Power steps at the end. They shrink what the rounding of float32 products has left of all other eigenvectors but that
of -lambda, which has the same absolute values."""

PRODUCTS = 10_000
"""Products with the adjacency before the iteration is given up; ordinary networks need twenty to thirty."""


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
    scores: NodeValues = np.abs(_leading(graph, largest))
    for _ in range(POLISH):
        scores = graph.matvec(scores / largest)
        scores /= np.float64(np.linalg.norm(scores))
    return scores


def _leading(graph: Graph, largest: float) -> NodeValues:
    """The eigenvector of the largest eigenvalue, by Lanczos iteration with thick restarts from a vector of ones.

    In exact arithmetic every vector here lies in the span of the products A^k 1, and so does the result: where several
    components share the eigenvalue, it is the part of the ones in their space. ARPACK would leave that span: once the
    span holds its own images, as of a small or symmetric graph, it goes on from a random vector.

    Args:
        graph: The graph.
        largest: Its largest row sum: weights of any scale are brought near one, as the tolerance is.

    References:
        Wu and Simon 2000, "Thick-restart Lanczos method for large symmetric eigenvalue problems".
    """
    basis = np.full((1, graph.size), graph.size**-0.5)
    projected, coupling = np.zeros((0, 0)), np.zeros(0)
    for _ in range(PRODUCTS):
        image = graph.matvec(basis[-1]) / largest
        shares = basis @ image
        rest = image - shares @ basis
        rest -= (basis @ rest) @ basis  # once is not enough where most of the image cancels
        length = np.linalg.norm(rest)
        projected = np.block([[projected, coupling[:, None]], [coupling, shares[-1]]])
        values, mixtures = np.linalg.eigh(projected)
        if length * abs(mixtures[-1, -1]) <= EXACT:
            vector: NodeValues = mixtures[:, -1] @ basis
            return vector
        # from the recurrence: as products with the image they would bring the rounding of float32 into `projected`
        coupling = np.append(np.zeros(len(basis) - 1), length)
        if len(basis) == BASIS:
            basis, projected = mixtures[:, -KEPT:].T @ basis, np.diag(values[-KEPT:])
            coupling = length * mixtures[-1, -KEPT:]
        basis = np.vstack([basis, rest / length])
    raise ConvergenceError(PRODUCTS, graph.size)


def largest_eigenvalue(graph: Graph, scores: NodeValues) -> float:
    """The largest eigenvalue of the adjacency, by the Rayleigh quotient of its eigenvector.

    Args:
        graph: The graph.
        scores: Its eigenvector centrality, of unit length.
    """
    return float(scores @ graph.matvec(scores))

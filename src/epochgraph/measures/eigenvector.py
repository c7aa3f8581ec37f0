"""Eigenvector centrality."""

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from epochgraph.errors import ConvergenceError, EmptyGraphError
from epochgraph.graph import Graph, NodeValues

BASIS = 12
"""Vectors that Lanczos keeps: few, since each costs a pass over the weights, and the largest eigenvalue stands out."""

CLOSED = 1e-12
"""Norm below which a new Lanczos vector is nothing but rounding: the vectors so far hold their own images."""

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
    vector, exact = _lanczos(adjacency)
    if not exact:
        try:
            _, vectors = eigsh(adjacency, k=1, which="LA", v0=vector, ncv=BASIS, maxiter=ITERATIONS)
        except ArpackNoConvergence as error:
            raise ConvergenceError(ITERATIONS, graph.size) from error
        vector = vectors[:, 0]
    scores: NodeValues = np.abs(vector)
    for _ in range(POLISH):
        scores = graph.matvec(scores / largest)
        scores /= np.float64(np.linalg.norm(scores))
    return scores


def _lanczos(adjacency: LinearOperator) -> tuple[NodeValues, bool]:
    """The leading eigenvector as far as the first Lanczos vectors know it, from a vector of ones; whether that is all.

    A small or symmetric graph is known from few vectors. Where they hold their own images, ARPACK would go on from a
    random vector, and find another mixture of components of equal strength each time.
    """
    basis = np.full((1, adjacency.shape[0]), adjacency.shape[0] ** -0.5)
    images = np.empty((0, adjacency.shape[0]))
    while True:
        images = np.vstack([images, adjacency.matvec(basis[-1])])
        rest = images[-1]
        for _ in range(2):  # once is not enough where most of the vector cancels
            rest = rest - basis.T @ (basis @ rest)
        norm = np.linalg.norm(rest)
        if norm <= CLOSED or len(basis) == BASIS:
            break
        basis = np.vstack([basis, rest / norm])
    products = basis @ images.T
    _, mixtures = np.linalg.eigh((products + products.T) / 2)
    vector: NodeValues = basis.T @ mixtures[:, -1]
    return vector, bool(norm * abs(mixtures[-1, -1]) <= CLOSED)


def largest_eigenvalue(graph: Graph, scores: NodeValues) -> float:
    """The largest eigenvalue of the adjacency, by the Rayleigh quotient of its eigenvector.

    Args:
        graph: The graph.
        scores: Its eigenvector centrality, of unit length.
    """
    return float(scores @ graph.matvec(scores))

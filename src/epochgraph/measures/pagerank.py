"""PageRank."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from epochgraph.errors import ConvergenceError
from epochgraph.graph import Graph, NodeValues

DAMPING = 0.85
"""The probability of a step along an edge, as Brin and Page chose it."""

TOLERANCE = 1e-7
"""The length of the residual, relative to the right-hand side: products in float32 allow no less."""

MAX_PRODUCTS = 1_000
"""The number of products before the iteration gives up; because of the damping, a few dozen suffice."""


def pagerank(graph: Graph) -> NodeValues:
    """Score each node by how often a random walker visits it, who follows edges by their weights and sometimes jumps.

    The walker takes an edge with probability 0.85, otherwise it jumps to any node; from a node without weights it
    always jumps. Unlike with eigenvector centrality, which may concentrate on a few heavy nodes, every node scores at
    least what a jump gives.

    The scores x solve (I - d A / D) x = c 1 for some c, however nodes without weights are treated; scaled by the root
    of the degrees D, the matrix is symmetric and positive definite, with eigenvalues from 1 - d to 1 + d. So conjugate
    gradients take a third of the products of power iteration, whose error shrinks only by d.

    Returns:
        Positive scores that sum to one; rescaling all weights does not change them.

    Raises:
        ConvergenceError: The iteration does not end.
        NonFiniteWeightsError: The graph is recorded as diverged.

    References:
        Brin and Page 1998, "The anatomy of a large-scale hypertextual web search engine".
    """
    strengths = graph.row_sums
    roots = np.sqrt(strengths, where=strengths > 0, out=np.ones_like(strengths))

    def product(x: NodeValues) -> NodeValues:
        return np.asarray(x - DAMPING * graph.matvec(x / roots) / roots)

    matrix = LinearOperator((graph.size, graph.size), matvec=product, dtype=np.float64)
    solution, unfinished = cg(matrix, 1 / roots, rtol=TOLERANCE, maxiter=MAX_PRODUCTS)
    if unfinished:
        raise ConvergenceError(MAX_PRODUCTS, graph.size)
    scores: NodeValues = solution * roots
    scores /= scores.sum()
    return scores

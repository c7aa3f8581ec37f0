"""The leading eigenvector of a large graph, from the adjacency between its parts."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from scipy.linalg import eigh

from epochgraph.graph import Graph, NodeValues, PartValues, Product
from epochgraph.measures.vectors import inner, norm

SHRINKS = 3.0
"""The factor by which a step must shrink the error for the next to be worth its product. Parts with random or trained
weights give ten to a thousand, as a matrix of norms has one large singular value; parts that fall into groups less."""

TIED = 1e-9
"""Eigenvalues between parts that differ by less than this, relative to the largest, count as equal."""

FAINT = 1e-9
"""The length that a part keeps when others take it all: enough to recover, too little to be seen."""

Between = Float64[np.ndarray, "parts parts"]
"""One value for each pair of parts."""

Shares = Float64[np.ndarray, "_"]
"""One value for each part that a layer reads."""


def aggregated(graph: Graph, *, tolerance: float) -> tuple[NodeValues, bool]:
    """The leading eigenvector by iterative aggregation and disaggregation: parts are rescaled after each product.

    Each step takes one product with the adjacency. It gives the small adjacency between whole parts, whose nodes are
    aggregated in their current proportions; its leading eigenvector says how much weight each part should have, and the
    product is rescaled accordingly. The iteration starts from the degree. What converges slowly in a power iteration is
    the weight of each part, and that is exact here at every step; what remains is how the nodes of one part share it. A
    layer that reads a sum of parts is multiplied once for all of them, and its product is then divided among them by
    what each has in common with its targets.

    Args:
        graph: The graph; it has weights other than zero.
        tolerance: The residual |A x - lambda x| / lambda of the unit vector x at which to end, if no mixture of its
            parts has a larger lambda; the result is one step better.

    Returns:
        A non-negative vector of unit length, and whether the residual was reached. If a step shrinks the residual too
        little, the iteration ends without reaching it.

    References:
        Rayleigh-Ritz on one vector per part; for Markov chains, where the step is the same, Koury, McAllister and
        Stewart 1984, "Iterative methods for computing stationary distributions of nearly completely decomposable
        Markov chains".
    """
    vector, last = np.asarray(graph.row_sums / norm(graph.row_sums)), np.inf
    while True:
        products = list(graph.products(vector))
        image = graph.added(products)
        value = inner(vector, image)
        shares = [_shares(graph, product, vector) for product in products]
        best, factors = _best(_between(products, shares, len(graph.parts)), _lengths(graph, vector))
        # another mixture of the parts may be larger still, as where this one has led into a weaker component
        error = max(norm(image - value * vector), best - value) / value
        vector = graph.added(_scaled(*layer, factors) for layer in zip(products, shares, strict=True))
        vector /= norm(vector)
        if error <= tolerance or error > last / SHRINKS:
            return vector, error <= tolerance
        last = error


def _shares(graph: Graph, product: Product, vector: NodeValues) -> Shares:
    """What each of the parts that a layer reads has in common with its targets."""
    return np.array([inner(product.backward, vector[graph.ranges[part]]) for part in product.sources])


def _lengths(graph: Graph, vector: NodeValues) -> PartValues:
    return np.array([norm(vector[nodes]) for nodes in graph.ranges])


def _between(products: Sequence[Product], shares: Sequence[Shares], parts: int) -> Between:
    """The adjacency between whole parts, x_p' A_pq x_q for the parts of a vector x: the Galerkin product.

    Args:
        products: The product of each layer with x.
        shares: x_p' A_pq x_q of each layer, for all q that it reads.
        parts: The number of parts.
    """
    found = np.zeros((parts, parts))
    for product, of_each in zip(products, shares, strict=True):
        np.add.at(found, (product.target, product.sources), of_each)
    return found + found.T


def _best(between: Between, lengths: PartValues) -> tuple[float, PartValues]:
    """The largest eigenvalue between parts, and the factor for each of them that gives its eigenvector.

    Args:
        between: The adjacency between whole parts.
        lengths: |x_p|.
    """
    units = np.where(lengths > 0, lengths, 1.0)
    # by QR: divide and conquer, NumPy's way, wakes the threads of BLAS for some dozens of parts (see `vectors`)
    values, vectors = eigh(between / units[:, None] / units, driver="ev", check_finite=False)
    leading = vectors[:, values >= (1 - TIED) * values[-1]]
    best = leading @ (leading.T @ lengths)
    return float(values[-1]), np.asarray(np.maximum(best / norm(best), FAINT) / units)


def _scaled(product: Product, shares: Shares, factors: PartValues) -> Product:
    """The product of a layer with a vector whose parts are multiplied by factors; of a sum of parts approximately."""
    read, total = factors[list(product.sources)], shares.sum()
    of_sources = shares @ read / total if total else read.mean()
    return Product(
        product.target, product.sources, of_sources * product.forward, factors[product.target] * product.backward
    )

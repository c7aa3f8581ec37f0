"""The leading eigenvector of a symmetric operator, using only products with it."""

from collections.abc import Callable

import numpy as np

from epochgraph.errors import ConvergenceError
from epochgraph.graph import NodeValues
from epochgraph.measures.vectors import norm, shares, take

BASIS = 12
"""The number of vectors that Lanczos holds: few, as each may have a value for millions of nodes."""

KEPT = 4
"""The number that it keeps at a restart: the best approximations so far."""

TOLERANCE = 1e-12
"""The length of A x - lambda x, in units of the operator, below which x counts as an eigenvector."""

MAX_PRODUCTS = 10_000
"""The number of products before the iteration gives up; for ordinary networks it takes twenty to thirty."""


def leading(
    product: Callable[[NodeValues], NodeValues], start: NodeValues, *, tolerance: float = TOLERANCE
) -> tuple[float, NodeValues]:
    """The largest eigenvalue and its eigenvector, by Lanczos iteration with thick restarts.

    In exact arithmetic every vector here lies in the span of the products A^k x of the start x, and so does the result:
    if several eigenvectors share the eigenvalue, it is the projection of the start onto their space. ARPACK would leave
    that span: once the span is invariant, as for a small or symmetric graph, it goes on from a random vector.

    Args:
        product: Multiplies by the operator; its eigenvalues must be of the order of one for the tolerance to make
            sense.
        start: A vector of unit length that is not orthogonal to the result.
        tolerance: The residual at which to end; the error of the eigenvalue is at most that, and usually its square.

    Raises:
        ConvergenceError: The iteration does not end.

    References:
        Wu and Simon 2000, "Thick-restart Lanczos method for large symmetric eigenvalue problems".
    """
    basis = start[None, :]
    projected, coupling = np.zeros((0, 0)), np.zeros(0)
    for _ in range(MAX_PRODUCTS):
        rest, share = _orthogonal(basis, product(basis[-1]))
        length = norm(rest)
        projected = np.block([[projected, coupling[:, None]], [coupling, share]])
        values, mixtures = np.linalg.eigh(projected)
        if length * abs(mixtures[-1, -1]) <= tolerance:
            return float(values[-1]), _mixed(mixtures[:, -1:].T, basis)[0]
        # from the recurrence: inner products with the image would bring float32 rounding into `projected`
        coupling = np.append(np.zeros(len(basis) - 1), length)
        if len(basis) == BASIS:
            basis, projected = _mixed(mixtures[:, -KEPT:].T, basis), np.diag(values[-KEPT:])
            coupling = length * mixtures[-1, -KEPT:]
        basis = np.vstack([basis, rest / length])
    raise ConvergenceError(MAX_PRODUCTS, len(start))


def _orthogonal(basis: np.ndarray, image: NodeValues) -> tuple[NodeValues, float]:
    """The part of a vector that is orthogonal to the basis, and its component along the last basis vector."""
    rest, found = image.copy(), shares(basis, image)
    take(basis, found, rest)
    take(basis, shares(basis, rest), rest)  # once is not enough if most of the image cancels
    return rest, found[-1]


def _mixed(mixtures: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Linear combinations of the basis."""
    return np.asarray(np.einsum("km,mn->kn", mixtures, basis))

"""The leading eigenvector of a symmetric operator that can only be multiplied."""

from collections.abc import Callable

import numpy as np

from epochgraph.errors import ConvergenceError
from epochgraph.graph import NodeValues
from epochgraph.measures.vectors import norm, shares, take

BASIS = 12
"""Vectors that Lanczos holds: few, as they may be as long as millions of nodes."""

KEPT = 4
"""Those that it goes on with when they are that many: the best approximations so far."""

TOLERANCE = 1e-12
"""Length of A x - lambda x, in units of the operator, at which x is an eigenvector."""

MAX_PRODUCTS = 10_000
"""Products before the iteration is given up; the leading vector of ordinary networks needs twenty to thirty."""


def leading(
    product: Callable[[NodeValues], NodeValues], start: NodeValues, *, tolerance: float = TOLERANCE
) -> tuple[float, NodeValues]:
    """The largest eigenvalue and its eigenvector, by Lanczos iteration with thick restarts.

    In exact arithmetic every vector here lies in the span of the products A^k x of the start x, and so does the result:
    where several eigenvectors share the eigenvalue, it is the part of the start in their space. ARPACK would leave that
    span: once the span holds its own images, as of a small or symmetric graph, it goes on from a random vector.

    Args:
        product: Multiplies by the operator, whose eigenvalues are of the order of one, as the tolerance is.
        start: A vector of unit length that is not orthogonal to the result.
        tolerance: The residual at which to end; the error of the eigenvalue is at most that, and mostly its square.

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
        # from the recurrence: as products with the image they would bring the rounding of float32 into `projected`
        coupling = np.append(np.zeros(len(basis) - 1), length)
        if len(basis) == BASIS:
            basis, projected = _mixed(mixtures[:, -KEPT:].T, basis), np.diag(values[-KEPT:])
            coupling = length * mixtures[-1, -KEPT:]
        basis = np.vstack([basis, rest / length])
    raise ConvergenceError(MAX_PRODUCTS, len(start))


def _orthogonal(basis: np.ndarray, image: NodeValues) -> tuple[NodeValues, float]:
    """What of a vector is orthogonal to all of the basis, and the share that the last of the basis has in it."""
    rest, found = image.copy(), shares(basis, image)
    take(basis, found, rest)
    take(basis, shares(basis, rest), rest)  # once is not enough where most of the image cancels
    return rest, found[-1]


def _mixed(mixtures: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Vectors that are mixed of the basis."""
    return np.asarray(np.einsum("km,mn->kn", mixtures, basis))

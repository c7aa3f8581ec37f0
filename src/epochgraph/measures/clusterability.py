"""Clusterability: the normalised cut of the clusters found by the spectrum."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.linalg import polar, qr
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from epochgraph.errors import ConvergenceError, EmptyGraphError
from epochgraph.graph import Graph

CLUSTERS = 12
"""The number of clusters that Filan et al. look for."""

NODES = 4
"""Fewer clusters are looked for if they would have fewer nodes than this on average."""

APART = 1e-6
"""How far an eigenvalue must be above the next one to separate clusters: closer ones may be swapped by rounding."""

CONVERGED = 1e-7
"""The accuracy of ARPACK's eigenvalues: products in float32 allow no more."""

SMALL = 64
"""Up to this many nodes the normalised adjacency is written out, one product per column: ARPACK has no room there."""


def normalized_cut(graph: Graph) -> float:
    """How poorly the network separates into twelve clusters: the sum of the shares of weights that leave each cluster.

    Low values mean clusterable. The clusters come from spectral clustering with the leading eigenvectors of the
    normalised adjacency; the result is their n-cut, the sum over clusters of (weights of edges that leave it) /
    (degrees in it).

    Filan et al. find the clusters with k-means, which depends on its start, and so on the order of the neurons. Here
    the neurons that are furthest apart are chosen by pivoted QR, and all others join the most similar one, without any
    randomness (Damle et al.; "cluster_qr" in scikit-learn). Their edges are the L1 norms of a convolution's kernels,
    ours L2. They compare with shuffled weights; here a signature compares with the initial network. The result is a
    step function of the weights: where a neuron is about equally similar to two clusters, a small change makes a small
    jump.

    There are fewer clusters in small networks, and where the spectrum does not separate the last cluster from the next.
    Nodes without weights are left out. It takes a few hundred products with the adjacency.

    Returns:
        From 0 (there are as many components, or one cluster) up to the number of clusters. Rescaling all weights does
        not change it.

    Raises:
        EmptyGraphError: All weights are zero.
        ConvergenceError: The iteration for the eigenvectors does not end.
        NonFiniteWeightsError: The graph is recorded as diverged.

    References:
        Filan et al. 2021, "Clusterability in neural networks"; Shi and Malik 2000, "Normalized cuts and image
        segmentation"; Damle, Minden and Ying 2019, "Simple, direct and efficient multi-way spectral clustering".
    """
    strengths = graph.row_sums
    joined = np.flatnonzero(strengths)
    if not len(joined):
        raise EmptyGraphError
    most = min(CLUSTERS, max(2, len(joined) // NODES))
    components = _components(graph, most)
    if len(components) == most:
        return 0.0
    cut = 0.0
    labels = _labels(_leading(graph, joined, components[:, joined], most))
    for label in np.unique(labels):
        members = np.zeros(graph.size)
        members[joined[labels == label]] = 1
        cut += 1 - float(members @ graph.matvec(members)) / float(members @ strengths)
    return max(cut, 0.0)


def _components(graph: Graph, most: int) -> Bool[np.ndarray, "components nodes"]:
    """The nodes of each component, among those with weights; at most `most` components, as no more are looked for."""
    left = graph.row_sums > 0
    found: list[np.ndarray] = []
    while left.any() and len(found) < most:
        reached, count = np.arange(graph.size) == left.argmax(), 0
        while reached.sum() > count:
            count = reached.sum()
            reached = reached | (graph.matvec(reached.astype(np.float64)) > 0)
        found.append(reached)
        left &= ~reached
    return np.stack(found)


def _leading(
    graph: Graph, joined: Int64[np.ndarray, "joined"], components: Bool[np.ndarray, "components joined"], most: int
) -> Float64[np.ndarray, "joined clusters"]:
    """The leading eigenvectors of the normalised adjacency of the nodes with weights: as many as there are clusters.

    Each component has an eigenvector with eigenvalue one, the roots of its degrees. These are known and are moved to
    the other end of the spectrum, as Lanczos iteration from one vector misses some that share an eigenvalue.
    """
    strengths = graph.row_sums[joined]
    roots = np.sqrt(strengths)
    known = components * roots / np.sqrt(components @ strengths)[:, None]

    def product(x: Float64[np.ndarray, "joined"]) -> Float64[np.ndarray, "joined"]:
        values = np.zeros(graph.size)
        values[joined] = x.ravel() / roots
        return np.asarray(graph.matvec(values)[joined] / roots - 2 * (known @ x.ravel()) @ known)

    count = min(most + 1, len(joined)) - len(known)
    values, vectors = _largest(product, len(joined), count)
    values = np.concatenate([np.ones(len(known)), values])
    gaps = np.flatnonzero(values[:-1] - values[1:] > APART)
    return np.vstack([known, vectors.T])[: gaps[-1] + 1 if len(gaps) else 1].T


def _largest(
    product: Callable[[np.ndarray], np.ndarray], size: int, count: int
) -> tuple[Float64[np.ndarray, "count"], Float64[np.ndarray, "size count"]]:
    """The largest eigenvalues of a symmetric operator and their eigenvectors, the largest first."""
    if size <= SMALL:
        matrix = np.stack([product(column) for column in np.eye(size)])
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    else:
        start = np.random.default_rng(0).standard_normal(size)  # fixed, so that the clusters are always the same
        operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
        try:
            values, vectors = eigsh(operator, k=count, which="LA", v0=start, tol=CONVERGED)
        except ArpackNoConvergence as error:
            raise ConvergenceError(10 * size, size) from error  # its limit
    order = np.argsort(-values)[:count]
    return values[order], vectors[:, order]


def _labels(vectors: Float64[np.ndarray, "nodes clusters"]) -> Int64[np.ndarray, "nodes"]:
    """The cluster of each node, after a rotation that brings each node close to one axis."""
    _, _, order = qr(vectors.T, mode="economic", pivoting=True)
    rotation, _ = polar(vectors[order[: vectors.shape[1]]].T)
    return np.asarray(np.abs(vectors @ rotation).argmax(axis=1))

"""Products of vectors with one value a node, as machine code.

BLAS would wake its threads for some thousand nodes already: they wait for each other longer than one of them needs, and
go on waiting while torch and others want the cores.
"""

import numpy as np

from epochgraph.compilation import compiled
from epochgraph.graph import NodeValues


@compiled
def inner(first: NodeValues, second: NodeValues) -> float:
    """The inner product of two vectors."""
    total = 0.0
    for node in range(first.size):
        total += first[node] * second[node]
    return total


def norm(vector: NodeValues) -> float:
    """The Euclidean length of a vector."""
    return float(np.sqrt(inner(vector, vector)))


@compiled
def shares(basis: np.ndarray, vector: NodeValues) -> np.ndarray:
    """The inner product of each vector (row) of a basis with another vector."""
    found = np.empty(basis.shape[0])
    for index in range(basis.shape[0]):
        found[index] = inner(basis[index], vector)
    return found


@compiled
def take(basis: np.ndarray, amounts: np.ndarray, vector: NodeValues) -> None:
    """Take some of each vector (row) of a basis away from another vector, in place."""
    for index in range(basis.shape[0]):
        for node in range(vector.size):
            vector[node] -= amounts[index] * basis[index, node]

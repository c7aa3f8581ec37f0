"""Products of vectors with one value per node, compiled to machine code.

BLAS would wake its threads for as little as a thousand nodes: they wait for each other longer than one thread takes,
and keep waiting while torch and others need the cores.
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
    """Subtract a multiple of each vector (row) of a basis from another vector, in place."""
    for index in range(basis.shape[0]):
        for node in range(vector.size):
            vector[node] -= amounts[index] * basis[index, node]

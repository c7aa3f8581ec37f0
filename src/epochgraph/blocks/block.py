"""The abstract Block."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

SourceValues = Float64[np.ndarray, "sources"]
TargetValues = Float64[np.ndarray, "targets"]
Pair = tuple[TargetValues, SourceValues]

Entries = tuple[Int64[np.ndarray, "edges"], Int64[np.ndarray, "edges"], Float64[np.ndarray, "edges"]]
"""The target node, source node and weight of each edge."""


class Block(ABC):
    """Non-negative weights between the nodes of two parts, as an operator from source to target nodes.

    Vectors enter and leave in NumPy's float64; inside, a block works in the dtype and on the device of its weights.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """The number of target nodes and of source nodes."""

    @abstractmethod
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        """Multiply from both sides in one pass over the weights, as a symmetric adjacency needs.

        Args:
            source: One value per source node.
            target: One value per target node.

        Returns:
            The operator times `source` (one value per target node), and its transpose times `target`.
        """

    def sums(self) -> Pair:
        """The sums of the weights of each target node and of each source node: the products with ones."""
        targets, sources = self.shape
        return self.products(np.ones(sources), np.ones(targets))

    @property
    def work(self) -> int:
        """The number of weights that a product reads on one core; 0 if it is small, or uses all cores by itself."""
        return 0

    @abstractmethod
    def entries(self) -> Entries:
        """All edges, without those of weight zero; for small graphs and other libraries."""

    @abstractmethod
    def magnitudes(self) -> Iterator[Tensor]:
        """The weights as non-negative tensors, each distinct one once, in the same order for all snapshots of a run."""


def away(vector: Float64[np.ndarray, "nodes"], weights: Tensor) -> Tensor:
    """The vector as it enters a block: in the dtype and on the device of its weights."""
    return torch.tensor(vector, dtype=weights.dtype, device=weights.device)


def home(vector: Tensor) -> Float64[np.ndarray, "nodes"]:
    """The vector as it leaves a block."""
    found: np.ndarray = vector.to(device="cpu", dtype=torch.float64).numpy()
    return found


def matrix_entries(matrix: Tensor) -> Entries:
    """The edges of a matrix."""
    values = matrix.detach().to(device="cpu", dtype=torch.float64).numpy()
    rows, columns = np.nonzero(values)
    return rows, columns, values[rows, columns]

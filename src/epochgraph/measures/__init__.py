"""Graph -> one number a node; one measure a file."""

from collections.abc import Callable

from epochgraph.graph import Graph, NodeValues
from epochgraph.measures.degree import degree
from epochgraph.measures.eigenvector import eigenvector_centrality, largest_eigenvalue

Measure = Callable[[Graph], NodeValues]

STANDARD: tuple[Measure, ...] = (degree, eigenvector_centrality)
"""The paper's measures."""

__all__ = ["STANDARD", "Measure", "degree", "eigenvector_centrality", "largest_eigenvalue"]

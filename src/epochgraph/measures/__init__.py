"""Graph -> one number a node; one measure a file."""

from collections.abc import Callable

from epochgraph.graph import Graph, NodeValues
from epochgraph.measures.degree import degree
from epochgraph.measures.eigenvector import eigenvector_centrality, largest_eigenvalue
from epochgraph.measures.pagerank import pagerank

Measure = Callable[[Graph], NodeValues]

STANDARD: tuple[Measure, ...] = (degree, eigenvector_centrality)
"""The paper's measures."""

MEASURES: tuple[Measure, ...] = (*STANDARD, pagerank)
"""All of them."""

__all__ = ["MEASURES", "STANDARD", "Measure", "degree", "eigenvector_centrality", "largest_eigenvalue", "pagerank"]

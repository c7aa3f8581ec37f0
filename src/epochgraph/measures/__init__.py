"""Graph -> one number a node, a part or the whole graph; one measure a file."""

from collections.abc import Callable

from epochgraph.graph import Graph, NodeValues, PartValues
from epochgraph.measures.clusterability import normalized_cut
from epochgraph.measures.degree import degree
from epochgraph.measures.eigenvector import eigenvector_centrality, largest_eigenvalue
from epochgraph.measures.layer_fluctuation import layer_fluctuation
from epochgraph.measures.neural_persistence import neural_persistence
from epochgraph.measures.pagerank import pagerank
from epochgraph.measures.spectral_gap import spectral_gap

Measure = Callable[[Graph], NodeValues]
PartMeasure = Callable[[Graph], PartValues]
GraphMeasure = Callable[[Graph], float]
Summary = PartMeasure | GraphMeasure

STANDARD: tuple[Measure, ...] = (degree, eigenvector_centrality)
"""The paper's measures."""

MEASURES: tuple[Measure, ...] = (*STANDARD, pagerank)
"""All of nodes."""

OF_PARTS: tuple[PartMeasure, ...] = (layer_fluctuation, neural_persistence)
"""Those with one number a part."""

OF_GRAPHS: tuple[GraphMeasure, ...] = (spectral_gap, normalized_cut)
"""Those with one number."""

SUMMARIES: tuple[Summary, ...] = (*OF_PARTS, *OF_GRAPHS)
"""All that are not of nodes."""

__all__ = [
    "MEASURES",
    "OF_GRAPHS",
    "OF_PARTS",
    "STANDARD",
    "SUMMARIES",
    "GraphMeasure",
    "Measure",
    "PartMeasure",
    "Summary",
    "degree",
    "eigenvector_centrality",
    "largest_eigenvalue",
    "layer_fluctuation",
    "neural_persistence",
    "normalized_cut",
    "pagerank",
    "spectral_gap",
]

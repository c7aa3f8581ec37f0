"""Graph -> one number per node, per part or for the whole graph; one measure per file."""

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
"""All measures of nodes."""

OF_PARTS: tuple[PartMeasure, ...] = (layer_fluctuation, neural_persistence)
"""The measures with one number per part."""

OF_GRAPHS: tuple[GraphMeasure, ...] = (spectral_gap, normalized_cut)
"""The measures with one number for the whole graph."""

SUMMARIES: tuple[Summary, ...] = (*OF_PARTS, *OF_GRAPHS)
"""All measures of parts and of whole graphs."""

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

"""Topology + weights -> Graph: rolled or unrolled, the same class."""

from epochgraph.graph.graph import Graph, NodeValues, PartValues, Product
from epochgraph.graph.rolled import rolled_graph
from epochgraph.graph.unrolled import unrolled_graph

__all__ = ["Graph", "NodeValues", "PartValues", "Product", "rolled_graph", "unrolled_graph"]

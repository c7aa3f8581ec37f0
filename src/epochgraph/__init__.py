"""Predict how a training run will end from the graphs of its first checkpoints.

Data flows one way: checkpoints and a topology make graphs, measures give a number a node, a signature summarises the
graphs of a run over time, predictors turn signatures into the final accuracy.
"""

from epochgraph.checkpoints import load_checkpoint, read_run
from epochgraph.errors import EpochgraphError
from epochgraph.graph import Graph, rolled_graph, unrolled_graph
from epochgraph.measures import degree, eigenvector_centrality
from epochgraph.monitor import Monitor
from epochgraph.runs import read_population
from epochgraph.signature import Signature, signature
from epochgraph.topology import Topology, Wire, chain, read_topology, trace, wire, write_topology

__all__ = [
    "EpochgraphError",
    "Graph",
    "Monitor",
    "Signature",
    "Topology",
    "Wire",
    "chain",
    "degree",
    "eigenvector_centrality",
    "load_checkpoint",
    "read_population",
    "read_run",
    "read_topology",
    "rolled_graph",
    "signature",
    "trace",
    "unrolled_graph",
    "wire",
    "write_topology",
]

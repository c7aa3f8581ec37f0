"""Model -> Topology: parts (groups of nodes) and joins (which weight connects which parts)."""

from epochgraph.topology.chain import chain
from epochgraph.topology.declaring import Wire, wire
from epochgraph.topology.document import read_topology, write_topology
from epochgraph.topology.structure import Coverage, Entry, Fold, Join, Part, Topology
from epochgraph.topology.tracing import trace, unwrapped

__all__ = [
    "Coverage",
    "Entry",
    "Fold",
    "Join",
    "Part",
    "Topology",
    "Wire",
    "chain",
    "read_topology",
    "trace",
    "unwrapped",
    "wire",
    "write_topology",
]

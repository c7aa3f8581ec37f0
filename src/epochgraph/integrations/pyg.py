"""Graph -> PyTorch Geometric, for graph neural networks over neural networks."""

import numpy as np
import torch

from epochgraph.errors import MissingPackageError
from epochgraph.graph import Graph

try:
    from torch_geometric.data import Data
except ImportError as error:
    raise MissingPackageError("torch-geometric", "pyg") from error


def to_pyg(graph: Graph) -> Data:
    """Convert a graph for PyTorch Geometric.

    Args:
        graph: A graph; with the node feature "bias" if the nodes should have it.

    Returns:
        Data with `edge_index` (2, edges), each undirected edge in both directions; `edge_attr` (edges, 1), its weight;
        `part` (nodes,), the index of each node's part; and, if the graph has biases, `x` (nodes, 1), 0 where a node
        has none. Floating-point tensors are float32.

    Raises:
        NonFiniteWeightsError: The graph is recorded as diverged.
    """
    adjacency = graph.to_scipy().tocoo()
    data = Data(
        edge_index=torch.from_numpy(np.stack(adjacency.coords).astype(np.int64)),
        edge_attr=torch.from_numpy(adjacency.data.astype(np.float32))[:, None],
        part=torch.repeat_interleave(torch.tensor(graph.sizes)),
        num_nodes=graph.size,
    )
    if "bias" in graph.features:
        biases = [
            np.zeros(size) if bias is None else bias
            for size, bias in zip(graph.sizes, graph.features["bias"], strict=True)
        ]
        data.x = torch.from_numpy(np.concatenate(biases).astype(np.float32))[:, None]
    return data

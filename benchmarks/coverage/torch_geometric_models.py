"""torch_geometric: networks on graphs, its layers between two linear ones, or as its own models stack them."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.coverage.examples import Case, Example
from benchmarks.coverage.operators import imported

EDGES = torch.tensor([[0, 1, 1, 2, 2, 3, 3, 0, 4, 0], [1, 0, 2, 1, 3, 2, 0, 3, 0, 4]])
"""A ring of four nodes, and a fifth that hangs on it."""

NODES, COUNT = 5, EDGES.shape[1]
LENGTHS = {"edge_attr": torch.zeros(COUNT, 3)}
"""Three numbers of each edge."""

WIDTHS = {"in_channels": 8, "out_channels": 6}
STACKED = {"in_channels": 4, "hidden_channels": 8, "num_layers": 2, "out_channels": 3}


class Between(nn.Module):
    """A layer on graphs between two linear layers.

    Args:
        layer: It.
        width: Of what it gives.
    """

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.layer = layer
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor, *others: Tensor, **options: Tensor) -> Tensor:
        """Of the features of nodes, and whatever the layer wants to know of edges."""
        found: Tensor = self.head(self.layer(self.first(x).relu(), *others, **options))
        return found


def names() -> tuple[str, ...]:
    """The classes."""
    imported("torch_geometric")
    return (*LAYERS, *MODELS)


def example(name: str) -> Example:
    """A small network with that layer, or that model."""
    kinds, models = imported("torch_geometric.nn"), imported("torch_geometric.nn.models")
    kind, nodes = name.partition(",")[0], torch.zeros(NODES, 4)
    if name in LAYERS:
        case = LAYERS[name]
        layer = getattr(kinds, kind)(**{key: _made(value) for key, value in case.settings.items()})
        return Example(Between(layer, WIDE.get(name, 6)), (nodes, EDGES), case.inputs)
    case = MODELS[name]
    model = getattr(models, kind)(**{key: _made(value) for key, value in case.settings.items()})
    return Example(model, () if case.inputs else (nodes, EDGES), case.inputs)


def _made(value: object) -> object:
    """A setting that is a network is made anew each time: its weights belong to one model."""
    return perceptron(*value.widths) if isinstance(value, Perceptron) else value


def perceptron(*widths: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


class Perceptron:
    """A setting that stands for a perceptron of some widths."""

    def __init__(self, *widths: int) -> None:
        self.widths = widths


def _layer(more: Mapping[str, object] | None = None, **inputs: Tensor) -> Case:
    return Case({**WIDTHS, **(more or {})}, inputs)


LAYERS: Mapping[str, Case] = {
    "GCNConv": _layer(),
    "GCNConv, weighted": _layer(edge_weight=torch.ones(COUNT)),
    "ChebConv": _layer({"K": 3}),
    "SAGEConv": _layer(),
    "SAGEConv, the largest": _layer({"aggr": "max", "project": True}),
    "GraphConv": _layer(),
    "GatedGraphConv": Case({"out_channels": 8, "num_layers": 2}, {}),
    "ResGatedGraphConv": _layer(),
    "GATConv": _layer({"heads": 2, "concat": False}),
    "GATConv, of edges": _layer({"heads": 2, "concat": False, "edge_dim": 3}, **LENGTHS),
    "GATv2Conv": _layer({"heads": 3}),
    "TransformerConv": _layer({"heads": 2, "concat": False, "edge_dim": 3}, **LENGTHS),
    "AGNNConv": Case({}, {}),
    "TAGConv": _layer({"K": 2}),
    "GINConv": Case({"nn": Perceptron(8, 7, 6), "train_eps": True}, {}),
    "GINEConv": Case({"nn": Perceptron(8, 7, 6), "edge_dim": 3}, {**LENGTHS}),
    "ARMAConv": _layer({"num_stacks": 2, "num_layers": 2}),
    "SGConv": _layer({"K": 2}),
    "SSGConv": _layer({"alpha": 0.1, "K": 2}),
    "APPNP": Case({"K": 3, "alpha": 0.1}, {}),
    "MFConv": _layer({"max_degree": 3}),
    "RGCNConv": _layer({"num_relations": 2}, edge_type=torch.arange(COUNT) % 2),
    "RGCNConv, in bases": _layer({"num_relations": 3, "num_bases": 2}, edge_type=torch.arange(COUNT) % 3),
    "FastRGCNConv": _layer({"num_relations": 2}, edge_type=torch.arange(COUNT) % 2),
    "RGATConv": _layer({"num_relations": 2}, edge_type=torch.arange(COUNT) % 2),
    "FiLMConv": _layer({"num_relations": 2}, edge_type=torch.arange(COUNT) % 2),
    "GMMConv": _layer({"dim": 3, "kernel_size": 2}, **LENGTHS),
    "NNConv": _layer({"nn": Perceptron(3, 5, 48)}, **LENGTHS),
    "CGConv": Case({"channels": 8, "dim": 3}, {**LENGTHS}),
    "EdgeConv": Case({"nn": Perceptron(16, 7, 6)}, {}),
    "FeaStConv": _layer({"heads": 2}),
    "LEConv": _layer(),
    "ClusterGCNConv": _layer(),
    "GENConv": _layer({"aggr": "softmax", "learn_t": True}),
    "PNAConv": _layer({"aggregators": ["mean", "max"], "scalers": ["identity"], "deg": torch.tensor([0, 2, 2, 1])}),
    "SuperGATConv": _layer({"heads": 2, "concat": False}),
    "EGConv": _layer({"num_heads": 2, "num_bases": 2}),
    "PDNConv": _layer({"edge_dim": 3, "hidden_channels": 5}, **LENGTHS),
    "GeneralConv": _layer({"in_edge_channels": 3}, **LENGTHS),
    "MixHopConv": _layer({"powers": [0, 1, 2]}),
    "LGConv": Case({}, {}),
    "HypergraphConv": _layer(),
    "WLConvContinuous": Case({}, {}),
    "AntiSymmetricConv": Case({"in_channels": 8}, {}),
}
"""Layer -> its case; after a comma what kind of it."""

WIDE = {
    "GatedGraphConv": 8,
    "GATv2Conv": 18,
    "AGNNConv": 8,
    "APPNP": 8,
    "CGConv": 8,
    "MixHopConv": 18,
    "LGConv": 8,
    "WLConvContinuous": 8,
    "AntiSymmetricConv": 8,
}
"""How many numbers a layer gives a node, if not six."""

MODELS: Mapping[str, Case] = {
    "GCN": Case({**STACKED, "jk": "cat"}, {}),
    "GraphSAGE": Case({**STACKED, "norm": "batch_norm"}, {}),
    "GIN": Case({**STACKED, "jk": "max"}, {}),
    "GAT": Case({**STACKED, "heads": 2, "v2": True}, {}),
    "EdgeCNN": Case(STACKED, {}),
    "GraphUNet": Case({"in_channels": 4, "hidden_channels": 8, "out_channels": 3, "depth": 2}, {}),
    "AttentiveFP": Case(
        {
            "in_channels": 4,
            "hidden_channels": 8,
            "out_channels": 3,
            "edge_dim": 3,
            "num_layers": 2,
            "num_timesteps": 2,
        },
        {
            "x": torch.zeros(NODES, 4),
            "edge_index": EDGES,
            **LENGTHS,
            "batch": torch.zeros(NODES, dtype=torch.int64),
        },
    ),
    "LINKX": Case(
        {"num_nodes": NODES, "in_channels": 4, "hidden_channels": 8, "out_channels": 3, "num_layers": 2},
        {"x": torch.zeros(NODES, 4), "edge_index": EDGES},
    ),
    "LightGCN": Case({"num_nodes": NODES, "embedding_dim": 8, "num_layers": 2}, {"edge_index": EDGES}),
    "NeuralFingerprint": Case(
        {"in_channels": 4, "hidden_channels": 8, "out_channels": 3, "num_layers": 2},
        {"x": torch.zeros(NODES, 4), "edge_index": EDGES, "batch": torch.zeros(NODES, dtype=torch.int64)},
    ),
    "PMLP": Case({"in_channels": 4, "hidden_channels": 8, "out_channels": 3, "num_layers": 2}, {}),
    "MLP": Case({"channel_list": [4, 8, 3]}, {"x": torch.zeros(NODES, 4)}),
    "Polynormer": Case(
        {"in_channels": 4, "hidden_channels": 8, "out_channels": 3},
        {"x": torch.zeros(NODES, 4), "edge_index": EDGES, "batch": torch.zeros(NODES, dtype=torch.int64)},
    ),
    "SGFormer": Case(
        {"in_channels": 4, "hidden_channels": 8, "out_channels": 3},
        {"x": torch.zeros(NODES, 4), "edge_index": EDGES, "batch": torch.zeros(NODES, dtype=torch.int64)},
    ),
}
"""Model -> its case; without inputs it takes nodes and edges."""

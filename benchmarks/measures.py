"""Rolled graphs and their measures: beside one sum of the weights, and beside explicit graphs of other libraries."""

import itertools
from collections.abc import Callable
from functools import partial

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import torch
from scipy import sparse
from scipy.sparse.linalg import eigsh
from torch import Tensor, nn

from benchmarks.timing import report, seconds
from epochgraph import chain, degree, eigenvector_centrality, rolled_graph, signature, trace
from epochgraph.zoo import VGG, LeNet, resnet50

REPEATS = 15
"""Of what is compared with one sum: whatever else the machine does decides on a tenth of it."""


def beside_one_sum() -> None:
    """The signatures of a ResNet-50 against one sum of its weights."""
    model = resnet50(classes=1000, image_size=224)
    topology = trace(model, torch.zeros(1, 3, 224, 224))
    parameters = [parameter.detach() for parameter in model.parameters()]
    state = model.state_dict()

    def total() -> float:
        return sum(float(parameter.sum()) for parameter in parameters)

    def degrees() -> object:
        return signature([rolled_graph(state, topology, copy=False)], measures=[degree])

    def both() -> object:
        return signature([rolled_graph(state, topology, copy=False)])

    taken = pd.DataFrame(seconds({"sum": total, "degree": degrees, "both": both}, rounds=15) for _ in range(REPEATS))
    for signature_of, name in (("degree", "degree"), ("both", "degree and eigenvector centrality")):
        ratios = taken[signature_of] / taken["sum"]
        report(
            f"ResNet-50, signature of {name}, against tensor.sum() of all parameters, {REPEATS} times",
            milliseconds=1e3 * taken[signature_of].median(),
            sum_ms=1e3 * taken["sum"].median(),
            median_ratio=ratios.median(),
            least_ratio=ratios.min(),
            greatest_ratio=ratios.max(),
        )


def explicit_edges(model: nn.Module) -> tuple[int, list[tuple[int, int, float]]]:
    """Nodes and edges of a chain's rolled graph, built the plain way: one edge after another."""
    weights = [tensor for name, tensor in model.state_dict().items() if name.endswith("weight")]
    edges: list[tuple[int, int, float]] = []
    begin = 0
    sources = weights[0].shape[1]
    for weight in weights:
        norms = edge_weights(weight, sources)
        targets = begin + sources
        pairs = itertools.product(range(norms.shape[0]), range(norms.shape[1]))
        edges += [(begin + k, targets + row, float(norms[row, k])) for row, k in pairs]
        begin, sources = targets, weight.shape[0]
    return begin + sources, edges


def edge_weights(weight: Tensor, sources: int) -> np.ndarray:
    """Norm of the weights between each filter or neuron and each that it reads."""
    norms: np.ndarray = np.linalg.norm(weight.numpy().reshape(weight.shape[0], sources, -1), axis=2)
    return norms


def with_networkx(model: nn.Module, *, centrality: Callable[..., object]) -> object:
    """Build the graph in NetworkX and measure it, with its power iteration or with SciPy's eigensolver."""
    size, edges = explicit_edges(model)
    graph = nx.Graph()
    graph.add_nodes_from(range(size))
    graph.add_weighted_edges_from(edges)
    return dict(graph.degree(weight="weight")), centrality(graph, weight="weight")


def arrays(model: nn.Module) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """The same edges, built with whole arrays: number of nodes, sources, targets, weights."""
    weights = [tensor for name, tensor in model.state_dict().items() if name.endswith("weight")]
    begin, sources = 0, weights[0].shape[1]
    found = []
    for weight in weights:
        norms = edge_weights(weight, sources)
        row, k = np.indices(norms.shape)
        found.append((begin + k.ravel(), begin + sources + row.ravel(), norms.ravel()))
        begin, sources = begin + sources, weight.shape[0]
    columns, rows, values = (np.concatenate(part) for part in zip(*found, strict=True))
    return begin + sources, columns, rows, values


def with_igraph(model: nn.Module) -> object:
    """Build the graph in igraph and measure it."""
    size, sources, targets, weights = arrays(model)
    graph = igraph.Graph(size, np.stack([sources, targets], axis=1))
    return graph.strength(weights=weights), graph.eigenvector_centrality(weights=weights)


def with_scipy(model: nn.Module) -> object:
    """Build the adjacency as a sparse matrix and measure it."""
    size, sources, targets, weights = arrays(model)
    directed = sparse.coo_array((weights.astype(np.float64), (targets, sources)), shape=(size, size))
    adjacency = sparse.csr_array(directed + directed.T)
    return adjacency.sum(axis=1), eigsh(adjacency, k=1, which="LA", v0=np.ones(size))


def with_epochgraph(model: nn.Module) -> object:
    """The same with this package."""
    graph = rolled_graph(model)
    return degree(graph), eigenvector_centrality(graph)


def beside_explicit_graphs() -> None:
    """Degree and eigenvector centrality of the paper's VGG against building and measuring explicit graphs."""
    torch.manual_seed(0)
    model = VGG(classes=10, image_size=32)
    ours = {"ours": lambda: with_epochgraph(model)}
    fast = seconds(
        ours | {"igraph": lambda: with_igraph(model), "scipy": lambda: with_scipy(model)},
        rounds=9,
    )
    power, numpy = partial(nx.eigenvector_centrality, max_iter=1000, tol=1e-9), nx.eigenvector_centrality_numpy
    slow = seconds(
        {
            "power": lambda: with_networkx(model, centrality=power),
            "numpy": lambda: with_networkx(model, centrality=numpy),
        },
        rounds=0,
    )
    report(
        "VGG, degree and eigenvector centrality, against explicit graphs",
        nodes=sum(chain(model).sizes),
        edges=len(arrays(model)[1]),
        ours_ms=1e3 * fast["ours"],
        networkx_power_iteration_ratio=slow["power"] / fast["ours"],
        networkx_numpy_ratio=slow["numpy"] / fast["ours"],
        igraph_ratio=fast["igraph"] / fast["ours"],
        scipy_ratio=fast["scipy"] / fast["ours"],
    )


def over_sizes() -> None:
    """Time of a degree signature against the number of parameters, from LeNet to 100 million."""
    models: dict[str, nn.Module] = {"LeNet": LeNet(classes=10, image_size=32)}
    for width in (0.25, 1, 4, 6.6):
        models[f"VGG, width {width:g}"] = VGG(classes=10, image_size=32, width=width)
    for name, model in models.items():
        topology = chain(model)
        state = model.state_dict()
        taken = seconds({"ours": lambda s=state, t=topology: degree(rolled_graph(s, t, copy=False))}, rounds=5)  # type: ignore[misc]
        count = sum(parameter.numel() for parameter in model.parameters())
        report(
            "degree over the number of parameters",
            model=name,
            parameters=count,
            milliseconds=1e3 * taken["ours"],
            nanoseconds_a_parameter=1e9 * taken["ours"] / count,
        )


def main() -> None:
    beside_one_sum()
    beside_explicit_graphs()
    over_sizes()


if __name__ == "__main__":
    main()

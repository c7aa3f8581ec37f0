"""The paper's networks against NetworkX, on a graph that is built edge by edge from a wiring written down by hand."""

import networkx as nx
import numpy as np
import pytest
import torch

from epochgraph.graph import Graph, rolled_graph
from epochgraph.measures import degree, eigenvector_centrality
from epochgraph.topology import chain, trace
from epochgraph.zoo import VGG, AlexNet, LeNet, resnet32

IMAGE = torch.zeros(1, 3, 32, 32)

Wiring = list[tuple[str, list[list[int]]]]
"""For each layer its weight's name, and the nodes read at each input channel: one list of terms of a sum a channel."""


def chain_wiring(state: dict[str, torch.Tensor]) -> tuple[int, Wiring]:
    """Layers one after another: number of nodes, and the wiring."""
    wiring: Wiring = []
    size = previous = 3
    begin = 0
    for name in (name for name in state if name.endswith("weight")):
        wiring.append((name, [[begin + channel] for channel in range(previous)]))
        begin, previous = size, state[name].shape[0]
        size += previous
    return size, wiring


def resnet32_wiring() -> tuple[int, Wiring]:
    """Sums on option A's shortcuts: a block's result carries its second convolution's filters and what came before."""
    wiring: Wiring = [("features.0.weight", [[0], [1], [2]])]
    carried = [[3 + channel] for channel in range(16)]
    size, index = 19, 3  # after the first convolution, its norm and its activation
    for width in (16, 32, 64):
        for _ in range(5):
            wiring.append((f"features.{index}.body.0.weight", carried))
            first = [[size + channel] for channel in range(width)]
            wiring.append((f"features.{index}.body.3.weight", first))
            second = [[size + width + channel] for channel in range(width)]
            padding = [[]] * ((width - len(carried)) // 2)
            padded = [*padding, *carried, *padding]
            carried = [new + old for new, old in zip(second, padded, strict=True)]
            size += 2 * width
            index += 1
    wiring.append(("classifier.1.weight", carried))
    return size + 10, wiring


def explicit(state: dict[str, torch.Tensor], size: int, wiring: Wiring) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(size))
    target = 3
    for name, channels in wiring:
        weight = state[name].double().numpy()
        norms = np.sqrt(np.square(weight.reshape(weight.shape[0], len(channels), -1)).sum(axis=2))
        for row, of_row in enumerate(norms):
            for sources, norm in zip(channels, of_row, strict=True):
                graph.add_weighted_edges_from((source, target + row, norm) for source in sources)
        target += weight.shape[0]
    assert target == size
    return graph


def assert_equal(graph: Graph, reference: nx.Graph) -> None:
    assert graph.size == len(reference)
    strengths = [strength for _, strength in reference.degree(weight="weight")]
    np.testing.assert_allclose(degree(graph), strengths, rtol=1e-6)
    scores = list(nx.eigenvector_centrality_numpy(reference, weight="weight").values())
    np.testing.assert_allclose(eigenvector_centrality(graph), scores, rtol=1e-6)


@pytest.mark.parametrize("architecture", [LeNet, AlexNet, VGG])
def test_chains_equal_networkx(architecture):
    torch.manual_seed(0)
    model = architecture(classes=10, image_size=32)
    state = model.state_dict()
    reference = explicit(state, *chain_wiring(state))
    assert_equal(rolled_graph(model, trace(model, IMAGE)), reference)
    np.testing.assert_array_equal(rolled_graph(state).row_sums, rolled_graph(model, trace(model, IMAGE)).row_sums)


def test_a_cifar_resnet_equals_networkx():
    torch.manual_seed(0)
    model = resnet32(classes=10)
    topology = trace(model, IMAGE)
    assert topology.coverage.share == 1.0
    assert_equal(rolled_graph(model, topology), explicit(model.state_dict(), *resnet32_wiring()))


def test_the_papers_lenet_has_239_nodes():
    assert sum(chain(LeNet(classes=10, image_size=32)).sizes) == 239

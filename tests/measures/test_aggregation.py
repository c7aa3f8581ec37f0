import numpy as np
import pytest
import torch

from epochgraph import Graph, eigenvector_centrality, rolled_graph, trace
from epochgraph.blocks import Dense
from epochgraph.measures import eigenvector
from epochgraph.measures.aggregation import aggregated
from epochgraph.topology import Part
from epochgraph.zoo import resnet20

TOLERANCE = 3e-7


def counted(monkeypatch):
    """Each product that a graph is asked for from now on."""
    seen, products = [], Graph.products

    def counting(self, x):
        seen.append(x)
        return products(self, x)

    monkeypatch.setattr(Graph, "products", counting)
    return seen


def leading(graph):
    vectors = np.linalg.eigh(graph.to_scipy().toarray()).eigenvectors
    return np.abs(vectors[:, -1])


def test_of_a_residual_network_four_products_are_enough(monkeypatch):
    """Its layers read sums of several parts, for which the parts' shares of a product are not exact."""
    torch.manual_seed(0)
    model = resnet20(classes=10)
    graph = rolled_graph(model.state_dict(), trace(model, torch.zeros(1, 3, 32, 32)))
    products = counted(monkeypatch)
    scores, reached = aggregated(graph, tolerance=TOLERANCE)
    assert reached
    assert len(products) <= 4
    np.testing.assert_allclose(scores, leading(graph), atol=1e-7)


def test_whole_parts_that_act_as_one_node_are_exact_after_one_step():
    """Every block has rank one: the nodes of a part share a product in the same way, whatever the others do."""
    random = np.random.default_rng(0)
    shares = [random.random(size) + 0.5 for size in (5, 4, 3)]
    weights = [torch.from_numpy(np.outer(shares[layer + 1], shares[layer])) for layer in range(2)]
    graph = rolled_graph({"a.weight": weights[0], "b.weight": 100 * weights[1]})
    scores, reached = aggregated(graph, tolerance=1e-12)
    assert reached
    np.testing.assert_allclose(scores, leading(graph), atol=1e-12)


def test_it_says_so_where_the_nodes_of_a_part_converge_slowly():
    groups = torch.block_diag(torch.full((10, 10), 1.0), torch.full((10, 10), 0.99))
    groups += 1e-3
    graph = rolled_graph({"a.weight": groups, "b.weight": groups})
    scores, reached = aggregated(graph, tolerance=TOLERANCE)
    assert not reached
    assert np.isfinite(scores).all()


def of_two(first, second):
    """Two layers that have nothing to do with each other."""
    sizes = first.shape[1], first.shape[0], second.shape[1], second.shape[0]
    parts = tuple(Part(name, size) for name, size in zip("abcd", sizes, strict=True))
    return Graph(parts, {(0, 1): Dense(first), (2, 3): Dense(second)})


@pytest.mark.parametrize("stronger", [1.01, 1.1])
def test_a_component_that_seems_weaker_at_first_is_found(stronger, monkeypatch):
    """Between whole parts the second seems weaker, as its degrees are far from its eigenvector."""
    monkeypatch.setattr(eigenvector, "LARGE", 0)
    few = torch.full((300, 400), 0.001)
    few[:3, :4] = 2.0
    strength = float(torch.linalg.matrix_norm(few, 2))
    even = torch.full((60, 50), strength / stronger / np.sqrt(60 * 50))
    assert float(few.sum(1) @ few @ few.sum(0) / few.sum(1).norm() / few.sum(0).norm()) < strength / stronger
    graph = of_two(even, few)
    scores = eigenvector_centrality(graph)
    assert (scores[:110] < 1e-7).all()
    np.testing.assert_allclose(scores, leading(graph), atol=1e-6)


def test_components_that_are_equal_share_the_scores():
    same = torch.rand(50, 40, generator=torch.Generator().manual_seed(0))
    scores, reached = aggregated(of_two(same, same), tolerance=TOLERANCE)
    assert reached
    np.testing.assert_allclose(scores[:90], scores[90:], atol=1e-8)

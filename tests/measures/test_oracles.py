"""Degree, eigenvector centrality and PageRank against NetworkX and NumPy, and the cases where they are special."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy import sparse

from epochgraph.blocks import Dense, Grouped
from epochgraph.errors import EmptyGraphError
from epochgraph.graph import Graph, rolled_graph
from epochgraph.measures import degree, eigenvector_centrality, largest_eigenvalue, pagerank
from epochgraph.measures.eigenvector import LARGE
from epochgraph.topology import Part
from strategies import graphs


def chain_of(*weights: list[list[float]]) -> Graph:
    return rolled_graph({f"layer{n}.weight": torch.tensor(w, dtype=torch.float64) for n, w in enumerate(weights)})


@settings(max_examples=50)
@given(graph=graphs())
def test_scores_equal_networkx(graph):
    reference = nx.from_numpy_array(graph.to_scipy().toarray())
    expected = [strength for _, strength in reference.degree(weight="weight")]
    np.testing.assert_allclose(degree(graph), expected, rtol=1e-5)
    if not nx.is_connected(reference):
        return
    values, vectors = np.linalg.eigh(graph.to_scipy().toarray())
    np.testing.assert_allclose(eigenvector_centrality(graph), np.abs(vectors[:, -1]), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(largest_eigenvalue(graph, eigenvector_centrality(graph)), values[-1], rtol=1e-5)


@settings(max_examples=50)
@given(graph=graphs())
def test_pagerank_equals_networkx(graph):
    """Also where components are isolated: their walkers jump to all nodes alike."""
    reference = nx.from_numpy_array(graph.to_scipy().toarray())
    expected = nx.pagerank(reference, alpha=0.85, tol=1e-14, max_iter=1000)
    np.testing.assert_allclose(pagerank(graph), [expected[node] for node in range(graph.size)], rtol=1e-5)


def test_the_walker_on_a_star_by_hand():
    """Two leaves on a middle, of weights 3 and 1: with damping d the middle scores (1 + 2 d) / (1 + d) / 3."""
    graph = chain_of([[3.0, 1.0]])
    middle = (1 + 2 * 0.85) / (1 + 0.85) / 3
    expected = [0.05 + 0.85 * 0.75 * middle, 0.05 + 0.85 * 0.25 * middle, middle]
    np.testing.assert_allclose(pagerank(graph), expected, rtol=1e-6)


def test_a_network_without_weights_is_only_jumped_on():
    np.testing.assert_allclose(pagerank(chain_of([[0.0, 0.0]])), [1 / 3, 1 / 3, 1 / 3])


def test_a_path_of_three_nodes_by_hand():
    """The path a -3- b -4- c: lambda is 5, the scores are (3, 5, 4) / sqrt(50)."""
    graph = chain_of([[3.0]], [[4.0]])
    np.testing.assert_allclose(degree(graph), [3, 7, 4])
    np.testing.assert_allclose(eigenvector_centrality(graph), np.array([3, 5, 4]) / np.sqrt(50), rtol=1e-12)


def test_a_long_path_is_known_in_closed_form():
    """Its eigenvalues lie close together: many restarts. The leading eigenvector is half a wave."""
    graph = chain_of(*[[[2.0]]] * 99)
    wave = np.sin(np.pi * np.arange(1, 101) / 101)
    np.testing.assert_allclose(eigenvector_centrality(graph), wave / np.linalg.norm(wave), rtol=1e-6)


def test_the_weaker_component_scores_zero():
    graph = chain_of([[2.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(eigenvector_centrality(graph), np.array([1, 0, 1, 0]) / np.sqrt(2), atol=1e-12)


def test_equally_strong_components_score_alike():
    graph = chain_of([[2.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(eigenvector_centrality(graph), [0.5, 0.5, 0.5, 0.5], rtol=1e-12)


@pytest.mark.parametrize("width", [3, 40])
def test_many_equally_strong_components_score_alike_every_time(width):
    """A vector of ones is an eigenvector here: ARPACK would go on from a random one."""
    graph = Graph((Part("in", width), Part("out", width)), {(0, 1): Grouped(torch.full((width, 1), 4.1), width)})
    for _ in range(3):
        np.testing.assert_allclose(eigenvector_centrality(graph), (2 * width) ** -0.5, rtol=1e-12)


def test_equal_weights_are_measured_the_same_every_time():
    graph = chain_of(np.ones((30, 20)).tolist(), np.ones((10, 30)).tolist())
    np.testing.assert_array_equal(eigenvector_centrality(graph), eigenvector_centrality(graph))
    expected = np.abs(np.linalg.eigh(graph.to_scipy().toarray()).eigenvectors[:, -1])
    np.testing.assert_allclose(eigenvector_centrality(graph), expected, rtol=1e-9)


def test_components_of_nearly_equal_strength_are_told_apart():
    graph = chain_of([[1.0, 0.0], [0.0, 1.0 - 1e-6]])
    np.testing.assert_allclose(eigenvector_centrality(graph), np.array([1, 0, 1, 0]) / np.sqrt(2), atol=1e-6)


def test_of_a_large_graph_the_scores_are_the_same():
    """It starts elsewhere: with the parts in their right proportions."""
    random = torch.Generator().manual_seed(0)
    first, second = (torch.rand(700, 800, generator=random), torch.rand(900, 700, generator=random))
    graph = rolled_graph({"a.weight": first, "b.weight": 3 * second})
    assert graph.work > LARGE
    _, vectors = sparse.linalg.eigsh(graph.to_scipy(), k=1, which="LA", v0=np.ones(graph.size))
    np.testing.assert_allclose(eigenvector_centrality(graph), np.abs(vectors[:, 0]), rtol=1e-5)


def test_a_strong_pair_in_a_large_weak_component_is_found():
    """Between whole parts the other component seems stronger: its weights are even, those of this one are few."""
    even, few = torch.full((600, 1000), 2 / 1000), torch.full((600, 1000), 1e-4)
    few[5, 7] = 2.0
    parts = tuple(Part(name, size) for name, size in (("a", 1000), ("b", 600), ("c", 1000), ("d", 600)))
    graph = Graph(parts, {(0, 1): Dense(few), (2, 3): Dense(even)})
    assert graph.work > LARGE
    scores = eigenvector_centrality(graph)
    assert (scores[1600:] < 1e-7).all()
    assert sorted(np.argsort(scores)[-2:]) == [7, 1005]


def test_isolated_nodes_score_zero():
    graph = chain_of([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(degree(graph), [2, 0, 1, 1])
    np.testing.assert_allclose(eigenvector_centrality(graph), [np.sqrt(0.5), 0, 0.5, 0.5], atol=1e-12)


def test_of_zero_weights_the_degree_is_zero_and_the_centrality_undefined():
    graph = chain_of([[0.0, 0.0]])
    np.testing.assert_array_equal(degree(graph), np.zeros(3))
    with pytest.raises(EmptyGraphError, match="all weights"):
        eigenvector_centrality(graph)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_weights_of_any_scale_have_the_same_centrality(scale):
    weights = torch.rand(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = eigenvector_centrality(rolled_graph({"fc.weight": weights}))
    np.testing.assert_allclose(
        eigenvector_centrality(rolled_graph({"fc.weight": scale * weights})), expected, rtol=1e-9
    )


def test_a_part_that_reads_itself_counts_both_ways():
    """Two nodes, each read by the other: the edges 0 -> 1 and 1 -> 0 are parallel and add up."""
    graph = Graph((Part("state", 2),), {(0, 0): Dense(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))})
    np.testing.assert_array_equal(graph.to_scipy().toarray(), [[0, 3], [3, 0]])
    np.testing.assert_array_equal(degree(graph), [3, 3])

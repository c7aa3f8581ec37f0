"""Measures of parts and of whole graphs against worked examples, NetworkX and dense NumPy."""

from itertools import product

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from epochgraph.blocks import Grouped
from epochgraph.graph import Graph, rolled_graph
from epochgraph.measures import degree, layer_fluctuation, neural_persistence, normalized_cut, spectral_gap
from epochgraph.measures.clusterability import SMALL, _largest
from epochgraph.topology import Part
from strategies import graphs


def chain_of(*weights: list[list[float]]) -> Graph:
    return rolled_graph({f"layer{n}.weight": torch.tensor(w, dtype=torch.float64) for n, w in enumerate(weights)})


def normalised(graph: Graph) -> np.ndarray:
    """The eigenvalues of the normalised adjacency of the nodes that have weights, smallest first."""
    adjacency = graph.to_scipy().toarray()
    joined = adjacency.sum(0) > 0
    adjacency = adjacency[joined][:, joined]
    roots = np.sqrt(adjacency.sum(0))
    return np.linalg.eigvalsh(adjacency / np.outer(roots, roots))


# Spectral gap.


@settings(max_examples=50)
@given(graph=graphs())
def test_the_gap_equals_the_second_eigenvalue_of_the_laplacian(graph):
    np.testing.assert_allclose(spectral_gap(graph), 1 - normalised(graph)[-2], atol=1e-5)


def test_the_gap_equals_networkx():
    generator = np.random.default_rng(0)
    graph = chain_of(generator.random((30, 20)).tolist(), generator.random((10, 30)).tolist())
    laplacian = nx.normalized_laplacian_spectrum(nx.from_scipy_sparse_array(graph.to_scipy()))
    np.testing.assert_allclose(spectral_gap(graph), np.sort(laplacian)[1], atol=1e-7)


@pytest.mark.parametrize(
    ("weights", "gap"),
    [
        ([[[5.0]]], 2),  # two nodes: eigenvalues 1 and -1
        ([[[1.0, 1.0, 1.0]]], 1),  # a star, and every layer that is joined evenly: 1, 0, ..., -1
        (np.ones((1, 7, 9)).tolist(), 1),
        ([[[1.0]], [[1.0]], [[1.0]]], 0.5),  # a path of four: cos(pi k / 3)
        ([[[2.0, 0.0], [0.0, 1.0]]], 0),  # two components
        ([[[1.0, 0.0], [1.0, 0.0]]], 1),  # a star beside a node without weights
    ],
)
def test_gaps_that_are_known(weights, gap):
    np.testing.assert_allclose(spectral_gap(chain_of(*weights)), gap, atol=1e-9)


def test_a_weak_tie_between_two_groups_makes_the_gap_small():
    def tied(tie: float) -> float:
        return spectral_gap(chain_of([[1.0, 1.0, tie, 0.0], [1.0, 1.0, 0.0, 0.0], [0, 0, 1.0, 1.0], [0, 0, 1.0, 1.0]]))

    assert 0 < tied(0.01) < tied(0.1) < tied(1.0)
    assert tied(0.01) < 0.01


# Layer fluctuation.


def test_fluctuations_by_hand():
    """Strengths 4 and 2 read by 1, 2, 3 (in: 1, 2, 3; out: 1 each): the layers deviate by 1, sqrt(2/3) and 0."""
    graph = chain_of([[1.0, 0.0], [1.0, 1.0], [2.0, 1.0]], [[1.0, 1.0, 1.0]])
    np.testing.assert_allclose(layer_fluctuation(graph), [1, np.sqrt(2 / 3), 0])


@given(graph=graphs())
def test_the_fluctuation_is_the_deviation_of_the_degree(graph):
    expected = [degree(graph)[nodes].std() for nodes in graph.ranges]
    np.testing.assert_array_equal(layer_fluctuation(graph), expected)


# Neural persistence.


def test_persistence_by_hand():
    """Edges 4, 3, 2, 1 between two nodes and two: they appear at 1, 3/4, 1/2 and 1/4.

    At 1 the first two meet (persistence 0), at 3/4 the third joins (1/4), at 1/2 the fourth (1/2); the edge at 1/4
    closes a cycle. So it is sqrt(0 + 1/16 + 1/4) / sqrt(3).
    """
    found = neural_persistence(chain_of([[4.0, 3.0], [2.0, 1.0]]))
    np.testing.assert_allclose(found, [np.nan, np.sqrt(5 / 16 / 3)], rtol=1e-12)


def test_equal_weights_meet_at_once_and_lone_ones_never():
    np.testing.assert_allclose(neural_persistence(chain_of(np.full((3, 4), 0.7).tolist()))[1], 0, atol=1e-12)
    pairs = neural_persistence(chain_of(np.eye(5).tolist()))  # five pairs at once, then four components never meet
    np.testing.assert_allclose(pairs[1], np.sqrt(4 / 9))


def test_a_weight_of_zero_and_a_missing_one_are_the_same():
    dense = chain_of([[2.0, 0.0], [0.0, 1.0]])
    grouped = Graph(dense.parts, {(0, 1): Grouped(torch.tensor([[2.0], [1.0]]), 2)})
    np.testing.assert_allclose(neural_persistence(dense)[1], np.sqrt((0 + 1 / 4 + 1) / 3))
    np.testing.assert_array_equal(neural_persistence(dense), neural_persistence(grouped))


def test_a_layer_of_zeros_has_none_and_leaves_the_others():
    found = neural_persistence(chain_of([[4.0, 3.0], [2.0, 1.0]], [[0.0, 0.0]]))
    np.testing.assert_allclose(found, [np.nan, np.sqrt(5 / 48), np.nan])


@settings(max_examples=50)
@given(graph=graphs())
def test_persistence_equals_the_spanning_trees_of_networkx(graph):
    for part, found in enumerate(neural_persistence(graph)):
        sources = {source for source, target in graph.blocks if target == part}
        if not sources:
            assert np.isnan(found)
            continue
        nodes = [n for index in (*sources, part) for n in range(graph.ranges[index].start, graph.ranges[index].stop)]
        into = Graph(graph.parts, {pair: block for pair, block in graph.blocks.items() if pair[1] == part})
        edges = nx.from_scipy_sparse_array(into.to_scipy()).subgraph(nodes)
        weights = np.array([weight for _, _, weight in nx.maximum_spanning_tree(edges).edges(data="weight")])
        largest = max(weight for _, _, weight in edges.edges(data="weight"))
        ends = np.concatenate([weights / largest, np.zeros(len(nodes) - 1 - len(weights))])
        np.testing.assert_allclose(found, np.linalg.norm(1 - ends) / np.sqrt(len(nodes) - 1), atol=1e-9)


# Normalised cut.


def n_cut(adjacency: np.ndarray, labels: np.ndarray) -> float:
    inside = [(adjacency[labels == c][:, labels == c].sum(), adjacency[labels == c].sum()) for c in np.unique(labels)]
    return sum(1 - within / volume for within, volume in inside)


def test_two_groups_with_a_weak_tie_are_found():
    """Four and four nodes with a tie of 0.1: n-cut 0.1 / 8.1 for each side."""
    weights = [[1.0, 1.0, 0.1, 0.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    np.testing.assert_allclose(normalized_cut(chain_of(weights)), 2 * 0.1 / 8.1, rtol=1e-9)


@pytest.mark.parametrize("pairs", [3, 5, 40])
def test_components_are_clusters_without_a_cut(pairs):
    width = 2 * pairs
    weights = torch.rand(width, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    graph = Graph((Part("in", width), Part("out", width)), {(0, 1): Grouped(weights, pairs)})
    np.testing.assert_allclose(normalized_cut(graph), 0, atol=1e-6)


def test_planted_clusters_are_found_among_many_nodes():
    """Twelve groups of 5 + 5 nodes joined by ones, in any order, on a ground of small weights."""
    generator = np.random.default_rng(0)
    groups = [generator.permutation(np.repeat(np.arange(12), 5)) for _ in range(2)]
    weights = (groups[1][:, None] == groups[0]) + 0.01 * generator.random((60, 60))
    graph = chain_of(weights.tolist())
    expected = n_cut(graph.to_scipy().toarray(), np.concatenate(groups))
    np.testing.assert_allclose(normalized_cut(graph), expected, rtol=1e-9)


def test_the_cut_is_the_best_of_all_in_a_small_network():
    weights = np.array([[5.0, 1.0, 0.3], [4.0, 0.2, 0.5], [0.1, 3.0, 2.0]])
    graph = chain_of(weights.tolist())
    adjacency = graph.to_scipy().toarray()
    halves = [np.array([0, *rest]) for rest in product([0, 1], repeat=5) if any(rest)]
    np.testing.assert_allclose(normalized_cut(graph), min(n_cut(adjacency, labels) for labels in halves), rtol=1e-9)


@settings(max_examples=50)
@given(graph=graphs())
def test_no_cut_is_below_what_the_eigenvalues_allow(graph):
    """The n-cut of k clusters is at least k less the sum of the k largest eigenvalues; here k is 2 to 6, or fewer."""
    values = normalised(graph)[::-1]
    bounds = [k - values[:k].sum() for k in range(7)]
    assert min(bounds) - 1e-4 <= normalized_cut(graph) <= 6


@pytest.mark.parametrize("size", [3, SMALL, SMALL + 1, 100])
def test_the_largest_eigenvalues_are_found_among_few_and_many(size):
    generator = np.random.default_rng(size)
    matrix = generator.standard_normal((size, size))
    matrix += matrix.T
    values, vectors = _largest(lambda x: matrix @ x, size, 3)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix)[::-1][:3], rtol=1e-6)
    np.testing.assert_allclose(matrix @ vectors, values * vectors, atol=1e-4)

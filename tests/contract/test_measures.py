"""What every measure must do, on random graphs of every kind of block."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.blocks import Scaled
from epochgraph.errors import NonFiniteWeightsError
from epochgraph.graph import Graph, rolled_graph
from epochgraph.measures import MEASURES, degree, eigenvector_centrality
from strategies import graphs, reordered

measured = pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)


def turned_by_rounding(graph: Graph) -> float:
    """How far products in float32 may turn the leading eigenvector: with the gap below its eigenvalue (Davis-Kahan)."""
    second, largest = np.linalg.eigvalsh(graph.to_scipy().toarray())[-2:]
    return 10 * np.finfo(np.float32).eps * largest / max(largest - second, np.finfo(float).tiny)


@measured
@given(graph=graphs(), seed=st.integers(0, 2**32 - 1))
def test_scores_follow_neurons_when_a_layer_is_reordered(measure, graph, seed):
    """The order of the neurons inside a layer is arbitrary, so no score may depend on it."""
    generator = np.random.default_rng(seed)
    part = int(generator.integers(len(graph.parts)))
    order = generator.permutation(graph.sizes[part])
    expected = measure(graph).copy()
    nodes = graph.ranges[part]
    expected[nodes] = expected[nodes][order]
    tolerance = 1e-6 + turned_by_rounding(graph)
    np.testing.assert_allclose(measure(reordered(graph, part, order)), expected, rtol=1e-5, atol=tolerance)


@measured
@given(graph=graphs())
def test_there_is_one_finite_non_negative_float64_a_node(measure, graph):
    scores = measure(graph)
    assert scores.dtype == np.float64
    assert scores.shape == (graph.size,)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()


@measured
@given(graph=graphs())
def test_measuring_twice_gives_the_same_bits(measure, graph):
    np.testing.assert_array_equal(measure(graph), measure(Graph(graph.parts, graph.blocks)))


@given(graph=graphs(), factor=st.floats(1e-3, 1e3))
def test_scaling_all_weights_scales_degree_and_leaves_eigenvector_centrality(graph, factor):
    scaled = Graph(
        graph.parts,
        {joined: Scaled(block, np.full(block.shape[0], factor)) for joined, block in graph.blocks.items()},
    )
    np.testing.assert_allclose(degree(scaled), factor * degree(graph), rtol=1e-5)
    tolerance = 1e-6 + turned_by_rounding(graph)
    np.testing.assert_allclose(eigenvector_centrality(scaled), eigenvector_centrality(graph), rtol=1e-4, atol=tolerance)


@measured
def test_a_diverged_snapshot_has_no_scores(measure):
    weights = {"fc.weight": torch.tensor([[1.0, torch.nan]])}
    with pytest.raises(NonFiniteWeightsError, match=r"'fc.weight' has 1 NaN"):
        measure(rolled_graph(weights, nonfinite="record"))

"""What every measure of parts or of the whole graph must do, on random graphs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.blocks import Dense, Scaled
from epochgraph.errors import EmptyGraphError, NonFiniteWeightsError
from epochgraph.graph import Graph, rolled_graph
from epochgraph.measures import OF_GRAPHS, SUMMARIES, layer_fluctuation
from epochgraph.measures.lanczos import leading
from strategies import graphs, reordered

measured = pytest.mark.parametrize("summary", SUMMARIES, ids=lambda summary: summary.__name__)

INVARIANT = [summary for summary in SUMMARIES if summary is not layer_fluctuation]


@st.composite
def generic(draw: st.DrawFn) -> Graph:
    """A graph as others are made, with weights in float64 of which no two are alike: no eigenvalues or ties are."""
    drawn = draw(graphs())
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    blocks = {}
    for joined, block in drawn.blocks.items():
        rows, columns, _ = block.entries()
        dense = np.zeros(block.shape)
        dense[rows, columns] = generator.uniform(0.1, 1, len(rows))
        blocks[joined] = Dense(torch.from_numpy(dense))
    return Graph(drawn.parts, blocks)


def scaled(graph: Graph, factor: float) -> Graph:
    factors = {joined: np.full(b.shape[0], factor) for joined, b in graph.blocks.items()}
    return Graph(graph.parts, {joined: Scaled(block, factors[joined]) for joined, block in graph.blocks.items()})


@measured
@given(graph=generic(), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_neurons_in_a_layer_does_not_matter(summary, graph, seed):
    generator = np.random.default_rng(seed)
    part = int(generator.integers(len(graph.parts)))
    other = reordered(graph, part, generator.permutation(graph.sizes[part]))
    np.testing.assert_allclose(summary(other), summary(graph), rtol=1e-6, atol=1e-6)


@measured
@given(graph=graphs())
def test_there_is_one_non_negative_number_a_part_or_a_graph(summary, graph):
    found = summary(graph)
    if summary in OF_GRAPHS:
        assert isinstance(found, float)
    else:
        assert found.shape == (len(graph.parts),)
        assert found.dtype == np.float64
        read = {target for _, target in graph.blocks}
        found = found[[part for part in range(len(graph.parts)) if part in read]]
    assert np.isfinite(found).all()
    assert (np.asarray(found) >= 0).all()


@measured
@given(graph=graphs())
def test_measuring_twice_gives_the_same_bits(summary, graph):
    np.testing.assert_array_equal(summary(graph), summary(Graph(graph.parts, graph.blocks)))


@pytest.mark.parametrize("summary", INVARIANT, ids=lambda summary: summary.__name__)
@given(graph=generic(), factor=st.floats(1e-3, 1e3))
def test_scaling_all_weights_leaves_all_but_the_fluctuation(summary, graph, factor):
    np.testing.assert_allclose(summary(scaled(graph, factor)), summary(graph), rtol=1e-6, atol=1e-6)


@given(graph=generic(), factor=st.floats(1e-3, 1e3))
def test_scaling_all_weights_scales_the_fluctuation(graph, factor):
    np.testing.assert_allclose(layer_fluctuation(scaled(graph, factor)), factor * layer_fluctuation(graph), atol=1e-9)


@pytest.mark.parametrize("summary", INVARIANT, ids=lambda summary: summary.__name__)
def test_of_zero_weights_nothing_can_be_said(summary):
    with pytest.raises(EmptyGraphError, match="all weights"):
        summary(rolled_graph({"fc.weight": torch.zeros(2, 3)}))


def test_of_zero_weights_all_neurons_are_alike():
    np.testing.assert_array_equal(layer_fluctuation(rolled_graph({"fc.weight": torch.zeros(2, 3)})), [0, 0])


@measured
def test_a_diverged_snapshot_has_no_number(summary):
    weights = {"fc.weight": torch.tensor([[1.0, torch.nan]])}
    with pytest.raises(NonFiniteWeightsError, match=r"'fc.weight' has 1 NaN"):
        summary(rolled_graph(weights, nonfinite="record"))


@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_lanczos_finds_the_largest_eigenvalue_of_any_symmetric_matrix(size, seed):
    generator = np.random.default_rng(seed)
    matrix = generator.standard_normal((size, size))
    matrix = (matrix + matrix.T) / size
    start = generator.standard_normal(size)
    value, vector = leading(lambda x: matrix @ x, start / np.linalg.norm(start))
    np.testing.assert_allclose(value, np.linalg.eigvalsh(matrix)[-1], atol=1e-9)
    np.testing.assert_allclose(matrix @ vector, value * vector, atol=1e-9)

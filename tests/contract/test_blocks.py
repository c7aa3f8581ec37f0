"""What every Block must do, checked against the matrix that its entries spell out."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.blocks import Block, Dense
from strategies import blocks


def matrix(block: Block) -> np.ndarray:
    dense = np.zeros(block.shape)
    rows, columns, values = block.entries()
    np.add.at(dense, (rows, columns), values)
    return dense


@given(block=blocks(), seed=st.integers(0, 2**32 - 1))
def test_products_are_those_of_the_matrix(block, seed):
    generator = np.random.default_rng(seed)
    source, target = generator.uniform(0.1, 1, block.shape[1]), generator.uniform(0.1, 1, block.shape[0])
    forward, backward = block.products(source, target)
    np.testing.assert_allclose(forward, matrix(block) @ source, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(backward, matrix(block).T @ target, rtol=1e-5, atol=1e-12)


@given(block=blocks())
def test_sums_are_the_products_with_ones(block):
    of_targets, of_sources = block.sums()
    np.testing.assert_allclose(of_targets, matrix(block).sum(1), rtol=1e-5)
    np.testing.assert_allclose(of_sources, matrix(block).sum(0), rtol=1e-5)


@given(block=blocks())
def test_vectors_leave_as_float64_of_the_right_length(block):
    forward, backward = block.products(np.ones(block.shape[1]), np.ones(block.shape[0]))
    assert forward.dtype == backward.dtype == np.float64
    assert (len(forward), len(backward)) == block.shape


@given(block=blocks())
def test_no_weight_is_negative(block):
    assert (block.entries()[2] > 0).all()
    assert all(bool((weights >= 0).all()) for weights in block.magnitudes())


def test_a_signed_layer_is_worked_on_in_chunks(monkeypatch):
    """Chunks of five rows, worked on by three, the last ones short, give what the whole gives."""
    monkeypatch.setattr("epochgraph.blocks.dense.CHUNK", 5 * 7)
    monkeypatch.setattr("epochgraph.blocks.dense.ROWS", 3)
    weights = torch.randn(11, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, y = np.random.default_rng(0).uniform(size=7), np.random.default_rng(1).uniform(size=11)
    forward, backward = Dense(weights, signed=True).products(x, y)
    np.testing.assert_allclose(forward, np.abs(weights.numpy()) @ x)
    np.testing.assert_allclose(backward, np.abs(weights.numpy()).T @ y)

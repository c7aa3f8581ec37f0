"""The compiled passes over weights, beside torch's own sums."""

import numpy as np
import pytest
import torch

from epochgraph.blocks import kernels


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1), (257, 3), (3, 4097), (600, 9000), (0, 4), (4, 0)])
def test_absolute_sums_are_those_of_the_rows_and_columns(shape, dtype):
    weights = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    of_rows, of_columns = kernels.absolute_sums(weights)
    np.testing.assert_allclose(of_rows, weights.double().abs().sum(1), rtol=1e-6)
    np.testing.assert_allclose(of_columns, weights.double().abs().sum(0), rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1), (100, 9), (33, 25), (0, 9)])
def test_norms_are_those_of_the_rows(shape, dtype):
    weights = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(kernels.norms(weights), torch.linalg.vector_norm(weights, dim=1))


@pytest.mark.parametrize("shape", [(1, 1), (257, 3), (3, 4097), (600, 900), (0, 4), (4, 0)])
def test_bfloat16_gives_the_bits_of_its_float32(shape):
    narrow = torch.randn(shape, generator=torch.Generator().manual_seed(0)).bfloat16()
    for found, expected in zip(kernels.absolute_sums(narrow), kernels.absolute_sums(narrow.float()), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(kernels.norms(narrow), kernels.norms(narrow.float()), rtol=1e-6)
    assert kernels.norms(narrow).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 1), (257, 3), (3, 4097), (600, 900), (0, 4), (4, 0)])
def test_products_are_those_with_the_magnitudes(shape, dtype):
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)
    x, y = (np.random.default_rng(n).uniform(size=n) for n in reversed(shape))
    forward, backward = kernels.absolute_products(weights, x, y)
    magnitudes = weights.double().abs().numpy()
    np.testing.assert_allclose(forward, magnitudes @ x, rtol=1e-5)
    np.testing.assert_allclose(backward, magnitudes.T @ y, rtol=1e-5)


@pytest.mark.parametrize("other", ["transposed", "float16"])
def test_weights_that_the_kernels_do_not_read_go_the_way_of_torch(other):
    weights = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    odd = weights.T if other == "transposed" else weights.half()
    plain = odd.double().contiguous()
    for found, expected in zip(kernels.absolute_sums(odd), kernels.absolute_sums(plain), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    torch.testing.assert_close(kernels.norms(odd).double(), kernels.norms(plain), rtol=1e-2, atol=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_reaches_its_row_and_column(value):
    weights = torch.ones(5, 7)
    weights[2, 3] = value
    of_rows, of_columns = kernels.absolute_sums(weights)
    np.testing.assert_array_equal(np.isfinite(of_rows), np.arange(5) != 2)
    np.testing.assert_array_equal(np.isfinite(of_columns), np.arange(7) != 3)
    np.testing.assert_array_equal(torch.isfinite(kernels.norms(weights)), np.arange(5) != 2)

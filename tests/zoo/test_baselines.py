"""Weights without a graph: against SciPy's statistics and numbers worked out by hand."""

import numpy as np
import torch
from scipy import stats
from torch import nn

from epochgraph.zoo import baselines


def test_statistics_are_scipys():
    values = np.random.default_rng(0).normal(size=101) ** 3
    found = dict(zip(baselines.PARAMETER_STATISTICS, baselines.aggregated(values), strict=True))
    expected = {
        "mean": values.mean(),
        "variance": values.var(),
        "std": values.std(),
        "skewness": stats.skew(values),
        "kurtosis": stats.kurtosis(values),
    } | {f"percentile_{q}": np.percentile(values, q) for q in (0, 25, 50, 75, 100)}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)


def test_changes_are_relative_to_the_earlier_norm():
    now, initial, previous = np.array([3.0, 4.0]), np.array([3.0, 0.0]), np.array([0.0, 0.0])
    norm, since_initial, since_previous = baselines.changes(now, initial, previous)
    assert norm == 5.0
    assert since_initial == 4 / 3
    assert np.isnan(since_previous)


def test_the_last_layer_is_the_last_with_parameters():
    model = nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.Dropout(), nn.Linear(2, 4), nn.ReLU()), nn.Flatten())
    found = baselines.last_layer(model)
    assert [tuple(tensor.shape) for tensor in found.values()] == [(4, 2), (4,)]
    assert baselines.flattened(found).tolist() == torch.cat([model[1][1].weight.flatten(), model[1][1].bias]).tolist()


def test_sixteen_bits_say_so_where_they_end():
    assert baselines.half(np.array([1.0, 1e6, np.nan])).tolist()[:2] == [1.0, np.inf]

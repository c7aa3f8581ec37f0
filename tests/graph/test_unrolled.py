"""The unrolled graph against the same graph built explicitly, edge by edge, in plain loops."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from epochgraph.errors import EpochgraphError, NonFiniteWeightsError, SettingError, TracingError
from epochgraph.graph import Graph, unrolled_graph
from epochgraph.measures import degree, eigenvector_centrality
from epochgraph.topology import chain, trace


class Explicit:
    """The explicitly built graph: numbered nodes, an edge list, and the strongest weight of each node's filter."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.edges: list[tuple[int, int, float]] = []
        self.strength = [1.0] * int(np.prod(shape))
        self.last = np.arange(len(self.strength)).reshape(shape)

    def new_part(self, shape: tuple[int, ...]) -> np.ndarray:
        begin = len(self.strength)
        self.strength += [0.0] * int(np.prod(shape))
        return np.arange(begin, len(self.strength)).reshape(shape)

    def convolution(self, layer: nn.Module) -> None:
        weight = layer.weight.detach().abs().numpy()
        n = weight.ndim - 2
        before = self.last
        out = [
            (length + 2 * p - d * (k - 1) - 1) // s + 1
            for length, p, d, k, s in zip(
                before.shape[1:], layer.padding, layer.dilation, weight.shape[2:], layer.stride, strict=True
            )
        ]
        after = self.new_part((weight.shape[0], *out))
        in_group, out_group = weight.shape[1], weight.shape[0] // layer.groups
        for place in product(*map(range, after.shape)):
            target, group = after[place], place[0] // out_group
            self.strength[target] = weight[place[0]].max()
            for tap in product(*map(range, weight.shape[1:])):
                at = [
                    place[1 + a] * layer.stride[a] - layer.padding[a] + tap[1 + a] * layer.dilation[a] for a in range(n)
                ]
                if all(0 <= at[a] < before.shape[1 + a] for a in range(n)):
                    source = before[(group * in_group + tap[0], *at)]
                    self.edges.append((source, target, weight[(place[0], *tap)]))
        self.last = after

    def linear(self, layer: nn.Linear) -> None:
        weight = layer.weight.detach().abs().numpy()
        after = self.new_part((weight.shape[0],))
        for row, column in product(*map(range, weight.shape)):
            self.edges.append((self.last.flatten()[column], after[row], weight[row, column]))
        for row, target in enumerate(after):
            self.strength[target] = weight[row].max()
        self.last = after

    def pool(self, windows: list[list[range]]) -> None:
        """Pool over the places in windows[axis][place]."""
        before = self.last
        after = self.new_part((before.shape[0], *map(len, windows)))
        for place in product(*map(range, after.shape)):
            for at in product(*(windows[a][place[1 + a]] for a in range(len(windows)))):
                source = before[(place[0], *at)]
                self.edges.append((source, after[place], self.strength[source]))
                self.strength[after[place]] = max(self.strength[after[place]], self.strength[source])
        self.last = after

    def adjacency(self) -> np.ndarray:
        matrix = np.zeros((len(self.strength),) * 2)
        for source, target, weight in self.edges:
            matrix[source, target] += weight
            matrix[target, source] += weight
        return matrix


def sliding(length: int, places: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> list[range]:
    """The places of each window that lie inside the map."""
    reach = [range(p * stride - padding, p * stride - padding + dilation * kernel, dilation) for p in range(places)]
    return [[i for i in window if 0 <= i < length] for window in reach]


def assert_same(graph: Graph, explicit: Explicit) -> None:
    adjacency = explicit.adjacency()
    assert graph.size == len(adjacency)
    np.testing.assert_allclose(graph.to_scipy().toarray(), adjacency, rtol=1e-6)
    np.testing.assert_allclose(degree(graph), adjacency.sum(1), rtol=1e-6)
    values, vectors = np.linalg.eigh(adjacency)
    if values[-1] - values[-2] > 1e-3 * values[-1]:  # otherwise the eigenvector is hardly unique
        scores = eigenvector_centrality(graph)
        np.testing.assert_allclose(scores, np.abs(vectors[:, -1]), rtol=1e-6, atol=1e-9)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    n=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    kernel=st.integers(1, 3),
    groups=st.sampled_from([1, 2, 4]),
    seed=st.integers(0, 1000),
)
def test_any_convolution(n, stride, padding, dilation, kernel, groups, seed):
    side = {1: 9, 2: 5, 3: 3}[n]
    assume(side + 2 * padding >= dilation * (kernel - 1) + 1)
    torch.manual_seed(seed)
    convolution = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[n]
    layer = convolution(4, 4, kernel, stride, padding, dilation, groups).double()
    shape = (4,) + (side,) * n
    explicit = Explicit(shape)
    explicit.convolution(layer)
    topology = trace(layer, torch.zeros(2, *shape, dtype=torch.float64))
    assert_same(unrolled_graph(layer, topology, shape), explicit)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    n=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 1),
    dilation=st.integers(1, 2),
    ceil_mode=st.booleans(),
    kind=st.sampled_from(["max", "average"]),
)
def test_any_pooling(n, kernel, stride, padding, dilation, ceil_mode, kind):
    assume(padding <= kernel // 2)
    dilation = dilation if kind == "max" else 1
    side = {1: 9, 2: 5, 3: 4}[n]
    assume(side + 2 * padding >= dilation * (kernel - 1) + 1)
    convolution = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[n](2, 2, 1).double()
    if kind == "max":
        pool = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}[n](
            kernel, stride, padding, dilation, ceil_mode=ceil_mode
        )
    else:
        pool = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}[n](kernel, stride, padding, ceil_mode)
    model = nn.Sequential(convolution, pool)
    shape = (2,) + (side,) * n
    places = model(torch.zeros(1, *shape, dtype=torch.float64)).shape[2]
    explicit = Explicit(shape)
    explicit.convolution(convolution)
    explicit.pool([sliding(side, places, kernel, stride, padding, dilation)] * n)
    topology = trace(model, torch.zeros(1, *shape, dtype=torch.float64))
    assert_same(unrolled_graph(model, topology, shape), explicit)


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d((2, 3)), nn.AdaptiveMaxPool2d((2, 3))], ids=["average", "max"])
def test_adaptive_pooling_has_uneven_windows(pool):
    model = nn.Sequential(nn.Conv2d(1, 2, 1), pool).double()
    explicit = Explicit((1, 5, 7))
    explicit.convolution(model[0])
    explicit.pool([[range(3), range(2, 5)], [range(3), range(2, 5), range(4, 7)]])
    assert_same(unrolled_graph(model, trace(model, torch.zeros(1, 1, 5, 7, dtype=torch.float64)), (1, 5, 7)), explicit)


def test_a_small_lenet():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(2, 3, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 4),
    ).double()
    explicit = Explicit((1, 8, 8))
    explicit.convolution(model[0])
    explicit.pool([sliding(6, 3, 2, 2, 0)] * 2)
    explicit.convolution(model[3])
    explicit.linear(model[6])
    topology = trace(model, torch.zeros(3, 1, 8, 8, dtype=torch.float64))
    assert_same(unrolled_graph(model, topology, (1, 8, 8)), explicit)


class Residual(nn.Module):
    """Two convolutions around a shortcut that takes every second pixel and pads channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 2, 1)
        self.second = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.third = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        x = self.first(x)
        shortcut = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))
        return self.third(self.second(x) + shortcut).mean((2, 3))


def test_the_reader_of_a_sum_is_joined_to_both_terms():
    torch.manual_seed(0)
    model = Residual().double()
    explicit = Explicit((2, 4, 4))
    explicit.convolution(model.first)
    first = explicit.last
    explicit.convolution(model.second)
    second = explicit.last
    third = explicit.new_part((1, 2, 2))
    weight = model.third.weight.detach().abs().numpy()[0, :, 0, 0]
    for y, x in product(range(2), range(2)):
        explicit.strength[third[0, y, x]] = weight.max()
        explicit.edges += [(second[c, y, x], third[0, y, x], weight[c]) for c in range(4)]
        explicit.edges += [(first[c, 2 * y, 2 * x], third[0, y, x], weight[c + 1]) for c in range(2)]
    explicit.last = third
    explicit.pool([[range(2)], [range(2)]])
    assert_same(unrolled_graph(model, trace(model, torch.zeros(1, 2, 4, 4, dtype=torch.float64)), (2, 4, 4)), explicit)


def test_another_input_size_than_the_traced_one():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.AvgPool2d(2))
    graph = unrolled_graph(model, trace(model, torch.zeros(1, 1, 7, 7)), (1, 11, 9))
    assert graph.sizes == (99, 2 * 5 * 4, 2 * 2 * 2)


def test_what_cannot_be_unrolled_says_why():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 3))
    with pytest.raises(TracingError, match="chain of parameters"):
        unrolled_graph(model, chain(model), (1, 6, 6))
    topology = trace(model, torch.zeros(1, 1, 6, 6))
    with pytest.raises(TracingError, match=r"does not run on an input of shape \(1, 9, 9\)"):
        unrolled_graph(model, topology, (1, 9, 9))
    with pytest.raises(SettingError, match="input_shape"):
        unrolled_graph(model, topology, (6,))
    with pytest.raises(SettingError, match="input_shape"):
        unrolled_graph(nn.Linear(3, 2), trace(nn.Linear(3, 2), torch.zeros(3)), ())
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(NonFiniteWeightsError, match=r"'0\.weight' has 1 NaN"):
        unrolled_graph(model, topology, (1, 6, 6))


def test_an_operation_that_is_not_understood_is_an_error():
    class Softmaxed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 3)
            self.second = nn.Linear(3, 3)

        def forward(self, x):
            return self.second(torch.cumsum(self.first(x), dim=1))

    model = Softmaxed()
    with pytest.raises(EpochgraphError, match="cumsum"):
        unrolled_graph(model, trace(model, torch.zeros(1, 3)), (3,))


def test_batch_norm_folds_as_in_the_folded_network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2)).double().eval()
    nn.init.uniform_(model[1].weight, -2, 2)
    topology = trace(model, torch.zeros(1, 1, 6, 6, dtype=torch.float64))
    fused = nn.Sequential(nn.utils.fuse_conv_bn_eval(model[0], model[1]), nn.MaxPool2d(2))
    expected = unrolled_graph(fused, trace(fused, torch.zeros(1, 1, 6, 6, dtype=torch.float64)), (1, 6, 6))
    folded = unrolled_graph(model, topology, (1, 6, 6), fold_batch_norm=True)
    np.testing.assert_allclose(degree(folded), degree(expected), rtol=1e-12)
    nn.init.constant_(model[1].weight, torch.nan)
    with pytest.raises(NonFiniteWeightsError, match=r"'1\.weight' has 2 NaN"):
        unrolled_graph(model, topology, (1, 6, 6), fold_batch_norm=True)

"""What belongs to nodes and what is a layer: a factor for each node, a matrix written by hand, a weight with noise."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from epochgraph import rolled_graph, trace
from epochgraph.measures import degree
from epochgraph.topology import Topology

Made = Callable[[nn.Module, Tensor], Tensor]


class Between(nn.Module):
    """A function of values and parameters between two layers."""

    def __init__(self, function: Made, width: int, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        torch.manual_seed(0)
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.randn(shape)))
        self.before, self.after = nn.Linear(5, 3), nn.Linear(width, 2)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.function(self, self.before(x)))


def traced(function: Made, width: int, **shapes: tuple[int, ...]) -> tuple[nn.Module, Topology]:
    model = Between(function, width, **shapes)
    return model, trace(model, torch.zeros(2, 5))


def statuses(topology: Topology) -> dict[str, str]:
    return {entry.name: entry.status for entry in topology.coverage.entries}


def matrix(model: nn.Module, topology: Topology, source: str, target: str) -> Tensor:
    """The weights between two parts."""
    graph = rolled_graph(model, topology)
    names = [part.name for part in graph.parts]
    rows, columns, entries = graph.blocks[names.index(source), names.index(target)].entries()
    found = torch.zeros(graph.parts[names.index(target)].size, graph.parts[names.index(source)].size)
    found[torch.as_tensor(rows), torch.as_tensor(columns)] = torch.as_tensor(entries, dtype=torch.float32)
    return found


MATRICES: dict[str, tuple[Made, tuple[int, ...], Callable[[Tensor], Tensor]]] = {
    "a product and a sum": (lambda m, x: (x.unsqueeze(1) * m.w).sum(-1), (8, 3), lambda w: w),
    "the weight first": (lambda m, x: torch.sum(m.w * x[:, :, None], dim=1), (3, 8), lambda w: w.t()),
    "a sum that stays": (lambda m, x: (x[:, None] * m.w).sum(2, keepdim=True).flatten(1), (8, 3), lambda w: w),
    "a mean": (lambda m, x: (x[:, None] * m.w).mean(-1), (8, 3), lambda w: w / 3),
    "a quotient": (lambda m, x: (x[:, None] / m.w).sum(-1), (8, 3), lambda w: 1 / w),
    "one unit": (lambda m, x: (x * m.w).sum(-1, keepdim=True), (3,), lambda w: w[None]),
    "an Einstein sum": (lambda m, x: torch.einsum("bi,oi->bo", x, m.w), (8, 3), lambda w: w),
    "a computed one": (lambda m, x: (x[:, None] * m.w.exp()).sum(-1), (8, 3), lambda w: w.exp()),
}
"""Linear layers written by hand -> the matrix, of the parameter."""


@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_that_is_written_as_a_product_and_a_sum_is_that_of_a_linear_layer(name):
    function, shape, expected = MATRICES[name]
    model, topology = traced(function, 1 if len(shape) == 1 else 8, w=shape)
    assert topology.coverage.share == 1.0
    assert statuses(topology)["w"] == "joined"
    found = matrix(model, topology, "before", "w")
    torch.testing.assert_close(found, expected(model.w).detach().abs(), rtol=1e-5, atol=1e-6)


def test_a_matrix_by_broadcasting_has_the_graph_of_a_linear_layer():
    class Layer(nn.Module):
        def __init__(self, written: bool) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.w, self.c, self.written = nn.Parameter(torch.randn(8, 3)), nn.Linear(8, 5), written

        def forward(self, x: Tensor) -> Tensor:
            return self.c(((x.unsqueeze(1) * self.w).sum(-1) if self.written else F.linear(x, self.w)).relu())

    (by_hand, plain) = ((m := Layer(written), trace(m, torch.zeros(2, 3))) for written in (True, False))
    assert by_hand[1].parts == plain[1].parts
    found, expected = degree(rolled_graph(*by_hand)), degree(rolled_graph(*plain))
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected))


def test_numbers_that_each_get_units_of_their_own_are_joined_to_these_alone():
    model, topology = traced(lambda m, x: (x[..., None] * m.w + m.b).flatten(1), 12, w=(3, 4), b=(3, 4))
    assert statuses(topology) | {"w": "joined", "b": "folded"} == statuses(topology)
    found = matrix(model, topology, "before", "w")
    expected = torch.block_diag(*(row[:, None] for row in model.w.detach().abs()))
    torch.testing.assert_close(found, expected)


FOLDED: dict[str, tuple[Made, int, dict[str, tuple[int, ...]]]] = {
    "a gain": (lambda m, x: x * m.w, 3, {"w": (3,)}),
    "a gain that is expanded": (lambda m, x: x[:, :, None] * m.w.view(1, 3, 1).expand(2, 3, 4), 4, {"w": (3,)}),
    "a mean over places": (lambda m, x: (x[:, None].expand(2, 4, 3) * m.w).mean(1), 3, {"w": (3,)}),
    "places of a table of positions": (lambda m, x: x[:, None] + m.w, 3, {"w": (4, 3)}),
    "scales of branches": (
        lambda m, x: (torch.stack([x, x.relu()], 1) * m.w.softmax(0)[:, None]).sum(1),
        3,
        {"w": (2,)},
    ),
    "a threshold": (lambda m, x: (x > m.w).float(), 3, {"w": (3,)}),
    "a bound": (lambda m, x: torch.maximum(x, m.w), 3, {"w": (3,)}),
}


@pytest.mark.parametrize("name", FOLDED)
def test_what_is_added_to_nodes_or_scales_them_one_by_one_is_folded(name):
    function, width, shapes = FOLDED[name]
    _, topology = traced(function, width, **shapes)
    assert statuses(topology)["w"] == "folded"
    assert [part.name for part in topology.parts] == ["input", "before", "after"]


HELD_AGAINST: dict[str, Made] = {
    "squared distances": lambda m, x: (-(x[:, None] - m.w).pow(2).sum(-1)).exp(),
    "a norm of differences": lambda m, x: (x[:, None] - m.w).norm(dim=-1),
    "cdist": lambda m, x: torch.cdist(x, m.w),
    "sums of which the largest counts": lambda m, x: (x[:, None] + m.w).amax(-1),
}


@pytest.mark.parametrize("name", HELD_AGAINST)
def test_rows_that_values_are_held_against_are_no_factors_and_are_left_out_with_this_reason(name):
    _, topology = traced(HELD_AGAINST[name], 8, w=(8, 3))
    (entry,) = topology.coverage.left_out
    assert entry.name == "w"
    assert "holds values against each row of it" in entry.reason
    assert [(topology.parts[j.source].name, topology.parts[j.target].name) for j in topology.joins] == [
        ("input", "before"),
        ("before", "after"),
    ]


NOISES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "added": (lambda w: w + torch.randn_like(w), lambda w: w),
    "scaled": (lambda w: w + 0.1 * torch.randn(3, 3), lambda w: w),
    "written": (lambda w: w + torch.empty(3, 3).normal_(0.5, 2.0), lambda w: w + 0.5),
    "a factor between bounds": (lambda w: w * torch.empty(3, 1).uniform_(0.5, 2.5), lambda w: w * 1.5),
    "of low rank": (lambda w: w + torch.outer(torch.randn(3), torch.randn(3)), lambda w: w),
    "a mask of probable places": (lambda w: torch.bernoulli(w.sigmoid()) * w, lambda w: w.sigmoid() * w),
    "Gumbel's": (lambda w: F.gumbel_softmax(w, dim=1), lambda w: w.softmax(1)),
    "drawn": (lambda w: torch.normal(w, w.abs()), lambda w: w),
    "dropped": (lambda w: F.dropout(w, 0.5, training=True), lambda w: w),
    "drawn from a distribution": (lambda w: torch.distributions.Normal(w, 1.0).rsample(), lambda w: w),
}
"""Weights with noise -> the same with the mean of the noise."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOISES)
def test_the_noise_in_a_weight_stands_at_its_mean(name):
    noisy, expected = NOISES[name]
    model, topology = traced(lambda m, x: F.linear(x, noisy(m.w)), 3, w=(3, 3))
    assert topology.coverage.share == 1.0
    assert statuses(topology)["w"] == "joined"
    found = matrix(model, topology, "before", "w")
    torch.testing.assert_close(found, expected(model.w.detach()).abs(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wide", [False, True])
def test_of_a_bayesian_layer_the_means_are_joined_and_what_scales_the_noise_is_left_out(wide):
    def function(m: nn.Module, x: Tensor) -> Tensor:
        return F.linear(x, m.mu + m.rho.exp() * torch.randn_like(m.mu), m.b)

    model = Between(function, 4, mu=(4, 3), rho=(4, 3), b=(4,))
    model = model.double() if wide else model
    topology = trace(model, torch.zeros(2, 5, dtype=model.b.dtype))
    assert statuses(topology) | {"mu": "joined", "rho": "left out", "b": "folded"} == statuses(topology)
    (entry,) = topology.coverage.left_out
    assert entry.reason == "it is multiplied with zeros only, where random numbers count as their mean"
    expected = model.mu.detach().float().abs()
    torch.testing.assert_close(matrix(model, topology, "before", "mu"), expected)


def test_a_weight_put_together_in_double_precision_has_its_numbers():
    def function(m: nn.Module, x: Tensor) -> Tensor:
        return F.linear(x, torch.zeros(3, 3, dtype=x.dtype).index_put((torch.arange(3), torch.arange(3)), m.w))

    model = Between(function, 3, w=(3,)).double()
    topology = trace(model, torch.zeros(2, 5, dtype=torch.float64))
    found = matrix(model, topology, "before", "w")
    torch.testing.assert_close(found, model.w.detach().diag().abs().float())


def test_what_scales_numbers_that_are_made_anew_is_left_out():
    _, topology = traced(lambda m, x: x + torch.randperm(3).float() * m.w, 3, w=(3,))
    (entry,) = topology.coverage.left_out
    assert entry.reason == "aten.mul.Tensor combines it with numbers that are no values of nodes"


def test_a_map_of_parameters_that_is_read_where_values_tell_is_a_table():
    class Sampled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.planes, self.c = nn.Parameter(torch.randn(1, 4, 5, 6)), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.c(F.grid_sample(self.planes, x[None, :, None], align_corners=False)[0, :, :, 0].t())

    topology = trace(Sampled(), torch.rand(7, 2))
    assert topology.coverage.share == 1.0
    assert [(part.name, part.size) for part in topology.parts] == [
        ("input", 2),
        ("planes.index", 30),
        ("planes", 4),
        ("c", 2),
    ]

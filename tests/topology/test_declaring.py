"""What the user says of single weights stands in the place of what was found."""

import pytest
import torch
from torch import nn

from epochgraph import Wire, degree, read_topology, rolled_graph, trace, wire, write_topology
from epochgraph.errors import TracingError
from epochgraph.topology import Join
from epochgraph.topology.spans import Span


@torch.library.custom_op("epochgraph_tests::ordered", mutates_args=())
def ordered(x: torch.Tensor) -> torch.Tensor:
    return x.sort(1)[0]


@ordered.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


class Sorted(nn.Module):
    """A network with a step that `trace` does not follow: an operation of another package."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(ordered(self.body(x)))


def test_a_whole_network_is_wired_as_its_forward_pass_is_traced():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    found = trace(model, torch.zeros(1, 3, 8, 8))
    said = wire(model, [Wire("0.weight", "input"), Wire("3.weight", "0")])
    assert (said.parts, said.joins, said.coverage) == (found.parts, found.joins, found.coverage)
    assert said.rung == "declared by the user: 0.weight, 3.weight"


def test_terms_of_a_sum_and_parts_one_after_another():
    tensors = {"a.weight": torch.ones(2, 3), "b.weight": torch.ones(4, 3), "c.weight": torch.ones(1, 6)}
    wires = [
        Wire("a.weight", "input"),
        Wire("b.weight", "input"),
        Wire("c.weight", "a", at=0),
        Wire("c.weight", "b", at=2),
    ]
    topology = wire(tensors, wires)
    assert [(part.name, part.size) for part in topology.parts] == [("input", 3), ("a", 2), ("b", 4), ("c", 1)]
    assert topology.joins[2:] == (
        Join(1, 3, "c.weight", (Span(0, 2, 1), Span(-1, 1, 4))),
        Join(2, 3, "c.weight", (Span(-1, 1, 2), Span(0, 4, 1))),
    )
    assert degree(rolled_graph(tensors, topology)).tolist() == [6, 6, 6, 4, 4, 4, 4, 4, 4, 6]
    both = wire(tensors, [*wires[:2], Wire("c.weight", "b", at=0), Wire("c.weight", "a")])
    repeated = 3**0.5  # each node of the first is read at three positions, whose norm is the edge
    expected = [6, 6, 6, 3 + repeated, 3 + repeated, 4, 4, 4, 4, 4 + 2 * repeated]
    assert degree(rolled_graph(tensors, both)).tolist() == pytest.approx(expected)


def test_a_trace_is_completed(tmp_path):
    model = Sorted()
    found = trace(model, torch.zeros(1, 3))
    assert [entry.name for entry in found.coverage.left_out] == ["head.weight", "head.bias"]
    said = wire(model, [Wire("head.weight", "body")], found)
    assert [(part.name, part.size) for part in said.parts] == [("input", 3), ("body", 4), ("head", 2)]
    assert said.coverage.share == 1.0
    assert said.rung == f"{found.rung}; declared by the user: head.weight"
    write_topology(said, tmp_path / "net.json")
    assert read_topology(tmp_path / "net.json") == said


def test_a_trace_is_corrected_and_what_enters_comes_first():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    found = trace(model, torch.zeros(1, 3))
    said = wire(model, [Wire("1.weight", "memory")], found)
    assert [part.name for part in said.parts] == ["memory", "input", "0", "1"]
    joined = {(said.parts[join.source].name, said.parts[join.target].name) for join in said.joins}
    assert joined == {("input", "0"), ("memory", "1")}


def test_grouped_convolutions():
    tensors = {"0.weight": torch.ones(4, 2, 1, 1)}
    topology = wire(tensors, [Wire("0.weight", "input", groups=2)])
    assert topology.sizes == (4, 4)
    assert degree(rolled_graph(tensors, topology)).tolist() == [2] * 8


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (Wire("1.wait", "0"), "Did you mean '1.weight'"),
        (Wire("1.bias", "0"), r"which has the shape \(2,\)"),
        (Wire("1.weight", "0", groups=4), "in 4 groups"),
        (Wire("1.weight", "input"), "has 4 inputs, which 'input' with 3 nodes cannot fill"),
        (Wire("1.weight", "new", at=4), "too few for 0 nodes of 'new' from 4"),
        (Wire("1.weight", "input", at=2), "too few for 3 nodes of 'input' from 2"),
        (Wire("1.weight", "0", writes="0"), "writes 2 nodes to '0', which has 4"),
    ],
)
def test_what_cannot_be_is_named(one, found):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    with pytest.raises(TracingError, match=found):
        wire(model, [one], trace(model, torch.zeros(1, 3)))


class Tied(nn.Module):
    """A model whose last layer is its table of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.body = nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.table(tokens)))


def joined(topology):
    return [
        (topology.parts[join.source].name, topology.parts[join.target].name, join.parameter) for join in topology.joins
    ]


@pytest.mark.parametrize("said", ["head.weight", "table.weight"])
def test_a_tied_weight_is_wired_once_under_whichever_name(said):
    torch.manual_seed(0)
    model = Tied()
    found = trace(model, torch.zeros(1, 5, dtype=torch.long))
    assert len(found.joins) == 3
    topology = wire(model, [Wire(said, "body", writes="head")], found)
    assert joined(topology) == [("table", "body", "body.weight"), ("body", "head", "table.weight")]
    assert [part.name for part in topology.parts] == ["table", "body", "head"]
    assert topology.coverage == found.coverage
    weights = {name: tensor for name, tensor in model.state_dict().items() if name != "head.weight"}
    assert wire(weights, [Wire(said, "body", writes="head")], found).joins == topology.joins
    expected = model.table.weight.detach().abs().sum(dim=1)
    torch.testing.assert_close(torch.tensor(degree(rolled_graph(weights, topology))[-7:]), expected.double())


def test_what_is_computed_of_a_wired_weight_is_forgotten():
    model = nn.Sequential(nn.Linear(3, 4), nn.utils.parametrizations.weight_norm(nn.Linear(4, 2)))
    found = trace(model, torch.zeros(1, 3))
    direction = "1.parametrizations.weight.original1"
    topology = wire(model, [Wire(direction, "0", writes="1")], found)
    assert joined(topology) == [("input", "0", "0.weight"), ("0", "1", direction)]
    reason = "what it belonged to is declared otherwise"
    assert [(entry.name, entry.reason) for entry in topology.coverage.left_out] == [
        ("1.bias", reason),
        ("1.parametrizations.weight.original0", reason),
    ]


class Sliced(nn.Module):
    """Two layers whose weights are halves of one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Parameter(torch.ones(8, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, self.both[:4]) * 2 + nn.functional.linear(x, self.both[4:])


def test_slices_of_a_wired_weight_are_forgotten():
    model = Sliced()
    found = trace(model, torch.zeros(1, 3))
    assert len(found.joins) == 2
    topology = wire(model, [Wire("both", "input", writes="sum")], found)
    assert joined(topology) == [("input", "sum", "both")]
    assert topology.sizes == (3, 8)


def test_a_fold_of_a_part_that_is_forgotten_is_forgotten():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).eval()
    found = trace(model, torch.zeros(2, 3))
    assert len(found.folds) == 1
    topology = wire(model, [Wire("0.weight", "input", writes="other"), Wire("2.weight", "other")], found)
    assert ([part.name for part in topology.parts], topology.folds) == (["input", "2", "other"], ())
    assert [entry.name for entry in topology.coverage.left_out] == ["1.weight", "1.bias"]

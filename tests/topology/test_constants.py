"""Weights that are computed with constants: small ones are kept in the topology, for no checkpoint has them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from epochgraph import rolled_graph, trace
from epochgraph.errors import UnreadableFileError
from epochgraph.topology import read_topology, write_topology

SIGNS = torch.tensor([1.0, -1.0, 2.0])


class Constants(nn.Module):
    """A weight that is made of two parameters and constants of every kind."""

    def __init__(self, function: Callable[[nn.Module], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.w, self.v = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.randn(4, 3))
        self.register_buffer("kept", torch.rand(4, 3))
        self.register_buffer("passing", torch.rand(4, 3), persistent=False)
        self.register_buffer("mask", torch.rand(4, 3) > 0.5, persistent=False)
        self.plain = torch.rand(4, 3) > 0.5
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.function(self))


FUNCTIONS: dict[str, Callable[[nn.Module], Tensor]] = {
    "a number": lambda m: m.w * torch.tensor(0.5),
    "infinities": lambda m: (m.w + torch.tensor([0.0, -torch.inf, 0.0])).softmax(1),
    "a row": lambda m: m.w * SIGNS,
    "a buffer that checkpoints hold": lambda m: m.w * m.kept,
    "a buffer that they do not hold": lambda m: m.w * m.passing,
    "one parameter or the other": lambda m: torch.where(m.plain, m.w, m.v),
    "one or the other by a buffer": lambda m: torch.where(m.mask, m.w, m.v),
    "put where a mask tells": lambda m: torch.zeros(4, 3).index_put((m.mask,), m.w.flatten()[0]),
    "filled where a mask tells": lambda m: m.w.masked_fill(m.plain, 0.0),
    "a matrix of constants": lambda m: m.w @ torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
}


MIXING = ("put where a mask tells", "a matrix of constants")
"""What torch does not compute of numbers of different width."""


@pytest.mark.parametrize(
    ("name", "wide"), [(n, w) for n in FUNCTIONS for w in (False, True) if not w or n not in MIXING]
)
def test_a_weight_has_the_numbers_of_its_constants_with_the_model_and_from_a_file(name, wide, tmp_path):
    model = Constants(FUNCTIONS[name])
    if wide:
        model.w, model.v = nn.Parameter(model.w.double()), nn.Parameter(model.v.double())
    topology = trace(model, torch.zeros(2, 3, dtype=model.w.dtype))
    write_topology(topology, tmp_path / "topology.json")
    again = read_topology(tmp_path / "topology.json")
    assert again == topology
    with torch.no_grad():
        expected = model.function(model).abs().sum(1)
    for source, read in ((model, topology), (dict(model.state_dict()), again)):
        found = torch.tensor(rolled_graph(source, read).row_sums)[-4:]
        torch.testing.assert_close(found, expected.double(), rtol=1e-5, atol=1e-6)


def test_what_no_checkpoint_holds_and_is_too_large_to_keep_is_the_reason():
    model = nn.Module()
    model.w = nn.Parameter(torch.ones(80, 80))
    model.register_buffer("table", torch.rand(80, 80), persistent=False)
    model.forward = lambda x: F.linear(x, model.w * model.table)
    (entry,) = trace(model, torch.zeros(2, 80)).coverage.left_out
    assert entry.reason == "it is not computed again: no checkpoint holds table, which has the shape (80, 80)"


def test_values_that_choose_by_a_mask_are_those_that_it_tells():
    model = nn.Module()
    model.a, model.c = nn.Linear(2, 4), nn.Linear(2, 3)
    model.register_buffer("mask", torch.tensor([False, True, False, True]))
    model.forward = lambda x: model.c(model.a(x)[:, model.mask])
    topology = trace(model, torch.zeros(5, 2))
    assert topology.coverage.share == 1.0
    (join,) = (join for join in topology.joins if join.parameter == "c.weight")
    read = [span.first + place for span in join.inputs for place in range(span.count)]
    assert read == [1, 3]


def stored(path: Path) -> dict:
    write_topology(trace(Constants(FUNCTIONS["a row"]), torch.zeros(2, 3)), path)
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("values", "integer", "message"),
    [
        ([1.0, 2.0], False, "2 values do not make a constant of shape"),
        (["__class__", 1.0, 2.0], False, "'__class__' is not a number"),
        ([{"ref": "w"}, 1.0, 2.0], False, "is not a number"),
        ([[1.0], 1.0, 2.0], False, "is not a number"),
        ([1.5, 1.0, 2.0], True, "1.5 is not a whole number"),
        ([1 << 70, 1, 2], True, "is not a whole number that torch knows"),
    ],
)
def test_a_constant_in_a_file_is_plain_numbers_or_the_file_is_damaged(tmp_path, values, integer, message):
    path = tmp_path / "topology.json"
    document = stored(path)
    (computed,) = document["computed"].values()
    (source,) = (source for source in computed["sources"] if source["values"] is not None)
    source |= {"values": values, "integer": integer}
    path.write_text(json.dumps(document))
    with pytest.raises(UnreadableFileError, match=message):
        read_topology(path)


def test_a_file_of_before_in_which_truths_are_zeros_and_ones_is_read(tmp_path):
    path = tmp_path / "topology.json"
    model = Constants(lambda m: m.w * m.mask)
    write_topology(trace(model, torch.zeros(2, 3)), path)
    document = json.loads(path.read_text())
    (computed,) = document["computed"].values()
    (source,) = (source for source in computed["sources"] if source["values"] is not None)
    source["values"] = [int(value) for value in source["values"]]
    path.write_text(json.dumps(document))
    graph = rolled_graph(model, read_topology(path))
    expected = (model.w * model.mask).detach().abs().sum(1).double()
    torch.testing.assert_close(torch.tensor(graph.row_sums)[-4:], expected)

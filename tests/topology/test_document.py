import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

from epochgraph.errors import ShapeMismatchError, UnreadableFileError
from epochgraph.graph import rolled_graph, unrolled_graph
from epochgraph.topology import read_topology, trace, write_topology
from strategies import networks


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(model=networks())
def test_a_topology_is_read_as_it_was_written(tmp_path, model):
    topology = trace(model, torch.zeros(1, 3, 4, 4, dtype=torch.float64))
    write_topology(topology, tmp_path / "topology.json")
    assert read_topology(tmp_path / "topology.json") == topology


def test_a_topology_without_the_model_makes_both_graphs(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)).eval()
    topology = trace(model, torch.zeros(1, 1, 6, 6))
    write_topology(topology, tmp_path / "topology.json")
    again = read_topology(tmp_path / "topology.json")
    weights = dict(model.state_dict())
    assert (rolled_graph(weights, again).row_sums == rolled_graph(model, topology).row_sums).all()
    unrolled = unrolled_graph(weights, again, (1, 6, 6))
    assert (unrolled.row_sums == unrolled_graph(model, topology, (1, 6, 6)).row_sums).all()


class Adapted(nn.Module):
    """A tied embedding, a kernel that is normalised, gates, heads: weights that are computed, and wide spans."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.attention = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.recurrent = nn.GRU(4, 3, batch_first=True)
        self.out = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))

    def forward(self, tokens):
        return self.out(self.recurrent(self.attention(self.table(tokens)))[0])


def test_computed_weights_need_no_model_either(tmp_path):
    torch.manual_seed(0)
    model = Adapted()
    topology = trace(model, torch.zeros(1, 5, dtype=torch.long))
    write_topology(topology, tmp_path / "topology.json")
    again = read_topology(tmp_path / "topology.json")
    assert again == topology
    graph = rolled_graph(dict(model.state_dict()), again)
    assert (graph.row_sums == rolled_graph(model, topology).row_sums).all()


def _other_computation(document: dict) -> None:
    name = next(iter(document["computed"]))
    document["computed"][name]["steps"][0][1] = "aten.from_file.default"


def test_a_file_may_not_compute_with_whatever_it_likes(tmp_path):
    path = tmp_path / "topology.json"
    write_topology(trace(Adapted(), torch.zeros(1, 5, dtype=torch.long)), path)
    path.write_text(damaged(json.loads(path.read_text()), _other_computation))
    with pytest.raises(UnreadableFileError, match=r"a weight is not computed with aten\.from_file\.default"):
        read_topology(path)


def test_weights_of_another_shape_cannot_be_computed():
    topology = trace(nn.GRU(4, 3), torch.zeros(2, 1, 4))
    with pytest.raises(ShapeMismatchError, match="weight_ih_l0"):
        rolled_graph(dict(nn.GRU(4, 5).state_dict()), topology)


def damaged(document: dict, change) -> str:
    change(document)
    return json.dumps(document)


FOLD = {"part": 1, "scale": None, "shift": None, "mean": "mean", "variance": "variance", "epsilon": 1e-5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format="something"), "not a topology"),
        (lambda d: d.update(version=99), "format version 99"),
        (lambda d: d.pop("joins"), "damaged"),
        (lambda d: d["joins"][0].update(source=7), "7 is not a number from 0 to 2"),
        (lambda d: d["joins"][0].update(inputs=[[0, 99, 1]]), "reads"),
        (lambda d: d["joins"][0].update(inputs=[[float("inf"), 1, 1, 1]]), "inf is not a number from 0"),
        (lambda d: d["joins"][0].update(inputs=[[-1, 1, 3, 1]]), "reads no node"),
        (lambda d: d["joins"][0].update(inputs=[]), "reads no node"),
        (lambda d: d["joins"][0].update(groups=0), "reads 3 positions for 4 nodes in 0 groups"),
        (lambda d: d["joins"][0].update(groups=2), "reads 3 positions for 4 nodes in 2 groups"),
        (lambda d: d["joins"][0].update(groups=3), "reads 3 positions for 4 nodes in 3 groups"),
        (lambda d: d["parts"][0].update(size="many"), "'many' is not a number"),
        (lambda d: d["folds"].append(FOLD | {"epsilon": "x"}), "could not convert string to float: 'x'"),
        (lambda d: d["folds"].append(FOLD | {"epsilon": None}), "damaged"),
        (lambda d: d["folds"].append(FOLD | {"part": 3}), "3 is not a number from 0 to 2"),
        (lambda d: d["folds"].append({"part": 1}), "damaged"),
        (lambda d: d["coverage"][0].update(size="x"), "'x' is not a number from 0"),
        (lambda d: d["coverage"][0].update(status="lost"), "'lost' is none of joined, folded, left out"),
        (lambda d: d.update(tied=[[]]), "no names share one tensor"),
        (lambda d: d["program"]["steps"][0].pop(), "damaged"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(tmp_path, change, message):
    path = tmp_path / "topology.json"
    write_topology(trace(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), torch.zeros(1, 3)), path)
    path.write_text(damaged(json.loads(path.read_text()), change))
    with pytest.raises(UnreadableFileError, match=message):
        read_topology(path)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_file_that_is_no_json_is_one_clear_line(tmp_path, content):
    path = tmp_path / "topology.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match="not a JSON file") as raised:
        read_topology(path)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(UnreadableFileError, match="No such file"):
        read_topology(tmp_path / "topology.json")


class Complex(nn.Module):
    """A complex parameter that is read as pairs of real numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = nn.Parameter(torch.ones(3, 2, dtype=torch.complex64))

    def forward(self, x):
        return nn.functional.linear(x, torch.view_as_real(self.pairs).flatten(1))


def test_complex_parameters_are_computed_with_from_a_file(tmp_path):
    model = Complex().eval()
    topology = trace(model, torch.zeros(1, 4))
    write_topology(topology, tmp_path / "topology.json")
    again = read_topology(tmp_path / "topology.json")
    assert not again.refused
    graph = rolled_graph(dict(model.state_dict()), again)
    assert graph.row_sums.tolist() == [3, 0, 3, 0, 2, 2, 2]  # real parts are 1, imaginary ones 0


def test_a_weight_whose_computation_is_refused_is_left_out(monkeypatch):
    """Whatever the reason, a file is never written that cannot be read again."""
    monkeypatch.setattr("epochgraph.topology.tracing.refusal", lambda program: "it is for a test")
    topology = trace(nn.GRU(4, 3), torch.zeros(2, 1, 4))
    assert not topology.computed
    assert not topology.joins
    reasons = {entry.reason for entry in topology.coverage.left_out if entry.name.startswith("weight")}
    assert reasons == {"it is not computed again: it is for a test"}

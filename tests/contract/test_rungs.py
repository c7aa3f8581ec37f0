"""However a forward pass is recorded, and on whatever example, it has one wiring."""

import numpy as np
import pytest
import torch

import networks
from epochgraph.graph import rolled_graph
from epochgraph.measures import degree
from epochgraph.topology import Topology, eager, tracing


def described(model: torch.nn.Module, topology: Topology) -> tuple[object, ...]:
    names = [part.name for part in topology.parts]
    joins = sorted((names[j.source], names[j.target], str(j.inputs), j.groups) for j in topology.joins)
    return sorted((part.name, part.size) for part in topology.parts), joins, topology.coverage


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_rung_finds_the_same_on_every_example(name, monkeypatch):
    build, example = networks.NETWORKS[name]
    torch.manual_seed(0)
    model = build()
    expected = tracing.trace(model, *example(2, 5))
    assert expected.rung == "torch.export"
    degrees = np.sort(degree(rolled_graph(model, expected)))
    for rung in tracing.RUNGS:
        monkeypatch.setattr(tracing, "RUNGS", (rung,))
        first = rung[0] == expected.rung
        for batch, length in ((1, 5), (3, 7)) if first else ((2, 5), (1, 5), (3, 7)):
            topology = tracing.trace(model, *example(batch, length))
            assert described(model, topology) == described(model, expected), (rung[0], batch, length)
            np.testing.assert_allclose(np.sort(degree(rolled_graph(model, topology))), degrees, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(networks.NETWORKS.keys() - {"masked"}))  # it makes a tensor of numbers
def test_a_long_pass_is_run_on_the_meta_device_and_finds_the_same(name, monkeypatch):
    build, example = networks.NETWORKS[name]
    torch.manual_seed(0)
    model = build()
    expected = tracing.trace(model, *example(2, 5))
    monkeypatch.setattr(eager, "MANY", 1)
    for batch, length in ((2, 5), (3, 7)):
        topology = tracing.trace(model, *example(batch, length))
        assert topology.rung == tracing.LONG
        assert described(model, topology) == described(model, expected)
        np.testing.assert_allclose(
            np.sort(degree(rolled_graph(model, topology))), np.sort(degree(rolled_graph(model, expected))), rtol=1e-6
        )


def test_a_mask_has_no_nodes():
    model = networks.masked()
    expected = tracing.trace(model, *networks.tokens(2, 5))
    assert [part.name for part in expected.parts][:2] == ["input", "e"]
    for length in (5, 9):
        topology = tracing.trace(model, *networks.tokens_and_mask(2, length))
        assert described(model, topology) == described(model, expected)


def test_packed_sequences_are_read_as_padded_ones():
    torch.manual_seed(0)
    model, packed = networks.padded(), networks.padded(packed=True)
    packed.load_state_dict(model.state_dict())
    expected = tracing.trace(model, *networks.tokens(2, 5))
    for batch, length in ((1, 2), (3, 7)):
        topology = tracing.trace(packed, *networks.tokens(batch, length))
        assert topology.rung.startswith("one run on the example's values for ")
        assert described(packed, topology) == described(model, expected)

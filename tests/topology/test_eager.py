"""What `trace` makes of a model whose path depends on values: the same as of one whose path does not."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from epochgraph.topology import Topology, trace


class Plain(nn.Module):
    """Layers by name, and a forward pass given as a function of them."""

    def __init__(self, forward, **layers: nn.Module) -> None:
        super().__init__()
        self.called = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        return self.called(self, x)


class Branching(Plain):
    """The same, after a look at the values."""

    def forward(self, x):
        return super().forward(x if x.sum() < 1e9 else -x)


def both(forward, x: Tensor, **layers: nn.Module) -> tuple[Topology, Topology]:
    """The topology without a branch, by `torch.export`, and that with one, by a run on the example."""
    plain, branching = trace(Plain(forward, **layers), x), trace(Branching(forward, **layers), x)
    assert plain.rung == "torch.export"
    assert branching.rung.startswith("one run on the example's values for ")
    return plain, branching


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_recurrent_layer_is_one_layer_however_many_moments_it_reads(layer):
    plain, branching = both(lambda m, x: m.b(m.r(x)[0]), torch.zeros(7, 1, 4), r=layer(4, 3), b=nn.Linear(3, 2))
    assert branching.sizes == plain.sizes == (4, 3, 2)
    assert [join.inputs for join in branching.joins] == [join.inputs for join in plain.joins]
    assert branching.coverage.share == 1.0


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])
def test_a_packed_sequence_is_read_as_a_padded_one(layer):
    def forward(m, x):
        return m.b(m.r(PackedSequence(m.a(x), torch.tensor([2, 2, 1])))[0].data)

    topology = trace(Branching(forward, a=nn.Linear(4, 4), r=layer(4, 3), b=nn.Linear(3, 2)), torch.zeros(5, 4))
    assert topology.sizes == (4, 4, 3, 2)
    assert topology.coverage.share == 1.0


@pytest.mark.parametrize("layer", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_the_gates_of_a_cell_are_those_of_one_set_of_units(layer):
    def forward(m, x):
        state = m.r(x)
        return m.b(state[0] if isinstance(state, tuple) else state)

    plain, branching = both(forward, torch.zeros(1, 4), r=layer(4, 3), b=nn.Linear(3, 2))
    assert branching.sizes == plain.sizes
    assert [join.inputs for join in branching.joins] == [join.inputs for join in plain.joins]


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_borders_filled_from_within_keep_their_channels(mode):
    layers = {"a": nn.Conv1d(2, 3, 1), "b": nn.Conv1d(3, 1, 3, padding=2, padding_mode=mode)}
    plain, branching = both(lambda m, x: m.b(m.a(x)), torch.zeros(1, 2, 6), **layers)
    assert branching.joins == plain.joins
    assert branching.coverage.share == 1.0


def test_a_border_goes_around_the_moments_only():
    def forward(m, x):
        return m.b(functional.pad(m.a(x), (1, 0), mode="circular").flatten(1))  # a's moments: last, first, last

    _, branching = both(forward, torch.zeros(1, 2, 2), a=nn.Conv1d(2, 2, 1), b=nn.Linear(6, 1))
    assert [(span.first, span.count, span.repeat) for span in branching.joins[1].inputs] == [(0, 2, 3)]


def test_a_number_made_on_the_way_is_a_constant():
    layers = {"a": nn.Linear(4, 3), "b": nn.Linear(3, 2)}
    plain, branching = both(lambda m, x: m.b(m.a(x) * torch.tensor(2.0)), torch.zeros(1, 4), **layers)
    assert branching.sizes == plain.sizes == (4, 3, 2)
    assert branching.coverage.share == 1.0

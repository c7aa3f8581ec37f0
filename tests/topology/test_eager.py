"""What `trace` makes of a model whose path depends on values: the same as of one whose path does not."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from epochgraph.topology import Topology, trace
from epochgraph.topology.eager import run_with_values
from epochgraph.topology.quieting import quiet


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


class Shares(nn.Module):
    """Calls a module with pieces of its own parameter, and chooses one of them by its values."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(6, 4))
        self.piece = Piece()
        self.head = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = (one for one in self.weights.view(2, 3, 4))
        y = self.piece(x, first) + self.piece(x, second)
        return self.head(y * 2 if y.sum() > 0 else y)


class Piece(nn.Module):
    def forward(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return x @ weight.chunk(1)[0].t()


def test_a_module_that_is_called_with_pieces_of_a_parameter_is_run():
    topology = trace(Shares(), torch.randn(2, 4))
    assert "example's values" in topology.rung
    assert topology.coverage.share == 1.0, topology.coverage.left_out


def test_operations_are_of_the_innermost_module_that_runs():
    with quiet():
        program = run_with_values(Shares(), ((torch.randn(2, 4),), {}))
    of = {step.operation: step.module for step in program.steps}
    assert of["aten.matmul.default"] == "piece"
    assert of["aten.linear.default"] == "head"

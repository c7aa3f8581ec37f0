"""Operations that run graphs of their own: branches, loops over values, attention whose scores a function changes."""

import pytest
import torch
from torch import Tensor, nn
from torch._higher_order_ops import map as mapped
from torch._higher_order_ops import scan, while_loop
from torch.nn.attention.flex_attention import flex_attention
from torch.utils.checkpoint import checkpoint

from epochgraph import rolled_graph, trace


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)


class Branch(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.cond(x.sum() > 0, lambda z: self.a(z) * 1, lambda z: self.b(z) * 1, (x,)))


class BranchWithinBranch(Network):
    def forward(self, x: Tensor) -> Tensor:
        def inner(z: Tensor) -> Tensor:
            return torch.cond(z.mean() > 1, lambda y: self.b(y) * 1, lambda y: y.sin(), (z,))

        return self.c(torch.cond(x.sum() > 0, lambda z: self.a(z) * 1, inner, (x,)))


class Loop(Network):
    """What the second value was before the last round is what the first one is."""

    def forward(self, x: Tensor) -> Tensor:
        given = (torch.tensor(0), x, self.b(x))
        return self.c(while_loop(lambda i, y, z: i < 3, lambda i, y, z: (i + 1, z + 0.0, self.a(y)), given)[1])


class Sequence(Network):
    def forward(self, x: Tensor) -> Tensor:
        def step(state: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
            return (self.a(state) + self.b(value)).tanh(), state.clone()

        return self.c(scan(step, torch.zeros(6), x)[1])


class Mapped(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.c(mapped(lambda row: self.a(row) * 1, x))


class Checkpointed(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.c(checkpoint(self.a, x, use_reentrant=False))


JOINED = {
    Branch: {("input", "a"), ("input", "b"), ("a", "c"), ("b", "c")},
    BranchWithinBranch: {("input", "a"), ("input", "b"), ("a", "c"), ("b", "c"), ("input", "c")},
    Loop: {("input", "a"), ("input", "b"), ("b", "a"), ("a", "a"), ("input", "c"), ("a", "c"), ("b", "c")},
    Sequence: {("a", "a"), ("b", "a"), ("input", "b"), ("a", "c"), ("b", "c")},
    Mapped: {("input", "a"), ("a", "c")},
    Checkpointed: {("input", "a"), ("a", "c")},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", JOINED)
def test_what_may_reach_a_layer_in_any_branch_or_round_is_joined_to_it(kind):
    model = kind()
    topology = trace(model, torch.randn(4, 6))
    assert topology.rung == "torch.export"
    names = [part.name for part in topology.parts]
    assert {(names[join.source], names[join.target]) for join in topology.joins} == JOINED[kind]
    assert {entry.name[0] for entry in topology.coverage.left_out} == {"b"} - {target for _, target in JOINED[kind]}
    assert rolled_graph(model, topology).size == sum(topology.sizes)


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.c, self.slope = nn.Linear(8, 24), nn.Linear(8, 3), nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.a(x).view(1, 16, 3, 2, 4).transpose(1, 3).unbind(2)

        def score(value: Tensor, _batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
            return value + self.slope[head] * (i - j)

        return self.c(flex_attention(q, k, v, score_mod=score).transpose(1, 2).flatten(2))


@pytest.mark.filterwarnings("ignore")
def test_a_head_with_a_function_of_its_scores_has_met_its_queries_keys_and_values():
    topology = trace(Heads(), torch.randn(1, 16, 8))
    assert topology.rung == "torch.export"
    (entry,) = topology.coverage.left_out
    assert (entry.name, entry.reason) == ("slope", "flex_attention.score_mod is not understood")
    read = next(join for join in topology.joins if join.parameter == "c.weight").inputs
    assert sum(span.count * span.repeat * span.width for span in read) > 0

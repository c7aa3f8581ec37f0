"""Tables whose rows are chosen and weighed."""

import torch
from torch import Tensor, nn

from epochgraph.topology import trace


class Weighed(nn.Module):
    """Rows of a table, each weighed by what a layer gives."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(6, 4)
        self.e = nn.EmbeddingBag(20, 5, mode="sum")
        self.c = nn.Linear(5, 2)

    def forward(self, x: Tensor, ids: Tensor) -> Tensor:
        return self.c(self.e(ids, per_sample_weights=self.q(x)))


def test_the_weights_of_the_samples_in_a_bag_reach_what_reads_the_bag():
    topology = trace(Weighed(), torch.randn(3, 6), torch.randint(0, 20, (3, 4)))
    assert topology.coverage.share == 1.0
    joined = {(topology.parts[join.source].name, topology.parts[join.target].name) for join in topology.joins}
    assert joined == {("x", "q"), ("ids", "e"), ("e", "c"), ("q", "c")}
    (through,) = [join for join in topology.joins if topology.parts[join.source].name == "q"]
    assert {(int(span.first), int(span.width)) for span in through.inputs} == {(0, 4)}  # each value of a row met all

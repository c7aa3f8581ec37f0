"""Tables whose rows are chosen and weighed."""

import torch
from torch import Tensor, nn

from epochgraph.graph import rolled_graph
from epochgraph.topology import Topology, trace


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


class Graph(nn.Module):
    """A layer between two others, over the edges of a graph that are no loops, as a library of graphs does it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.w, self.c = nn.Linear(3, 4), nn.Linear(1, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, edges: Tensor, strengths: Tensor) -> Tensor:
        kept = edges[0] != edges[1]
        edges, strengths = edges[:, kept], strengths[kept]
        sent = self.a(x)[edges[0]] * self.w(strengths[:, None])
        return self.c(torch.zeros(len(x), 4).index_add(0, edges[1], sent))


class Squared(nn.Module):
    """Neighbours of neighbours, by a product of sparse matrices whose values are taken out again."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.c = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        near = torch.sparse_coo_tensor(edges, torch.ones(edges.shape[1]), (len(x), len(x))).coalesce()
        far = (near @ near).coalesce()
        sent = self.a(x)[far.indices()[0]] * far.values()[:, None]
        return self.c(torch.zeros(len(x), 4).index_add(0, far.indices()[1], sent))


def joined(topology: Topology) -> set[tuple[str, str]]:
    return {(topology.parts[join.source].name, topology.parts[join.target].name) for join in topology.joins}


EDGES = torch.tensor([[0, 1, 2, 2, 3], [1, 2, 2, 3, 0]])


def test_places_that_a_mask_picks_are_followed():
    topology = trace(Graph(), torch.randn(4, 3), EDGES, torch.rand(5))
    assert topology.coverage.share == 1.0, topology.coverage.left_out
    assert {("x", "a"), ("strengths", "w"), ("a", "c"), ("w", "c")} <= joined(topology)


def test_the_values_of_a_sparse_matrix_are_followed():
    topology = trace(Squared(), torch.randn(4, 3), EDGES)
    assert topology.coverage.share == 1.0, topology.coverage.left_out
    assert ("a", "c") in joined(topology)


def test_a_layer_that_gets_no_places_is_not_reached():
    class Empty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.never = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            rare = (x[:, 0] > 1e9).nonzero()[:, 0]
            y = self.a(x)
            return y.index_add(0, rare, self.never(y[rare]))

    (left,) = [one for one in trace(Empty(), torch.randn(4, 3)).coverage.left_out if one.name == "never.weight"]
    assert left.reason == "the example does not reach it"


class Window(nn.Module):
    """Reads a few of its positions, from one on that the values tell."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.c = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        begin = (x.sum() > 0).long()
        return self.c(torch.narrow(self.a(x), 0, begin, 2))


def test_positions_from_one_on_that_values_tell_are_followed():
    topology = trace(Window(), torch.randn(5, 3))
    assert topology.coverage.share == 1.0, topology.coverage.left_out
    assert ("a", "c") in joined(topology)


class Relative(nn.Module):
    """A table of relative positions, whose rows are chosen by numbers that are made whole at last."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(3)[:, None] * 1.0 - torch.arange(3)[None, :] * 1.0 + 2.0
        return torch.einsum("bqd,qkd->bqk", x, self.table[places.long()])


def test_a_weight_whose_rows_are_chosen_by_computed_numbers_is_computed_again():
    model = Relative()
    topology = trace(model, torch.randn(1, 3, 4))
    assert topology.coverage.share == 1.0, topology.coverage.left_out
    assert rolled_graph(model, topology).row_sums.sum() > 0

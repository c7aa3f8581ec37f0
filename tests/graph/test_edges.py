import pytest
import torch

from epochgraph.blocks import Block, Dense, Scaled
from epochgraph.graph import Graph
from epochgraph.graph.edges import PAIR, edge_count
from epochgraph.topology import Part

PLENTY = 2**30


def dense(*rows: list[float]) -> Dense:
    return Dense(torch.tensor(rows), signed=True)


def edges(blocks: dict[tuple[int, int], Block], room: int = PLENTY) -> int | None:
    """Of a graph of two parts, of two nodes each."""
    return edge_count(Graph((Part("a", 2), Part("b", 2)), blocks), room)


def test_a_weight_that_is_zero_is_no_edge():
    assert edges({(0, 1): dense([1.0, 0.0], [-2.0, 3.0])}) == 3
    factors = torch.tensor([0.0, 1.0]).double().numpy()
    assert edges({(0, 1): Scaled(dense([1.0, 1.0], [1.0, 1.0]), factors)}) == 2


def test_two_nodes_that_read_each_other_have_one_edge_and_a_node_that_reads_itself_has_one():
    recurrent = dense([1.0, 2.0], [3.0, 0.0])
    assert edges({(1, 1): recurrent}) == 2
    assert edges({(1, 1): recurrent, (0, 1): dense([1.0, 1.0], [1.0, 1.0])}) == 2 + 4


def test_parts_that_read_each_other_share_theiredge_count():
    there, back = dense([1.0, 1.0], [0.0, 0.0]), dense([1.0, 0.0], [0.0, 1.0])
    assert edges({(0, 1): there, (1, 0): back}) == 3


@pytest.mark.parametrize(("room", "found"), [(4 * PAIR, 8), (4 * PAIR - 1, None), (-1, None)])
def test_edges_are_counted_within_the_memory_one_block_after_another(room, found):
    ones = dense([1.0, 1.0], [1.0, 1.0])
    graph = Graph((Part("a", 2), Part("b", 2), Part("c", 2)), {(0, 1): ones, (1, 2): ones})
    assert edge_count(graph, room) == found

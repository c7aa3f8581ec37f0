"""Counts the edges of a graph."""

import math
from collections.abc import Sequence

import numpy as np

from epochgraph.graph.graph import Graph

MOST_PAIRS = 50_000_000
"""The most pairs of nodes that are looked at one by one to count the edges among them."""

PAIR = 100
"""The bytes that looking at one of them may take: its nodes, its weight, and copies of these."""


def edge_count(graph: Graph, room: int) -> int | None:
    """The number of edges; None if there are too many to look at each.

    As the adjacency is symmetric, two nodes are joined by one edge, whichever of them reads the other and how often:
    the weights add up. A node that reads itself has an edge of its own.

    Args:
        graph: The graph.
        room: The bytes that this may take; pairs of parts are looked at one after another.
    """
    joined: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for source, target in graph.blocks:
        joined.setdefault((min(source, target), max(source, target)), []).append((source, target))
    pairs = [sum(math.prod(graph.blocks[place].shape) for place in places) for places in joined.values()]
    if sum(pairs) > MOST_PAIRS or PAIR * max(pairs, default=0) > room:
        return None
    return sum(_pairs_joined(graph, places) for places in joined.values())


def _pairs_joined(graph: Graph, places: Sequence[tuple[int, int]]) -> int:
    """How many pairs of nodes some blocks join, whichever of the two comes first."""
    found = []
    for source, target in places:
        rows, columns, weights = graph.blocks[source, target].entries()
        read, reading = columns + graph.ranges[source].start, rows + graph.ranges[target].start
        pairs = np.minimum(read, reading) * graph.size + np.maximum(read, reading)
        found.append(pairs[weights > 0])
    return len(np.unique(np.concatenate(found)))

"""Neural persistence."""

from dataclasses import replace

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

from epochgraph.errors import EmptyGraphError
from epochgraph.graph import Graph, PartValues


def neural_persistence(graph: Graph) -> PartValues:
    """How long the neurons of a layer and of those that it reads stay apart, as their edges appear by weight.

    All nodes are there from the start, at a threshold of one; it falls, and the edges whose weight, in units of the
    largest, reaches it appear. Where two components meet, one of them ends; its persistence is one less the weight of
    the edge. These edges are those of a maximum spanning tree. The result is the Euclidean norm of all persistences, in
    units of what it would be if all were one: near one where few edges stand out, zero where all weights are equal.

    An edge that is missing and one of weight zero are the same: components that never meet end at zero. A part that
    reads several others (a skip connection) is taken with all of them.

    Rieck et al. divide by the largest weight of the whole network. Here it is the largest into the part: the edges of a
    rolled graph are norms of one weight in one layer and of hundreds in another, and one layer would hide the others.
    Much of the number is the spread of the weights, as Girrbach et al. 2023 found.

    It needs the edges themselves, as no product tells which of them is the largest: memory for all edges into a part,
    and time for them to be sorted. So it is for rolled graphs, and unrolled ones of small images.

    Returns:
        One number from 0 to 1 a part; NaN for the input, and for a part into which all weights are zero. Rescaling all
        weights does not change it.

    Raises:
        EmptyGraphError: All weights are zero.
        NonFiniteWeightsError: The graph is recorded as diverged.

    References:
        Rieck et al. 2019, "Neural persistence: a complexity measure for deep neural networks using algebraic topology",
        definitions of (normalised) neural persistence; p = 2.
    """
    if not graph.row_sums.any():
        raise EmptyGraphError
    return np.array([_persistence(graph, part) for part in range(len(graph.parts))])


def _persistence(graph: Graph, part: int) -> float:
    """The number of one part, from the graph of the edges into it."""
    into = {pair: block for pair, block in graph.blocks.items() if pair[1] == part}
    nodes = np.concatenate(
        [np.arange(graph.size)[graph.ranges[index]] for index in sorted({part, *(s for s, _ in into)})]
    )
    edges = replace(graph, blocks=into).to_scipy()[nodes][:, nodes]
    if not edges.nnz:
        return np.nan
    edges.data = (
        2 - edges.data / edges.data.max()
    )  # the shortest tree of the heaviest edges; none is zero, that is missing
    met = minimum_spanning_tree(edges).data - 1
    apart = len(nodes) - 1 - len(met)
    return float(np.sqrt((np.square(met).sum() + apart) / (len(nodes) - 1)))

"""Neural persistence."""

from dataclasses import replace

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

from epochgraph.errors import EmptyGraphError
from epochgraph.graph import Graph, PartValues


def neural_persistence(graph: Graph) -> PartValues:
    """How long the neurons of a layer and of those it reads stay unconnected, as edges are added by weight.

    All nodes exist from the start, at a threshold of one; as it falls, edges appear whose weight, relative to the
    largest, reaches it. When two components meet, one of them ends; its persistence is one minus the weight of the
    edge. These edges form a maximum spanning tree. The result is the Euclidean norm of all persistences, relative to
    its value if all were one: near one if few edges stand out, zero if all weights are equal.

    A missing edge is the same as one of weight zero: components that never meet end at zero. A part that reads several
    others (a skip connection) is taken together with all of them.

    Rieck et al. divide by the largest weight of the whole network. Here it is the largest weight into the part: an edge
    of a rolled graph is the norm of one weight in one layer and of hundreds in another, so one layer would hide the
    others. Much of the number reflects the spread of the weights, as Girrbach et al. 2023 found.

    It needs the edges themselves, as no product shows which of them is the largest: memory for all edges into a part,
    and time to sort them. So it is meant for rolled graphs, and unrolled ones of small images.

    Returns:
        One number from 0 to 1 per part; NaN for the input, and for a part into which all weights are zero. Rescaling
        all weights does not change it.

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
    """The value for one part, from the graph of the edges into it."""
    into = {pair: block for pair, block in graph.blocks.items() if pair[1] == part}
    nodes = np.concatenate(
        [np.arange(graph.size)[graph.ranges[index]] for index in sorted({part, *(s for s, _ in into)})]
    )
    edges = replace(graph, blocks=into).to_scipy()[nodes][:, nodes]
    if not edges.nnz:
        return np.nan
    edges.data = (
        2 - edges.data / edges.data.max()
    )  # the shortest tree has the heaviest edges; no length is zero, as that would mean no edge
    met = minimum_spanning_tree(edges).data - 1
    apart = len(nodes) - 1 - len(met)
    return float(np.sqrt((np.square(met).sum() + apart) / (len(nodes) - 1)))

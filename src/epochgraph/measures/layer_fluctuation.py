"""Layer fluctuation."""

import numpy as np

from epochgraph.graph import Graph, PartValues


def layer_fluctuation(graph: Graph) -> PartValues:
    """How unlike the neurons of a layer are: the standard deviation of their strengths, for each part.

    The strength of a neuron is its weighted degree, of edges in and out. La Malfa et al. add up signed weights, here
    edges are their magnitudes; and they have a node for each neuron, the rolled graph one for each filter. In a
    signature of each part it is the same number as the standard deviation of the degree.

    Returns:
        One non-negative number a part, in the unit of the weights: 0 for a part of one node, or of nodes alike, so also
        where all weights are zero. Scaling all weights scales it.

    Raises:
        NonFiniteWeightsError: The graph is recorded as diverged.

    References:
        La Malfa et al. 2021, "Characterizing learning dynamics of deep neural networks via complex networks" (nodes
        strength and layers fluctuation).
    """
    return np.array([graph.row_sums[nodes].std() for nodes in graph.ranges])

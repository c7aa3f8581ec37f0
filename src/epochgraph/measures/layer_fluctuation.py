"""Layer fluctuation."""

import numpy as np

from epochgraph.graph import Graph, PartValues


def layer_fluctuation(graph: Graph) -> PartValues:
    """How different the neurons of a layer are: the standard deviation of their strengths, for each part.

    The strength of a neuron is its weighted degree over incoming and outgoing edges. La Malfa et al. add up signed
    weights, while edges here are their magnitudes; and they have a node for each neuron, the rolled graph one for each
    filter. In the signature of a part it equals the standard deviation of the degree.

    Returns:
        One non-negative number per part, in the unit of the weights: 0 for a part with one node or identical nodes, and
        so also if all weights are zero. Scaling all weights scales it.

    Raises:
        NonFiniteWeightsError: The graph is recorded as diverged.

    References:
        La Malfa et al. 2021, "Characterizing learning dynamics of deep neural networks via complex networks" (nodes
        strength and layers fluctuation).
    """
    return np.array([graph.row_sums[nodes].std() for nodes in graph.ranges])

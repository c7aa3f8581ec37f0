"""Weighted degree."""

from epochgraph.graph import Graph, NodeValues


def degree(graph: Graph) -> NodeValues:
    """Sum the weights of each node's edges, incoming and outgoing.

    Scaling all weights scales it. A node without edges, or with edges of weight zero only, has degree 0.

    Returns:
        Non-negative strengths in the unit of the weights.

    Raises:
        NonFiniteWeightsError: The graph is recorded as diverged.

    Examples:
        >>> import torch
        >>> from epochgraph import rolled_graph
        >>> degree(rolled_graph({"fc.weight": torch.tensor([[1.0, -2.0], [0.0, 3.0]])}))  # two inputs, then two outputs
        array([1., 5., 3., 3.])

    References:
        Vahedian et al. 2022, section 3 (S2).
    """
    return graph.row_sums.copy()

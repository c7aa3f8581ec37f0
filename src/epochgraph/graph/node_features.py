"""Node features: what is known about a filter or neuron besides its edges."""

from collections.abc import Collection

import numpy as np
import torch

from epochgraph.errors import SettingError
from epochgraph.graph.weights import Weights
from epochgraph.topology import Topology

FEATURES = ("bias", "filter_map")

PartFeatures = tuple[np.ndarray | None, ...]
"""For each part an array with one row per node, or None if the part has no such feature."""


def node_features(weights: Weights, topology: Topology, names: Collection[str]) -> dict[str, PartFeatures]:
    """Compute node features, part by part.

    Args:
        weights: The weights of one snapshot.
        topology: The wiring.
        names: Any of "bias": the bias of each node, shaped (nodes,), the paper's node feature; and "filter_map": for
            each filter the L2 norm over its input channels at each kernel position, shaped (filters, *kernel).

    Raises:
        SettingError: There is no feature with such a name.
    """
    unknown = [name for name in names if name not in FEATURES]
    if unknown:
        raise SettingError("features", unknown[0], f"one of {', '.join(FEATURES)}")
    rules = {"bias": _biases, "filter_map": _filter_maps}
    return {name: rules[name](weights, topology) for name in names}


def _biases(weights: Weights, topology: Topology) -> PartFeatures:
    return tuple(None if part.bias is None else _array(weights.numbers(part.bias)) for part in topology.parts)


def _filter_maps(weights: Weights, topology: Topology) -> PartFeatures:
    found: list[np.ndarray | None] = [None] * len(topology.parts)
    for join in topology.joins:
        weight = weights.numbers(join.parameter)
        if weight.dim() > 2 and found[join.target] is None:
            found[join.target] = _array(torch.linalg.vector_norm(weight, dim=1))
    return tuple(found)


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(device="cpu", dtype=torch.float64).numpy()

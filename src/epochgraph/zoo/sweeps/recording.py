"""What is recorded of every snapshot of a sweep's run: how its graphs and its plain weights change."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from epochgraph.graph import NodeValues, rolled_graph
from epochgraph.measures import STANDARD
from epochgraph.signature import Features, References, Signature, assembled, extended, feature_names
from epochgraph.signature.names import FeatureName
from epochgraph.signature.scopes import Scope
from epochgraph.topology import Topology
from epochgraph.zoo.sweeps.dynamics import Dynamics

FEATURES = Features(STANDARD, ("graph", "depth"), ("initial", "previous"))
"""The features of the graph that networks of every architecture have."""

RANK_CHANGE = "rank_change"
"""One minus the rank correlation of the node values with those of an earlier snapshot."""


@dataclass(slots=True)
class SweepRecorder:
    """Records from the snapshots of one run what later questions may need.

    The features of a snapshot are those of `signature` for the whole graph and its thirds by depth, the changes of the
    nodes' ranks, and those of `Dynamics` for parameters, gradients and units.

    Args:
        topology: The wiring of the network, from `trace`.
        dynamics: Follows the same network.
    """

    topology: Topology
    dynamics: Dynamics
    _references: References = field(default_factory=References)
    _values: dict[str, Mapping[str, NodeValues]] = field(default_factory=dict)
    _names: tuple[str, ...] = ()
    _times: list[float] = field(default_factory=list)
    _rows: list[np.ndarray] = field(default_factory=list)
    _diverged: list[bool] = field(default_factory=list)

    def observe(self, model: nn.Module, epoch: float) -> float:
        """Take a snapshot.

        Args:
            model: The network, in any state of training.
            epoch: Completed passes over the training examples; later than at the last call.

        Returns:
            Seconds of processor time that the snapshot took.
        """
        begin = time.process_time()
        with torch.no_grad():
            graph = rolled_graph(model, self.topology, nonfinite="record")
            self._references, row, values = extended(self._references, graph, FEATURES)
            names = feature_names(self.topology.parts, FEATURES)
            features = dict(zip(names, row, strict=True))
            features |= self._rank_changes(values)
            features |= self.dynamics.observe(model)
        self._names = self._names or tuple(features)
        self._times.append(epoch)
        self._rows.append(np.array(list(features.values()), dtype=np.float64))
        self._diverged.append(bool(graph.nonfinite))
        return time.process_time() - begin

    def signature(self) -> Signature:
        """All features of all snapshots so far."""
        return assembled(self._times, self._names, self._rows, self._diverged)

    def _rank_changes(self, values: Mapping[str, NodeValues]) -> dict[str, float]:
        groups = FEATURES.groups(self.topology.parts)
        features = {}
        for reference in FEATURES.change:
            then = self._values.get(reference, values)
            for measure in STANDARD:
                name = measure.__name__
                for group in groups:
                    change = _rank_change(values[name], then[name], group) if values else np.nan
                    features[str(FeatureName(name, group.name, RANK_CHANGE, reference))] = change
        if values:
            self._values = {"initial": self._values.get("initial", values), "previous": values}
        return features


def _rank_change(now: NodeValues, then: NodeValues, group: Scope) -> float:
    """One minus Spearman's rank correlation: 0 for the same order, 2 for the opposite; NaN if all are equal."""
    rounded = (np.asarray(values[group.nodes], dtype=np.float32) for values in (now, then))  # noise makes no order
    ranks = [np.asarray(rankdata(values), dtype=np.float64) for values in rounded]
    centred = [own - own.mean() for own in ranks]
    norms = [np.sqrt(own @ own) for own in centred]
    return float(1 - centred[0] @ centred[1] / (norms[0] * norms[1])) if all(norms) else np.nan

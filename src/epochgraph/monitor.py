"""The one stateful object: it watches a training loop."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from epochgraph.errors import FeatureMismatchError, SettingError
from epochgraph.graph import Graph, NodeValues, rolled_graph
from epochgraph.graph.rolled import NonFinite
from epochgraph.graph.weights import WeightSource
from epochgraph.measures import STANDARD, Measure, Summary
from epochgraph.signature import Features, References, Signature, assembled, extended, feature_names, named_measure
from epochgraph.signature.change import Reference
from epochgraph.signature.scopes import Scoping
from epochgraph.signature.settings import changes_since
from epochgraph.topology import Topology

FeatureValues = Float64[np.ndarray, "features"]
"""The features of one snapshot."""


class Monitor:
    """Takes snapshots of a network in training, and gives the signature so far.

    It keeps the features of every snapshot, but only those graphs that features of change refer to. The numbers are the
    same as when the run's checkpoints are read afterwards.

    Args:
        topology: The wiring of the model.
        fold_batch_norm: As in `rolled_graph`.
        nonfinite: What NaN or infinite weights mean: "record" a diverged snapshot, or "raise" an error.
        measures: As in `signature`.
        scopes: As in `signature`.
        change: As in `signature`.

    Examples:
        >>> import torch
        >>> from epochgraph import chain
        >>> model = torch.nn.Linear(3, 2)
        >>> monitor = Monitor(chain(model))
        >>> for epoch in range(3):  # train the model in between
        ...     scores = monitor.observe(model, epoch)
        >>> monitor.signature().values.shape
        (3, 10)
    """

    def __init__(
        self,
        topology: Topology,
        *,
        fold_batch_norm: bool = False,
        nonfinite: NonFinite = "record",
        measures: Sequence[Measure | Summary | str] = STANDARD,
        scopes: Sequence[Scoping] = ("graph",),
        change: Sequence[Reference] = (),
    ) -> None:
        self.topology = topology
        self.fold_batch_norm = fold_batch_norm
        self.nonfinite = nonfinite
        self.features = Features(tuple(map(named_measure, measures)), tuple(scopes), tuple(change))
        self._references = References()
        self._unknown: set[Reference] = set()
        self._times: list[float] = []
        self._rows: list[FeatureValues] = []
        self._diverged: list[bool] = []

    def resume(
        self, before: Signature, *, initial: WeightSource | None = None, previous: WeightSource | None = None
    ) -> None:
        """Go on after the snapshots of a signature, as if they had been observed here; whatever was is forgotten.

        Args:
            before: What was observed so far.
            initial: The weights of its first snapshot that had not diverged, for changes since the initial network.
                Without them, these changes are NaN from here on.
            previous: The weights of its last one that had not diverged. Without them, changes since the previous
                snapshot are NaN in the next one.

        Raises:
            FeatureMismatchError: It was taken with other features, or of another network.
            ShapeMismatchError: As `rolled_graph`.
            NonFiniteWeightsError: Some of these weights are NaN or infinite.
        """
        names = feature_names(self.topology.parts, self.features)
        if before.names != names:
            missing = [name for name in names if name not in before.names] or ["the same order"]
            raise FeatureMismatchError(missing, len(names), len(before.names), 0)
        self._references, self._unknown = References(), set()
        if not before.diverged.all():
            given: dict[Reference, WeightSource | None] = {"initial": initial, "previous": previous}
            self._unknown = {name for name in self.features.change if given[name] is None}
            for source in (weights for weights in given.values() if weights is not None):
                graph = rolled_graph(source, self.topology, fold_batch_norm=self.fold_batch_norm)
                self._references, _, _ = extended(self._references, graph, self.features)
        self._times, self._rows = before.times.tolist(), list(before.values)
        self._diverged = before.diverged.tolist()

    def observe(self, source: WeightSource, epoch: float) -> Mapping[str, NodeValues]:
        """Take a snapshot.

        Args:
            source: The model, or its parameters by name.
            epoch: Completed passes over the data so far; 0 for the initial network, fractions allowed.

        Returns:
            The node values by name of the measure, to log or draw; none if the snapshot has diverged.

        Raises:
            NonFiniteWeightsError: Weights are NaN or infinite and `nonfinite` is "raise".
            ShapeMismatchError: The model is not the one of earlier snapshots.
            SettingError: The epoch is not later than the last one; earlier observations are kept.
        """
        self._check_later(epoch)
        graph = rolled_graph(
            source,
            self.topology,
            fold_batch_norm=self.fold_batch_norm,
            nonfinite=self.nonfinite,
            copy=bool(self.features.change),
        )
        return self.observe_graph(graph, epoch)

    def observe_graph(
        self, graph: Graph, epoch: float, *, known: FeatureValues | None = None
    ) -> Mapping[str, NodeValues]:
        """Take a snapshot of a network whose graph is made already.

        Args:
            graph: Of the topology, and as `fold_batch_norm` says. Where changes are asked for it is kept, so its
                weights must not change while training goes on.
            epoch: As in `observe`.
            known: The features of this epoch from an earlier time that training was there. If the network is the same
                as then, they are what is known of it, also where the references of that time are gone.

        Returns:
            As `observe`.

        Raises:
            ShapeMismatchError, SettingError: As `observe`.
        """
        self._check_later(epoch)
        self._references, row, values = extended(self._references, graph, self.features)
        names = feature_names(graph.parts, self.features) if self._unknown else ()
        for reference in self._unknown:
            row[changes_since(names, reference)] = np.nan
        if not graph.nonfinite:
            self._unknown.discard("previous")
        if known is not None and self._alike(row, known):
            row = known
        self._times.append(epoch)
        self._rows.append(row)
        self._diverged.append(bool(graph.nonfinite))
        return values

    def _alike(self, row: FeatureValues, other: FeatureValues) -> bool:
        """Whether two snapshots are equal in all that needs no other snapshot."""
        names = feature_names(self.topology.parts, self.features)
        alone = ~np.any([changes_since(names, reference) for reference in ("initial", "previous")], axis=0)
        return np.array_equal(row[alone], other[alone], equal_nan=True)

    def _check_later(self, epoch: float) -> None:
        last = self._times[-1] if self._times else -math.inf
        if not last < epoch < math.inf:
            raise SettingError("epoch", epoch, f"a number greater than {last:g}, the last one observed")

    def signature(self) -> Signature:
        """The signature of all snapshots so far.

        Raises:
            SettingError: There is none yet.
        """
        names = feature_names(self.topology.parts, self.features)
        return assembled(self._times, names, self._rows, self._diverged)

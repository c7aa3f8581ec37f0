"""The one stateful object: it watches a training loop."""

import math
from collections.abc import Mapping, Sequence

from epochgraph.errors import SettingError
from epochgraph.graph import NodeValues, rolled_graph
from epochgraph.graph.rolled import NonFinite
from epochgraph.graph.weights import WeightSource
from epochgraph.measures import STANDARD, Measure, Summary
from epochgraph.signature import Features, References, Signature, assembled, extended, feature_names, named_measure
from epochgraph.signature.change import Reference
from epochgraph.signature.scopes import Scoping
from epochgraph.topology import Topology


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

    Example:
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
        self._times: list[float] = []
        self._rows: list[NodeValues] = []
        self._diverged: list[bool] = []

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
        last = self._times[-1] if self._times else -math.inf
        if not last < epoch < math.inf:
            raise SettingError("epoch", epoch, f"a number greater than {last:g}, the last one observed")
        graph = rolled_graph(
            source,
            self.topology,
            fold_batch_norm=self.fold_batch_norm,
            nonfinite=self.nonfinite,
            copy=bool(self.features.change),
        )
        self._references, row, values = extended(self._references, graph, self.features)
        self._times.append(epoch)
        self._rows.append(row)
        self._diverged.append(bool(graph.nonfinite))
        return values

    def signature(self) -> Signature:
        """The signature of all snapshots so far.

        Raises:
            SettingError: There is none yet.
        """
        names = feature_names(self.topology.parts, self.features)
        return assembled(self._times, names, self._rows, self._diverged)

"""What is recorded of every snapshot of a zoo's run, so that later questions need no new training."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from epochgraph.graph import Graph, NodeValues, rolled_graph, unrolled_graph
from epochgraph.measures import STANDARD, Measure, degree
from epochgraph.predictors.views import LAST_LAYER, UNROLLED_DEGREE
from epochgraph.runs import Recording
from epochgraph.signature import Features, References, Signature, assembled, extended, feature_names
from epochgraph.signature.names import PARAMETER, FeatureName
from epochgraph.signature.statistics import STATISTICS, statistics
from epochgraph.topology import Topology
from epochgraph.zoo.baselines import (
    PARAMETER_CHANGES,
    PARAMETER_STATISTICS,
    aggregated,
    changes,
    flattened,
    half,
    last_layer,
    parameters,
)

PLAIN = Features(STANDARD, ("graph", "part", "depth"), ("initial", "previous"))


class Recorder:
    """Records everything worth keeping from the snapshots of one run.

    The features of a snapshot are: those of `signature` with all scopes and changes; the same with batch norm folded
    into the weights, under names that begin with "folded/"; the statistics of the unrolled graph's degree; and the
    features of the last layer and of each parameter in `baselines`. Vectors are the node values of early snapshots, and
    the last layer's parameters in all of them.

    Args:
        topology: The wiring of the network, from `trace`.
        image_shape: Channels, height and width of an image.
        node_values_until: The last epoch whose node values are kept.
    """

    def __init__(self, topology: Topology, image_shape: tuple[int, int, int], *, node_values_until: float = 5) -> None:
        self.topology = topology
        self.image_shape = image_shape
        self.node_values_until = node_values_until
        self._references = {folded: References() for folded in ((False, True) if topology.folds else (False,))}
        self._initial: dict[str, np.ndarray] = {}
        self._previous: dict[str, np.ndarray] = {}
        self._names: tuple[str, ...] = ()
        self._times: list[float] = []
        self._rows: list[np.ndarray] = []
        self._diverged: list[bool] = []
        self._vectors: dict[str, dict[float, np.ndarray]] = {}

    def observe(self, model: nn.Module, epoch: float) -> dict[str, float]:
        """Take a snapshot.

        Args:
            model: The network, in any state of training.
            epoch: Completed passes over the training images; later than at the last call.

        Returns:
            The seconds that building each graph, measuring it and the whole snapshot took; none for what was left out
            because the network has diverged.
        """
        stopwatch = _Stopwatch()
        with stopwatch("seconds_snapshot"), torch.no_grad():
            features: dict[str, float] = {}
            values: Mapping[str, NodeValues] = {}
            diverged = False
            for folded, references in self._references.items():
                graph = self._graph(model, stopwatch, folded=folded)
                timed = PLAIN if folded else replace(PLAIN, measures=tuple(map(stopwatch.timed, STANDARD)))
                self._references[folded], row, found = extended(references, graph, timed)
                names = map(FeatureName.parse, feature_names(self.topology.parts, PLAIN))
                features |= {str(replace(n, folded=folded)): value for n, value in zip(names, row, strict=True)}
                values = values or found
                diverged = diverged or bool(graph.nonfinite)
            features |= self._unrolled(model, stopwatch, diverged=diverged)
            features |= self._parameters(model, diverged=diverged)
        self._keep(epoch, features, diverged=diverged)
        self._keep_vectors(model, epoch, values)
        return stopwatch.seconds

    def signature(self) -> Signature:
        """All features of all snapshots so far."""
        return assembled(self._times, self._names, self._rows, self._diverged)

    def recordings(self) -> dict[str, Recording]:
        """The vectors so far."""
        return {
            name: Recording(np.array([*found], dtype=np.float64), np.stack([*found.values()]))
            for name, found in self._vectors.items()
        }

    def state(self) -> dict[str, Any]:
        """What has been kept so far, as tensors and plain values."""
        return {
            "times": self._times,
            "names": self._names,
            "rows": torch.from_numpy(np.stack(self._rows)),
            "diverged": self._diverged,
            "vectors": {
                name: {epoch: torch.from_numpy(vector) for epoch, vector in found.items()}
                for name, found in self._vectors.items()
            },
        }

    def restore(self, state: Mapping[str, Any], *, initial: nn.Module, now: nn.Module) -> None:
        """Continue from the `state` of another recorder of the same run.

        Args:
            state: Its state.
            initial: The network as it was in the first snapshot: later ones are compared with it.
            now: The network as it was in the last one.
        """
        self.observe(initial, 0)
        if len(state["times"]) > 1:
            self.observe(now, state["times"][-1])
        self._times, self._names, self._diverged = list(state["times"]), tuple(state["names"]), list(state["diverged"])
        self._rows = list(state["rows"].numpy())
        self._vectors = {
            name: {epoch: vector.numpy() for epoch, vector in found.items()} for name, found in state["vectors"].items()
        }

    def _graph(self, model: nn.Module, stopwatch: "_Stopwatch", *, folded: bool) -> Graph:
        with stopwatch("" if folded else "seconds_rolled_graph"):
            return rolled_graph(model, self.topology, fold_batch_norm=folded, nonfinite="record")

    def _unrolled(self, model: nn.Module, stopwatch: "_Stopwatch", *, diverged: bool) -> dict[str, float]:
        """The statistics of the unrolled graph's degree."""
        found = np.full(len(STATISTICS), np.nan)
        if not diverged:
            with stopwatch("seconds_unrolled_graph"):
                graph = unrolled_graph(model, self.topology, self.image_shape)
            with stopwatch("seconds_unrolled_degree"):
                found = statistics(degree(graph))
        names = [str(FeatureName(UNROLLED_DEGREE, "graph", statistic)) for statistic in STATISTICS]
        return dict(zip(names, found.tolist(), strict=True))

    def _parameters(self, model: nn.Module, *, diverged: bool) -> dict[str, float]:
        """The statistics of the last layer and of each parameter, and the norm and change of each parameter."""
        now = {name: flattened({name: tensor}) for name, tensor in parameters(model).items()}
        features = _named(_statistics(LAST_LAYER), flattened(last_layer(model)), aggregated, diverged=diverged)
        for name, values in now.items():
            measure = f"{PARAMETER}:{name}"
            features |= _named(_statistics(measure), values, aggregated, diverged=diverged)
            then = self._initial.get(name, values), self._previous.get(name, values)
            changed = functools.partial(changes, initial=then[0], previous=then[1])
            names = [FeatureName(measure, None, *change) for change in PARAMETER_CHANGES]
            features |= _named(names, values, changed, diverged=diverged)
        if not diverged:
            self._initial = self._initial or now
            self._previous = now
        return features

    def _keep(self, epoch: float, features: Mapping[str, float], *, diverged: bool) -> None:
        self._names = self._names or tuple(features)
        self._times.append(epoch)
        self._rows.append(np.array(list(features.values()), dtype=np.float64))
        self._diverged.append(diverged)

    def _keep_vectors(self, model: nn.Module, epoch: float, values: Mapping[str, NodeValues]) -> None:
        vectors = dict(values) if epoch <= self.node_values_until else {}
        vectors[LAST_LAYER] = flattened(last_layer(model))
        for name, vector in vectors.items():
            self._vectors.setdefault(name, {})[epoch] = half(vector)


def _statistics(measure: str) -> list[FeatureName]:
    return [FeatureName(measure, None, statistic) for statistic in PARAMETER_STATISTICS]


def _named(
    names: Sequence[FeatureName], values: np.ndarray, summary: Callable[..., np.ndarray], *, diverged: bool
) -> dict[str, float]:
    """The summary of some values under its names; NaN if they have diverged."""
    found = np.full(len(names), np.nan) if diverged else summary(values)
    return {str(name): value for name, value in zip(names, found, strict=True)}


class _Stopwatch:
    """Adds up the seconds that blocks of code and measures take."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time a block; without a name, do nothing."""
        begin = time.perf_counter()
        yield
        if name:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin

    def timed(self, measure: Measure) -> Measure:
        """The measure, timed under its own name."""

        @functools.wraps(measure)
        def measured(graph: Graph) -> NodeValues:
            with self(f"seconds_{measure.__name__}"):
                return measure(graph)

        return measured

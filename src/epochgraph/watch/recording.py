"""What one process does of watching: measure, write, forecast."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from epochgraph.checkpoints import Checkpoint
from epochgraph.errors import ConvergenceError, EmptyGraphError, OutputError, SettingError, UnreadableFileError
from epochgraph.extraction import Extraction
from epochgraph.graph import Graph, rolled_graph
from epochgraph.graph.weights import WeightSource
from epochgraph.monitor import FeatureValues, Monitor
from epochgraph.runs import Run, Setting, StoredRuns
from epochgraph.runs.ends import budget_of
from epochgraph.signature import Signature
from epochgraph.signature.change import Reference
from epochgraph.topology import Topology
from epochgraph.watch.answer import Account, Watched
from epochgraph.watch.ending import FINISHED, RUNNING, STATUS, STOPPED, account, same_run
from epochgraph.watch.files import Entry, Files, shortened
from epochgraph.watch.forecasting import Forecaster, InItsSweep, forecast
from epochgraph.watch.layers import Totals, dead_layers, frozen_parts
from epochgraph.watch.scalars import scalars
from epochgraph.watch.seen import Seen, epoch_value, finite_epochs, metric_values, no_metrics, seen_of
from epochgraph.watch.state import seen_from, state_of

_log = logging.getLogger(__name__)


class Recorder:
    """The record of one run, in memory and in its files.

    Args:
        files: Where the files are.
        topology: The wiring of the network.
        how: How snapshots are measured.
        settings: Of the run, and how its signature is taken.
        forecaster: What forecasts.
        acts: Whether a decision to stop is acted on.

    Raises:
        SettingError: The run that is there has other settings, or signatures are to be smoothed.
        UnreadableFileError: Its files are damaged.
    """

    def __init__(
        self,
        files: Files,
        topology: Topology,
        how: Extraction,
        settings: Mapping[str, Setting],
        forecaster: Forecaster,
        *,
        acts: bool,
    ) -> None:
        if how.smoothing != "none":
            raise SettingError("smoothing", how.smoothing, "none: the snapshots of a smoothed run are not known")
        self.files = files
        self.topology = topology
        self.how = how
        self.settings = dict(settings)
        self.forecaster = forecaster
        self.acts = acts
        self.others = StoredRuns(files.store, finished=not isinstance(forecaster, InItsSweep))
        self.seen = Seen(None, no_metrics(), (), RUNNING)
        self.restored: Mapping[str, Tensor] | None = None
        self._monitor: Monitor | None = None  # made where training goes on
        self._known: dict[float, FeatureValues] = {}  # of epochs that training has gone back from
        found = files.read()
        if found is not None:
            run, entries = found
            same_run(files.record, run.settings, self.settings)
            self.seen = seen_of(run, entries, str(run.settings.get(STATUS, FINISHED)))

    @property
    def keeps(self) -> bool:
        """Whether weights are kept for later snapshots to be compared with."""
        return bool(self.how.change)

    @property
    def run(self) -> Run:
        """The run so far; there is a snapshot."""
        seen = self.seen
        assert seen.signature is not None  # noqa: S101
        return Run(self.files.run, seen.signature, seen.metrics, {**self.settings, STATUS: seen.status})

    def take(
        self, weights: Mapping[str, Tensor], epoch: float, metrics: Mapping[str, object], frozen: Collection[str] = ()
    ) -> Watched:
        """Take a snapshot; see `Watch.__call__`.

        Args:
            weights: What the graph is made of; where changes are measured, nobody else writes to them.
            epoch: Completed passes over the data.
            metrics: What was measured then.
            frozen: Names of parameters that are not trained.
        """
        epoch, measured = epoch_value(epoch), metric_values(metrics)
        monitor, known = self._gone_to(epoch)
        graph = rolled_graph(
            weights, self.topology, fold_batch_norm=self.how.fold_batch_norm, nonfinite="record", copy=False
        )
        wrong, totals = self._observed(monitor, graph, epoch, known)
        if totals is not None:
            if self.keeps:
                self._written(lambda: self.files.keep(weights, epoch))
            wrong += self._dead(totals, frozen)
        self.seen = self.seen.measured(epoch, measured)
        return self._answered(epoch, totals, tuple(wrong))

    def add(self, metrics: Mapping[str, object]) -> Watched:
        """Add metrics of the last snapshot's epoch; see `Watch.log`."""
        epoch, last, was = self._last_epoch(), self.seen.entries[-1:], self.seen.status
        self.seen = self.seen.measured(epoch, metric_values(metrics))
        answer = self._answered(epoch, last[0].totals if last else None, last[0].warnings if last else (), again=True)
        if was == FINISHED != self.seen.status:
            self.finish({})
        return answer

    def finish(self, metrics: Mapping[str, object], *, status: str = FINISHED) -> Account:
        """Say that the run has ended; see `Watch.finish`."""
        self.seen = self.seen.measured(self._last_epoch(), metric_values(metrics))
        acted = self.seen.status == STOPPED
        if self.seen.status == RUNNING:
            self.seen = replace(self.seen, status=status)
        self._write()
        return account(self.run, self.seen.entries, stopped=acted)

    def state(self) -> dict[str, Any]:
        """What `load` goes on from."""
        return state_of(self.files.run, self.seen, {epoch: self._weights(epoch) for epoch in self._needed()})

    def load(self, state: Mapping[str, Any], now: WeightSource) -> float:
        """Go on from a state; see `Watch.load_state_dict`.

        Args:
            state: The state.
            now: The weights that the model has now, which may be those of its last snapshot.

        Returns:
            The epoch of its last snapshot.
        """
        self.seen, weights = seen_from(self.files.run, state)
        for epoch, tensors in weights.items():
            self._written(partial(self.files.keep, tensors, epoch))
        self.restored = None
        self._monitor = self._resumed(now)
        return self._last_epoch()

    def _last_epoch(self) -> float:
        if self.seen.epoch is None:
            raise SettingError("the snapshots", 0, "at least one")
        return self.seen.epoch

    def _gone_to(self, epoch: float) -> tuple[Monitor, FeatureValues | None]:
        """What measures the snapshot of an epoch, and its features if it was taken before."""
        if self._monitor is not None and (self.seen.epoch is None or epoch > self.seen.epoch):
            return self._monitor, self._known.get(epoch)
        self._known |= self.seen.features
        before, restored = self.seen.before(epoch), self.restored
        another = restored is not None and self._is_other_start(before, restored)
        self.seen, self.restored = Seen(None, no_metrics(), (), RUNNING) if another else before, None
        self._monitor = self._resumed(restored)
        if another and before.epoch is not None and restored is not None:
            self._known = {}
            self.take(restored, before.epoch, {})
        return self._monitor, self._known.get(epoch)

    def _is_other_start(self, before: Seen, restored: WeightSource) -> bool:
        """Whether training has begun anew with other weights than those of the first snapshot.

        Raises:
            SettingError: The run had finished.
        """
        if before.signature is None or len(before.signature.times) > 1:
            return False
        if self._is_snapshot(restored, before.signature, before.signature.times[0]):
            return False
        if self.seen.status == FINISHED:
            expected = f"another name, as that run has finished: or remove {self.files.record}"
            raise SettingError("run", self.files.run, expected)
        return True

    def _resumed(self, restored: WeightSource | None = None) -> Monitor:
        """A monitor that has seen what was seen.

        Args:
            restored: The weights that the model has now, which may be those of the last snapshot.
        """
        how, seen = self.how, self.seen.signature
        monitor = Monitor(
            self.topology,
            fold_batch_norm=how.fold_batch_norm,
            measures=how.measures,
            scopes=how.scopes,
            change=how.change,
        )
        if seen is None:
            return monitor
        finite = finite_epochs(seen)

        def weights(reference: Reference, place: int) -> WeightSource | None:
            if reference not in how.change or not finite:
                return None
            kept = self._weights(finite[place])
            if kept is None and restored is not None and self._is_snapshot(restored, seen, finite[place]):
                return restored
            return kept

        monitor.resume(seen, initial=weights("initial", 0), previous=weights("previous", -1))
        return monitor

    def _is_snapshot(self, weights: WeightSource, signature: Signature, epoch: float) -> bool:
        """Whether these are the weights of a snapshot, by all features that need no other one."""
        how = self.how
        alone = Monitor(self.topology, fold_batch_norm=how.fold_batch_norm, measures=how.measures, scopes=how.scopes)
        try:
            alone.observe(weights, epoch)
        except (EmptyGraphError, ConvergenceError):
            return False
        found = alone.signature().values[0]  # changes come after what stands alone
        return np.array_equal(found, signature.values[signature.times == epoch][0, : len(found)], equal_nan=True)

    def _weights(self, epoch: float) -> Checkpoint | None:
        try:
            return self.files.weights(epoch)
        except UnreadableFileError as error:
            _log.warning("changes cannot be known: %s", error)
            return None

    def _observed(
        self, monitor: Monitor, graph: Graph, epoch: float, known: FeatureValues | None
    ) -> tuple[list[str], Totals | None]:
        """Measure a snapshot.

        Returns:
            What is wrong with it, and the sum of the weights into each part, if they are finite.
        """
        try:
            monitor.observe_graph(graph, epoch, known=known)
        except (EmptyGraphError, ConvergenceError) as error:
            if self.seen.signature is None:
                raise
            return [f"no snapshot was taken, as {error}"], None
        self.seen = replace(self.seen, signature=monitor.signature())
        if graph.nonfinite:
            counts = [f"{name!r} has {count} NaN or infinite values" for name, count in graph.nonfinite.items()]
            return [f"the run has diverged: {', '.join(counts[:3])}"], None
        return [], tuple(graph.incoming.tolist())

    def _dead(self, totals: Totals, frozen: Collection[str]) -> list[str]:
        before = [entry.totals for entry in self.seen.entries if entry.totals is not None]
        said = {warning for entry in self.seen.entries for warning in entry.warnings}
        if not before:
            return []
        return dead_layers(self.topology, (before[0], before[-1], totals), frozen_parts(self.topology, frozen), said)

    def _answered(
        self, epoch: float, totals: Totals | None, warnings: tuple[str, ...], *, again: bool = False
    ) -> Watched:
        """Forecast, write, answer."""
        self.seen = replace(self.seen, status=RUNNING)
        prediction = forecast(self.forecaster, self.run, partial(self.others, besides=self.files.run))
        earlier = [entry for entry in self.seen.entries if entry.epoch < epoch]
        entries = shortened([*earlier, Entry(epoch, totals, prediction, warnings)])
        stop = self.acts and prediction.decision == "stop"
        budget = budget_of(self.settings)
        ended = budget is not None and epoch >= budget
        status = STOPPED if stop else FINISHED if ended else RUNNING
        self.seen = replace(self.seen, entries=entries, status=status)
        self._write()
        said = account(self.run, entries, stopped=stop) if stop or ended else None
        assert self.seen.signature is not None  # noqa: S101 - of a snapshot
        for warning in () if again else warnings:
            _log.warning("%s, epoch %g: %s", self.files.run, epoch, warning)
        return Watched(epoch, prediction, stop, warnings, scalars(self.seen.signature, prediction), said)

    def _write(self) -> None:
        self._written(lambda: self.files.write(self.run, self.seen.entries))
        self.files.forget(besides=self._needed())

    def _needed(self) -> set[float]:
        """The epochs of the weights that a later snapshot may be compared with; of those before the last, one more.

        A job may be killed after a snapshot was taken, and before its checkpoint was written.
        """
        finite = finite_epochs(self.seen.signature)
        needed = set(finite[:1]) if "initial" in self.how.change else set()
        needed |= set(finite[-2:]) if "previous" in self.how.change else set()
        return needed if self.seen.status == RUNNING else set()

    def _written(self, write: Callable[[], None]) -> None:
        """Write a file; that it cannot be written ends no training, and the next snapshot tries again."""
        try:
            write()
        except OutputError as error:
            _log.warning("%s", error)

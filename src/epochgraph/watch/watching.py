"""Watch: what stands in a training loop."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, SupportsFloat

from torch import Tensor, nn

from epochgraph.extraction import Extraction
from epochgraph.predictors import Predictor
from epochgraph.runs import Setting
from epochgraph.topology import Topology, trace, unwrapped
from epochgraph.watch.answer import Account, Watched
from epochgraph.watch.ending import STOPPED, own_settings
from epochgraph.watch.files import Files
from epochgraph.watch.forecasting import Forecaster, forecaster_of
from epochgraph.watch.ranks import Ranks, gathered, read_names
from epochgraph.watch.recording import Recorder

_TRACING = Lock()
"""`torch.export` is for one thread at a time, and a study may have several."""


class Watch:
    """Watches a training loop: takes snapshots, stores the run, forecasts its end, and says whether to stop.

    The first snapshot of a new run is taken at once, of the weights that the model has now. After each epoch, call the
    object: it measures the network, writes the run to `store`, where `epochgraph predict`, `evaluate` and `fit` read
    it, and answers with a forecast. Without a predictor, that compares the run with the others of the store. In
    any case it says to stop a run whose weights are NaN or infinite, and which layers are dead.

    A job that was killed goes on where its checkpoint is: once the weights are loaded, make the same object again, and
    call it with the next epoch. What was measured before is kept, and what is measured again gives the same numbers.
    Changes since the previous snapshot need a checkpoint after each one; to go back further, load the `state_dict` that
    was saved with the checkpoint.

    It costs a pass over the weights for each measure, and two copies of them in memory and on disk, for changes since
    the initial network and since the previous snapshot. `python -m benchmarks.watching` measures it.

    Several processes that train one model (DDP, `fully_shard`) all make and call it, and all get the same answer; the
    first one measures and writes.

    Args:
        model: The network.
        example: What its forward pass takes: a tensor, a tuple of positional or a mapping of keyword arguments; or its
            topology.
        run: Name of the run; no other of the store may have it.
        store: Folder of the runs, which other processes may write to as well.
        settings: Learning rate, optimiser, architecture, ...: plain values.
        budget: Epochs that the run is to have. With the last of them it counts as finished.
        predictor: What forecasts: a predictor or its file; the name of one that comes with the package
            ("weights-and-curve@1"), or "shipped" for whichever of these fits; or a function of the runs so far and the
            finished ones of the store that gives a prediction of each of the former.
        threshold: The final value from which on an end is good; None for the predictor's own.
        best: How many of the store's runs count as good, instead of a threshold; only where the run is compared with
            them.
        rate: The share of runs with a good end that decisions may stop.
        stop: Whether answers say to stop. Otherwise (shadow mode) they say only what is thought of the run, and once it
            has ended, what stopping would have saved or cost.
        extraction: How snapshots are measured; None for what the predictor needs.
        start: Epochs that the model was trained for before.
        together: Whether all processes of the default group of `torch.distributed` call it, where there is one.

    Attributes:
        model: The network.
        epoch: When the last snapshot was taken.
        resumed: Whether the store had some of the run already.

    Raises:
        SettingError: The name, the settings or the budget are not possible, or the run has finished and is there.
        UnreadableFileError: The files of the run are damaged, or the predictor cannot be read.
        TracingError: As `trace`.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> model = torch.nn.Linear(3, 2)
        >>> with TemporaryDirectory() as store:
        ...     watch = Watch(model, torch.zeros(1, 3), run="rate-0.1", store=store, budget=2)
        ...     for epoch in (1, 2):  # train the model in between
        ...         answer = watch(epoch, train_loss=1 / epoch)
        >>> answer.decision, answer.stop
        ('continue', False)
        >>> print(answer.account)
        no decision to stop in 2 epochs
    """

    def __init__(  # noqa: PLR0913 - each is a word of the user's
        self,
        model: nn.Module,
        example: object = None,
        *,
        run: str,
        store: Path | str,
        settings: Mapping[str, Setting] | None = None,
        budget: float | None = None,
        predictor: Predictor | Path | str | Forecaster | None = None,
        threshold: float | None = None,
        best: int | None = None,
        rate: float = 0.05,
        stop: bool = False,
        extraction: Extraction | None = None,
        start: float = 0,
        together: bool = True,
    ) -> None:
        self.model = model
        self.epoch: float | None = None
        self._ranks = Ranks(together=together)
        self._recorder: Recorder | None = None  # in the process that measures

        def begun() -> tuple[list[str], bool, float | None]:
            forecaster, needed = forecaster_of(predictor, threshold=threshold, best=best, rate=rate)
            how = extraction or needed
            plain = own_settings(settings or {}, budget, how)
            topology = example if isinstance(example, Topology) else _traced(model, example)
            self._recorder = Recorder(Files(Path(store), run), topology, how, plain, forecaster, acts=stop)
            return read_names(model, topology), self._recorder.keeps, self._recorder.seen.epoch

        self._names, self._keeps, self.epoch = self._ranks.shared(begun)
        self.resumed = self.epoch is not None
        if not self.resumed:
            self(start)
            return
        restored = self._weights(copy=True)
        if self._ranks.first:
            self._first.restored = restored

    def __call__(self, epoch: float, /, **metrics: SupportsFloat | None) -> Watched:
        """Take a snapshot after an epoch.

        An epoch that is not later than the last one means that training went back to a checkpoint: what was seen from
        there on is forgotten.

        Args:
            epoch: Completed passes over the data; fractions are allowed.
            metrics: What was measured then, such as `train_loss=0.7, validation_accuracy=0.4`; None for what was not.

        Raises:
            SettingError: The epoch or a metric is no number, or the run had finished and this is a new one.
            ShapeMismatchError: The model is another one than before.
        """
        weights = self._weights(copy=self._keeps)
        frozen = {name for name, one in unwrapped(self.model).named_parameters() if not one.requires_grad}
        watched = self._ranks.shared(lambda: self._first.take(weights, epoch, metrics, frozen))
        self.epoch = watched.epoch
        return watched

    def log(self, **metrics: SupportsFloat | None) -> Watched:
        """Add what was measured after the last snapshot's epoch, without another snapshot; the forecast is made anew.

        Raises:
            SettingError: A metric is no number.
        """
        return self._ranks.shared(lambda: self._first.add(metrics))

    def finish(self, **metrics: SupportsFloat | None) -> Account:
        """Say that the run has come to its end; at its budget that is known.

        Args:
            metrics: What was measured at its end, such as `test_accuracy=0.62`.

        Returns:
            What stopping by the forecasts saved or cost, or would have.
        """
        return self._ranks.shared(lambda: self._first.finish(metrics))

    def abandon(self) -> Account:
        """Say that somebody else stopped the run before its end: nobody is to learn from it as from a finished one.

        Returns:
            As `finish`.
        """
        return self._ranks.shared(lambda: self._first.finish({}, status=STOPPED))

    def state_dict(self) -> dict[str, Any]:
        """All that is known of the run, as tensors, texts and numbers, to be saved with a checkpoint of the model's.

        Returns:
            In the first process, the state; in others nothing. It holds the weights that snapshots are compared with.
        """
        return {} if self._recorder is None else self._recorder.state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave; what was seen since is forgotten.

        Args:
            state: In the first process, the state; in others it is not looked at.

        Raises:
            SettingError: It is no such state, or that of another run.
            FeatureMismatchError: It is of another network, or of other measures.
        """
        now = self._weights(copy=True)
        self.epoch = self._ranks.shared(lambda: self._first.load(state, now))

    @property
    def _first(self) -> Recorder:
        """What measures: in the first process there is one."""
        assert self._recorder is not None  # noqa: S101
        return self._recorder

    def _weights(self, *, copy: bool) -> dict[str, Tensor]:
        return gathered(self.model, self._names, keep=self._recorder is not None, copy=copy)


def _traced(model: nn.Module, example: object) -> Topology:
    """The wiring of a model, read from its forward pass on the example."""
    with _TRACING:
        if isinstance(example, Mapping):
            return trace(model, **example)
        return trace(model, *(example if isinstance(example, tuple) else (example,)))

"""Lightning: a callback that watches `Trainer.fit`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from typing_extensions import Unpack, override

from epochgraph.errors import MissingPackageError, SettingError
from epochgraph.runs import Setting
from epochgraph.watch import Watch, Watched, WatchOptions

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning_utilities.core.rank_zero import rank_zero_info, rank_zero_warn
except ImportError as error:
    raise MissingPackageError("lightning", "lightning") from error


class ForecastCallback(Callback):
    """Watches a training by Lightning's `Trainer`, as `epochgraph.Watch` does a loop of one's own.

    After each epoch it measures the network and writes the run, with the metrics that were logged, to the store; it
    logs `forecast`, `forecast_low`, `forecast_high`, `degree/...` and `centrality/...` through the module, so that
    every logger has them, and callbacks can monitor them. With `stop=True` it sets `trainer.should_stop`, after all
    ranks have agreed; otherwise it only says what it would have done.

    Resume with `trainer.fit(..., ckpt_path=...)`: the run goes on under its name, from what is in the store.

    Args:
        store: Folder of the runs.
        run: Name of the run; None for the one of the logger, with its version.
        example: What the network's forward pass takes (see `Watch`); None for the module's `example_input_array`.
        network: Name of the module's attribute that is the network; None for the only one that has parameters, or else
            the module itself. It is the network that is traced, not the loss.
        settings: Of the run, beside the module's hyper-parameters that are plain values.
        options: As in `Watch`: predictor, threshold, best, rate, stop, extraction.

    Attributes:
        watch: What watches, once training has begun.
        answer: What it said last.
    """

    def __init__(
        self,
        store: Path | str,
        *,
        run: str | None = None,
        example: object = None,
        network: str | None = None,
        settings: Mapping[str, Setting] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        self.store = store
        self.run = run
        self.example = example
        self.network = network
        self.settings = dict(settings or {})
        self.options = options
        self.watch: Watch | None = None
        self.answer: Watched | None = None
        self._state: Mapping[str, Any] | None = None
        self._seen: dict[str, Tensor] = {}
        self._failed = False

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._failed = False
        self.run = self.run or _logged_as(trainer)
        budget = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        example = pl_module.example_input_array if self.example is None else self.example
        if example is None:
            raise SettingError("example", None, "given, or the module's `example_input_array`")
        network, completed = _network(pl_module, self.network), trainer.current_epoch
        settings = {**_plain(pl_module.hparams), **self.settings}
        self.watch = Watch(
            network,
            example,
            run=self.run,
            store=self.store,
            settings=settings,
            budget=budget,
            start=completed,
            **self.options,
        )
        known = (self.watch.epoch or 0) if self.watch.resumed else -1
        if self._state is not None and known < self._state["epoch"]:  # the store is another one, or older
            self.watch.load_state_dict(self._state["watch"])
        if self.watch.epoch is not None and self.watch.epoch < completed:
            self.watch(completed)  # the job was killed between a checkpoint and its snapshot
        self._seen = dict(trainer.callback_metrics)

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._add_late(trainer)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the snapshot here, where there is validation: checkpoints are written next, and it is to be in them."""
        if self.watch is not None and trainer.state.fn == "fit" and trainer.is_last_batch:
            self.answer = self.watch(trainer.current_epoch + 1, **self._measured(trainer))

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.watch is None:
            return
        epoch, measured = trainer.current_epoch + 1, self._measured(trainer)
        taken = self.answer is not None and self.answer.epoch == epoch
        self.answer = self.watch.log(**measured) if taken else self.watch(epoch, **measured)
        pl_module.log_dict(dict(self.answer.scalars))
        for warning in self.answer.warnings:
            rank_zero_warn(f"epoch {self.answer.epoch:g}: {warning}")
        rank_zero_info(str(self.answer))
        stop = trainer.strategy.reduce_boolean_decision(self.answer.stop, all=False)
        trainer.should_stop = trainer.should_stop or stop

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._add_late(trainer)
        if self.watch is not None and not self._failed:
            rank_zero_info(f"{self.run}: {self.watch.finish()}")

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._failed = True  # it may go on

    @override
    def state_dict(self) -> dict[str, Any]:
        """The run's name, and its record; the weights that snapshots are compared with stay in the store."""
        if self.watch is None:
            return {}
        record = self.watch.state_dict()
        return {"run": self.run, "epoch": self.watch.epoch, "watch": {**record, "weights": {}} if record else {}}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict:
            self.run = self.run or state_dict["run"]
            self._state = state_dict if state_dict["run"] == self.run else None

    def _measured(self, trainer: Trainer) -> dict[str, float]:
        """The metrics that were logged since this was asked last; `callback_metrics` keeps those of earlier epochs."""
        metrics = dict(trainer.callback_metrics)
        fresh = {name: float(value) for name, value in metrics.items() if value is not self._seen.get(name)}
        self._seen = metrics
        own = self.answer.scalars if self.answer else {}
        double = {f"{name}{ending}" for name in fresh for ending in ("_step", "_epoch")}
        return {name: value for name, value in fresh.items() if name not in own and name not in double}

    def _add_late(self, trainer: Trainer) -> None:
        """Record what the module logged at the end of an epoch, after this callback was called."""
        late = self._measured(trainer)
        if late and self.answer is not None and self.watch is not None:
            self.watch.log(**late)


def _logged_as(trainer: Trainer) -> str:
    """What the logger calls this run."""
    if trainer.logger is None or trainer.logger.version is None:
        raise SettingError("run", None, "given, as the trainer has no logger whose version tells runs apart")
    version = trainer.logger.version
    parts = [str(trainer.logger.name or "run"), f"version_{version}" if isinstance(version, int) else str(version)]
    return "-".join(parts).replace("/", "-")


def _network(module: LightningModule, name: str | None) -> nn.Module:
    """The network inside a module."""
    if name is not None:
        found = getattr(module, name, None)
        if not isinstance(found, nn.Module):
            known = ", ".join(name for name, _ in module.named_children()) or "none"
            raise SettingError("network", name, f"a network that the module has: {known}")
        return found
    children: list[nn.Module] = [child for child in module.children() if next(child.parameters(), None) is not None]
    own = list(module.parameters(recurse=False))
    inner: nn.Module = children[0] if len(children) == 1 and not own else module
    return inner


def _plain(settings: Mapping[str, object]) -> dict[str, Setting]:
    """Those of the hyper-parameters that are plain values."""
    return {name: value for name, value in settings.items() if isinstance(value, Setting)}

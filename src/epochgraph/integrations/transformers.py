"""transformers: a callback that watches `Trainer.train`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from typing_extensions import Unpack, override

from epochgraph.errors import MissingPackageError, SettingError
from epochgraph.files import atomic_write
from epochgraph.runs import Setting
from epochgraph.watch import Watch, Watched, WatchOptions

try:
    from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
except ImportError as error:
    raise MissingPackageError("transformers", "transformers") from error

Clock = Literal["epochs", "steps"]

SIDECAR = "epochgraph.pt"
"""What lies in a checkpoint's folder, for a training that goes back to it."""

SETTINGS = (
    *("learning_rate", "weight_decay", "warmup_steps", "per_device_train_batch_size", "gradient_accumulation_steps"),
    *("max_grad_norm", "label_smoothing_factor", "seed", "bf16", "fp16"),
)
"""Training arguments that are settings of the run."""

OF_THE_MACHINE = ("runtime", "per_second", "preparation_time", "flos")
"""How metrics end that say nothing of the network."""


class ForecastCallback(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Watches a training by the Trainer of transformers, as `epochgraph.Watch` does a loop of one's own.

    It takes a snapshot whenever the model is evaluated, with the metrics of that and the last training loss, or after
    each epoch if it never is. The forecast and the features of the graph are added to `state.log_history`, which
    becomes `trainer_state.json`; `report_to(trainer)` gives them to its loggers, too. With `stop=True` it asks the
    trainer to stop where the decision is to stop.

    Resume as ever: the run goes on under its name, from what is in the store and beside the checkpoint.

    Args:
        store: Folder of the runs.
        run: Name of the run; None for the `run_name` of the arguments, or the name of the output's folder.
        example: What the model's forward pass takes (see `Watch`); None for the model's `dummy_inputs`, which are of
            text.
        clock: What time is counted in: "epochs", or "steps" where the arguments say `max_steps`; None for whichever the
            arguments say.
        settings: Of the run, beside some of the arguments.
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
        clock: Clock | None = None,
        settings: Mapping[str, Setting] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        self.store = store
        self.run = run
        self.example = example
        self.clock = clock
        self.settings = dict(settings or {})
        self.options = options
        self.watch: Watch | None = None
        self.answer: Watched | None = None
        self._losses: dict[str, float] = {}
        self._log: Callable[[dict[str, float]], None] | None = None

    def report_to(self, trainer: Trainer) -> None:
        """Log the forecast and the features of the graph as the trainer logs: to TensorBoard, Weights & Biases, ...

        A callback is not shown its trainer, so this cannot happen by itself.

        Examples:
            >>> trainer = Trainer(model, callbacks=[callback])  # doctest: +SKIP
            >>> callback.report_to(trainer)  # doctest: +SKIP
        """
        self._log = trainer.log

    @override
    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **_: object,
    ) -> None:
        example = getattr(model, "dummy_inputs", None) if self.example is None else self.example
        if model is None or example is None:
            raise SettingError("example", None, "given: the model has no `dummy_inputs`")
        steps = self._in_steps(args)
        of_arguments = {name: value for name in SETTINGS if isinstance(value := getattr(args, name, None), Setting)}
        settings = {**of_arguments, "clock": "steps" if steps else "epochs", **self.settings}
        self.watch = Watch(
            model,
            example,
            run=self.run or args.run_name or Path(args.output_dir or ".").resolve().name,
            store=self.store,
            settings=settings,
            budget=float(state.max_steps if steps else args.num_train_epochs),
            start=self._now(args, state),
            **self.options,
        )
        sidecar = _sidecar(args, state)
        if state.global_step and sidecar.exists():
            self.watch.load_state_dict(torch.load(sidecar, weights_only=True))

    @override
    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: object,
    ) -> None:
        said = {name: value for name, value in (logs or {}).items() if name in ("loss", "grad_norm")}
        self._losses |= said
        now = self._now(args, state)
        if said and self.watch is not None and not _evaluates(args) and self.watch.epoch == now:
            self._answered(self.watch.log(**said), state, control)

    @override
    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, float] | None = None,
        **_: object,
    ) -> None:
        now = self._now(args, state)
        if self.watch is not None and now > 0:
            of_the_model = {
                name: value
                for name, value in (metrics or {}).items()
                if name != "epoch" and not name.endswith(OF_THE_MACHINE) and isinstance(value, int | float)
            }
            self._answered(self.watch(now, **{**self._losses, **of_the_model}), state, control)

    @override
    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if self.watch is not None and not _evaluates(args):
            self._answered(self.watch(self._now(args, state)), state, control)

    @override
    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        sidecar = _sidecar(args, state)
        if self.watch is None or not state.is_local_process_zero or not sidecar.parent.exists():
            return
        with atomic_write(sidecar) as temporary:
            torch.save(self.watch.state_dict(), temporary)

    @override
    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if self.watch is not None:
            self.watch.finish()

    def _answered(self, answer: Watched, state: TrainerState, control: TrainerControl) -> None:
        self.answer = answer
        if self._log is not None:
            self._log(dict(answer.scalars))
        else:
            state.log_history.append({"epoch": state.epoch, "step": state.global_step, **answer.scalars})
        control.should_training_stop = control.should_training_stop or answer.stop

    def _in_steps(self, args: TrainingArguments) -> bool:
        return self.clock == "steps" or (self.clock is None and args.max_steps > 0)

    def _now(self, args: TrainingArguments, state: TrainerState) -> float:
        """The time by the clock; a share of an epoch is rounded, so that whole ones are whole."""
        return float(state.global_step) if self._in_steps(args) else round(float(state.epoch or 0), 6)


def _evaluates(args: TrainingArguments) -> bool:
    return str(getattr(args.eval_strategy, "value", args.eval_strategy)) != "no"


def _sidecar(args: TrainingArguments, state: TrainerState) -> Path:
    return Path(args.output_dir or ".") / f"checkpoint-{state.global_step}" / SIDECAR

"""Task + plan + network -> reports: the one loop that trains all networks of a zoo."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from epochgraph.errors import SettingError
from epochgraph.zoo.optimizers import Descent, Plan
from epochgraph.zoo.randomness import Stream, generator, global_randomness
from epochgraph.zoo.tasks.task import Batch, Examples, Task

EVALUATION_BATCH = 250


class LossAndMetric(NamedTuple):
    """The mean loss, and the task's metric, which is NaN if the loss itself is the metric."""

    loss: float
    metric: float


@dataclass(frozen=True, slots=True)
class Report:
    """How good a network is at a moment of its training.

    A network that has diverged has losses of NaN, and the metric of chance.

    Attributes:
        epoch: Completed passes over the training examples; 0 is the initial network, 0.25 a quarter of the first.
        steps: Completed steps.
        train: On the training examples: at epoch 0 of the initial network; later the mean over the steps of the epoch
            so far, with all augmentation and dropout.
        since_last: The mean training loss over the steps since the last report; at epoch 0 the loss of the network.
        validation: On the validation examples, in evaluation mode.
        test: On the test examples, in evaluation mode.
        learning_rate: The learning rate of the last step; at epoch 0 of the first.
        seconds: How long the steps of the epoch so far took, without evaluation.
        core_seconds: The processor time of these steps, summed over cores.
    """

    epoch: float
    steps: int
    train: LossAndMetric
    since_last: float
    validation: LossAndMetric
    test: LossAndMetric
    learning_rate: float
    seconds: float
    core_seconds: float


BeforeStep = Callable[[nn.Module, int], None]
"""Called once the gradients of a step are computed, with the network and the number of steps to the next report."""


class Training:
    """One run, which can be interrupted after any whole epoch and resumed.

    While the caller has a report, the model holds the weights that it is about, in evaluation mode: take a snapshot
    before asking for the next. A run whose loss is no longer finite has diverged. This is not an error: the step that
    follows from that loss is taken, so that the weights show it; then training stops, and reports continue.

    Torch's global random numbers, which dropout draws from, are swapped while steps are computed, never between two
    reports; runs may take turns.

    Args:
        model: Its weights are changed.
        task: What to learn.
        plan: How to train.
        looks: Epochs after which to report, fractions allowed; the ends of epochs are always included.
        before_step: Called in every step, as `BeforeStep` says.

    Raises:
        SettingError: The looks do not increase between 0 and the last epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        plan: Plan,
        *,
        looks: Sequence[float] = (),
        before_step: BeforeStep | None = None,
    ) -> None:
        self.model = model
        self.task = task
        self.plan = plan
        self.looks = _looks(looks, plan.epochs)
        self.epoch = 0
        self.steps = 0
        self.diverged = False
        self._before_step = before_step
        self._steps_of_epoch = math.ceil(len(task.train) / plan.batch_size)
        self._descent = Descent(model, plan, plan.epochs * self._steps_of_epoch)
        self._order = generator(plan.seed, Stream.BATCHES)
        self._dropped = generator(plan.seed, Stream.DROPOUT)

    def reports(self) -> Iterator[Report]:
        """Train on from where the run is: the initial report comes first if it is at its start."""
        if self.epoch == 0:
            learned = self._evaluated(self.task.train)
            self.diverged = not math.isfinite(learned.loss)
            rate = self._descent.learning_rate
            yield self._report(0, learned, learned.loss, rate, _Stopwatch())
        while self.epoch < self.plan.epochs:
            yield from self._next_epoch()

    def state(self) -> dict[str, Any]:
        """Everything that decides on the rest of the run, once an epoch has been reported: tensors and plain values."""
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "diverged": self.diverged,
            "model": self.model.state_dict(),
            "descent": self._descent.state(),
            "order": self._order.get_state(),
            "dropped": self._dropped.get_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of another run with the same model, task and plan."""
        self.epoch, self.steps, self.diverged = state["epoch"], state["steps"], state["diverged"]
        self.model.load_state_dict(state["model"])
        self._descent.restore(state["descent"])
        self._order.set_state(state["order"])
        self._dropped.set_state(state["dropped"])
        self.model.eval()

    def _next_epoch(self) -> Iterator[Report]:
        batches = self.task.batches(self.plan.batch_size, self._order)
        sums, stopwatch, rate, done = _Sums(self.task), _Stopwatch(), self._descent.learning_rate, 0
        for look in [look for look in self.looks if self.epoch < look <= self.epoch + 1]:
            due = math.ceil((look - self.epoch) * self._steps_of_epoch)
            earlier = sums.so_far()
            with stopwatch:
                rate = self._learn(islice(batches, due - done), due - done, sums) or rate
            done = due
            if look == self.epoch + 1:
                self.epoch += 1
            yield self._report(look, sums.loss_and_metric(), sums.mean_loss_since(earlier), rate, stopwatch)

    def _learn(self, batches: Iterable[Batch], count: int, sums: "_Sums") -> float | None:
        """Take one step per batch while the loss is finite; returns the learning rate of the last step, if any."""
        rate = None
        if self.diverged:
            sums.diverge()
            return rate
        self.model.train()
        with global_randomness(self._dropped):
            for number, (inputs, targets) in enumerate(batches, start=1):
                self._descent.zero_grad()
                outputs = self.model(inputs)
                loss = self.task.loss(outputs, targets, self.plan.label_smoothing)
                torch.autograd.backward(loss)
                if self._before_step is not None:
                    self._before_step(self.model, count - number)
                rate = self._descent.learning_rate
                self._descent.step()
                self.steps += 1
                sums.add(outputs, targets, loss)
                if not math.isfinite(sums.loss):
                    self.diverged = True
                    break
        return rate

    def _report(
        self, epoch: float, learned: LossAndMetric, since_last: float, rate: float, stopwatch: "_Stopwatch"
    ) -> Report:
        """Evaluate the network as it is, unless it has diverged."""
        self.model.eval()
        validation = test = learned
        if not self.diverged:
            validation, test = self._evaluated(self.task.validation), self._evaluated(self.task.test)
        spent = stopwatch.seconds, stopwatch.core_seconds
        return Report(float(epoch), self.steps, learned, since_last, validation, test, rate, *spent)

    @torch.inference_mode()
    def _evaluated(self, examples: Examples) -> LossAndMetric:
        self.model.eval()
        sums = _Sums(self.task)
        batches = (torch.split(values, EVALUATION_BATCH) for values in (examples.inputs, examples.targets))
        for inputs, targets in zip(*batches, strict=True):
            outputs = self.model(self.task.prepared(inputs))
            sums.add(outputs, targets, self.task.loss(outputs, targets, 0.0))
        return sums.loss_and_metric()


def _looks(looks: Sequence[float], epochs: int) -> tuple[float, ...]:
    """The looks, and the end of every epoch, in order."""
    if not all(before < after for before, after in pairwise((0.0, *looks))) or max(looks, default=0) > epochs:
        raise SettingError("looks", list(looks), f"increasing numbers above 0, at most {epochs}")
    return tuple(sorted({*map(float, looks), *map(float, range(1, epochs + 1))}))


class _Stopwatch:
    """Adds up the time that blocks of code take."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.core_seconds = 0.0

    def __enter__(self) -> None:
        self._begin = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._begin[0]
        self.core_seconds += time.process_time() - self._begin[1]


class _Sums:
    """Adds up the losses and metrics of batches."""

    def __init__(self, task: Task) -> None:
        self.loss = 0.0
        self.of_metric = 0.0
        self.count = 0
        self.metric = task.metric

    def add(self, outputs: Tensor, targets: Tensor, loss: Tensor) -> None:
        self.loss += loss.item() * len(targets)
        self.count += len(targets)
        if self.metric is not None:
            self.of_metric += float(self.metric.of(outputs.detach(), targets).sum())

    def diverge(self) -> None:
        self.loss = math.nan

    def so_far(self) -> tuple[float, int]:
        """The sum of the losses, and the number of examples."""
        return self.loss, self.count

    def mean_loss_since(self, earlier: tuple[float, int]) -> float:
        """The mean loss of the examples that were added since the sums were these."""
        loss, count = earlier
        if self.count == count or not math.isfinite(self.loss):
            return math.nan
        return (self.loss - loss) / (self.count - count)

    def loss_and_metric(self) -> LossAndMetric:
        """The means; those of chance if the loss is not finite."""
        if not math.isfinite(self.loss) or not self.count:
            return LossAndMetric(math.nan, self.metric.chance if self.metric else math.nan)
        metric = self.metric.finished(self.of_metric / self.count) if self.metric else math.nan
        return LossAndMetric(self.loss / self.count, metric)

"""Many small networks of one architecture trained side by side, so that a GPU is busy.

Each network gets the images, crops and flips that `Training` would give it, and takes the same steps, except that sums
are rounded differently and dropout drops other values. So the runs of a population may be trained either way.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import islice, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from epochgraph.errors import SettingError
from epochgraph.zoo.batches import draws, inputs
from epochgraph.zoo.capture import Captured
from epochgraph.zoo.datasets import Dataset, Split
from epochgraph.zoo.randomness import Stream, generator, global_randomness
from epochgraph.zoo.settings import (
    EpochReport,
    LossAndAccuracy,
    TrainingSettings,
    increasing,
    loss_and_accuracy,
    stretches,
)
from epochgraph.zoo.stack import Descent, Draws, Named, Stack, judged
from epochgraph.zoo.training import EVALUATION_BATCH

OWN = ("learning_rate", "dropout", "seed")
"""The settings in which the networks of an ensemble may differ."""


def groups(settings: Iterable[TrainingSettings], size: int) -> list[tuple[TrainingSettings, ...]]:
    """Divide runs into groups that may be trained side by side, of similar size, in the order of their first runs.

    Args:
        settings: The settings of each run.
        size: The largest number of runs in a group.
    """
    alike: dict[tuple[object, ...], list[tuple[int, TrainingSettings]]] = {}
    for place, own in enumerate(settings):
        common = tuple(getattr(own, field.name) for field in fields(own) if field.name not in OWN)
        alike.setdefault(common, []).append((place, own))
    found = []
    for members in alike.values():
        count = math.ceil(len(members) / size)
        bounds = [len(members) * number // count for number in range(count + 1)]
        found += [members[begin:end] for begin, end in pairwise(bounds)]
    return [tuple(own for _, own in group) for group in sorted(found, key=lambda group: group[0][0])]


class Ensemble:
    """Runs of SGD side by side, which can be interrupted after any epoch and resumed.

    While the caller has the reports, each model holds the weights and buffers that its report is about, in evaluation
    mode. A network whose loss is no longer finite has diverged, as in `Training`: it takes the step that follows from
    that loss, and no more; the others continue.

    Dropout draws from the random numbers of the device, for all networks at once: what it drops depends on the other
    networks of the group. Without dropout, they only affect rounding.

    Args:
        models: Networks on the CPU that differ in their weights and dropout only; their weights are changed.
        split: What to train and evaluate on.
        settings: How to train each network. They differ in learning rate, dropout and seed only; width and dropout are
            for `build`, as in `Training`.
        fractions: Shares of the first epoch after which to report too.
        device: Where to train.
        captured: Whether to launch the steps on a GPU as a whole, as `Captured` does.

    Raises:
        SettingError: The networks are not alike, the settings are not one for each or differ in something else, or the
            fractions do not increase between 0 and 1.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        split: Split,
        settings: Sequence[TrainingSettings],
        *,
        fractions: Sequence[float] = (),
        device: torch.device | str = "cpu",
        captured: bool = True,
    ) -> None:
        _check(settings, len(models))
        self.models = tuple(models)
        self.settings = tuple(settings)
        self.fractions = increasing(fractions)
        self.epoch = 0
        self._device = torch.empty(0, device=device).device  # with its number, if it has one
        self._split = Split(*(_on(self._device, part) for part in (split.train, split.validation, split.test)))
        self._stack = Stack(models, self._device)
        self._descent = Descent(self._stack, self._split.train, settings)
        self._step: Callable[[Draws], None] = self._descent.step
        if self._device.type == "cuda" and captured:
            self._step = Captured(self._descent.step, (4, len(models), settings[0].batch_size), self._device)
        self._orders = [generator(own.seed, Stream.BATCHES) for own in settings]
        seeds = [generator(own.seed, Stream.DROPOUT).initial_seed() for own in settings]
        self._dropped = torch.Generator(self._device).manual_seed(sum(seeds) % 2**63)

    def reports(self) -> Iterator[list[EpochReport]]:
        """Continue training: the initial reports come first if the runs are at their start.

        Yields:
            One report per network, in order. Its seconds are the network's share of the time that all have taken.
        """
        if self.epoch == 0:
            loss, right = self._evaluate(self._split.train)
            self._descent.finite &= loss.isfinite()
            yield self._report(0, self._losses_and_accuracies(loss, right, len(self._split.train)), seconds=0.0)
        while self.epoch < self.settings[0].epochs:
            yield from self._next_epoch()

    def state(self) -> dict[str, Any]:
        """What determines the rest of the runs, once an epoch has been reported: tensors and plain values."""
        return {
            "epoch": self.epoch,
            "tensors": {name: tensor.cpu() for name, tensor in self._tensors().items()},
            "orders": [order.get_state() for order in self._orders],
            "dropped": self._dropped.get_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of another ensemble with the same models and settings."""
        self.epoch = state["epoch"]
        for name, tensor in self._tensors().items():
            tensor.copy_(state["tensors"][name])  # in place: a captured step has its address
        for order, own in zip(self._orders, state["orders"], strict=True):
            order.set_state(own)
        self._dropped.set_state(state["dropped"])
        self._stack.write()

    def _tensors(self) -> Named:
        """What the steps change in the networks."""
        own = {"weights": self._stack.weights, "velocity": self._descent.velocity, "finite": self._descent.finite}
        return own | {f"buffers.{name}": buffer for name, buffer in self._stack.buffers.items()}

    def _next_epoch(self) -> Iterator[list[EpochReport]]:
        count, batches, seconds = 0, self._batches(), 0.0
        steps_of_epoch = math.ceil(len(self._split.train) / self.settings[0].batch_size)
        self._descent.loss.zero_()
        self._descent.right.zero_()
        for fraction, steps in stretches(self.epoch, self.fractions, steps_of_epoch):
            begin = time.perf_counter()
            count += self._learn(islice(batches, steps))
            learned = self._losses_and_accuracies(self._descent.loss, self._descent.right, count)  # waits for the GPU
            seconds += (time.perf_counter() - begin) / len(self.models)
            if fraction < 1:
                yield self._report(fraction, learned, seconds=seconds)
        self.epoch += 1
        yield self._report(self.epoch, learned, seconds=seconds)

    def _batches(self) -> Iterator[Draws]:
        """The draws for the batches of one epoch, side by side."""
        one = self.settings[0]
        of_each = [
            draws(
                len(self._split.train),
                padding=one.crop_padding,
                batch_size=one.batch_size,
                flip=one.flip,
                generator=order,
            )
            for order in self._orders
        ]
        for together in zip(*of_each, strict=True):
            yield torch.stack(together, dim=1)

    def _learn(self, batches: Iterable[Draws]) -> int:
        """Take one step per batch, and count the images that each network saw; the device may still be working."""
        count = 0
        with _arithmetic(self._device), global_randomness(self._dropped):
            for batch in batches:
                self._step(batch)
                count += batch.shape[2]
        return count

    @torch.no_grad()
    def _evaluate(self, dataset: Dataset) -> tuple[Tensor, Tensor]:
        """The sums of the losses and of the right answers on all images, one per network."""
        loss, right = torch.zeros_like(self._descent.loss), torch.zeros_like(self._descent.right)
        parameters = self._stack.parameters()
        batches = (torch.split(values, EVALUATION_BATCH) for values in (dataset.images, dataset.labels))
        with _arithmetic(self._device):
            for images, labels in zip(*batches, strict=True):
                outputs = self._stack.outputs(parameters, self._stack.buffers, inputs(images), training=False)
                losses, answers = judged(outputs, labels.expand(len(self.models), -1))
                loss += losses.double() * len(labels)
                right += answers
        return loss, right

    def _report(self, epoch: float, learned: list[LossAndAccuracy], *, seconds: float) -> list[EpochReport]:
        """Evaluate the networks as they are; those that have diverged are no better than chance."""
        self._stack.write()
        validation = self._losses_and_accuracies(*self._evaluate(self._split.validation), len(self._split.validation))
        test = self._losses_and_accuracies(*self._evaluate(self._split.test), len(self._split.test))
        chance = loss_and_accuracy(math.nan, 0, 0, classes=len(self._split.train.classes))
        reports = []
        for n, (own, finite) in enumerate(zip(self.settings, self._descent.finite.tolist(), strict=True)):
            found = (learned[n], validation[n], test[n]) if finite else (chance, chance, chance)
            reports.append(EpochReport(float(epoch), *found[0], *found[1], *found[2], own.learning_rate, seconds))
        return reports

    def _losses_and_accuracies(self, loss: Tensor, right: Tensor, count: int) -> list[LossAndAccuracy]:
        classes = len(self._split.train.classes)
        return [
            loss_and_accuracy(*sums, count, classes=classes) for sums in zip(loss.tolist(), right.tolist(), strict=True)
        ]


@contextmanager
def _arithmetic(device: torch.device) -> Iterator[None]:
    """On a GPU, let products be computed with TF32, and let the fastest convolutions be found by trial."""
    if device.type != "cuda":
        yield
        return
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=True):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


def _on(device: torch.device, dataset: Dataset) -> Dataset:
    return Dataset(dataset.images.to(device), dataset.labels.to(device), dataset.classes)


def _check(settings: Sequence[TrainingSettings], networks: int) -> None:
    if len(settings) != networks:
        raise SettingError("settings", f"{len(settings)} for {networks} networks", "one for each network")
    for field in fields(TrainingSettings):
        found = {getattr(own, field.name) for own in settings}
        if field.name not in OWN and len(found) > 1:
            raise SettingError(field.name, sorted(found), "the same for all networks of an ensemble")

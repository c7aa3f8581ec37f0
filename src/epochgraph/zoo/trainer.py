"""Split + settings -> a network trained epoch by epoch, by SGD with momentum on cropped and mirrored images.

One seed decides on everything: the initial weights, order and crops of the images, and what dropout drops. With the
same number of threads on the same machine, the same settings give the same weights bit by bit.
"""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from epochgraph.zoo.architectures import Architecture
from epochgraph.zoo.batches import Inputs, inputs, padded, shuffled_batches
from epochgraph.zoo.datasets import Dataset, Labels, Split
from epochgraph.zoo.randomness import Stream, generator, global_randomness
from epochgraph.zoo.settings import EpochReport, Scores, TrainingSettings, increasing, scores, stretches

EVALUATION_BATCH = 250


def build(architecture: Architecture, split: Split, settings: TrainingSettings) -> nn.Module:
    """Make a network for the images of a split, with initial weights that only the seed decides on.

    Torch's global random numbers are left as they are.

    Args:
        architecture: One of `ARCHITECTURES`, or a function like them.
        split: Tells the number of classes, and the channels and size of the images.
        settings: Tells the width, dropout, seed and initialization.

    Raises:
        SettingError: The images are too small for the architecture.
    """
    with global_randomness(generator(settings.seed, Stream.WEIGHTS)):
        model = architecture(
            classes=len(split.train.classes),
            channels=split.train.channels,
            image_size=split.train.image_size,
            width=settings.width,
            dropout=settings.dropout,
        )
        if settings.initialization == "he":
            model.apply(_initialize)
    return model


def _initialize(layer: nn.Module) -> None:
    """He's initial weights, and biases of zero."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def train(
    model: nn.Module, split: Split, settings: TrainingSettings, *, fractions: Sequence[float] = ()
) -> Iterator[EpochReport]:
    """Train a network, and report on it at first and after every epoch: `Training` for a run in one go.

    Args:
        model: Its weights are changed. It is trained as it is: width and dropout of `settings` are for `build`.
        split: What to train and evaluate on.
        settings: How to train.
        fractions: Shares of the first epoch after which to report too.

    Yields:
        1 + `settings.epochs` reports, and one for each fraction.

    Raises:
        SettingError: The fractions do not increase between 0 and 1.

    Example:
        >>> from epochgraph.zoo import DigitsNet, read_digits
        >>> digits = read_digits()
        >>> settings = TrainingSettings(learning_rate=0.1, epochs=2, crop_padding=0, flip=False)
        >>> model = build(DigitsNet, digits, settings)
        >>> [report.epoch for report in train(model, digits, settings, fractions=[0.5])]
        [0.0, 0.5, 1.0, 2.0]
    """
    return Training(model, split, settings, fractions=fractions).reports()


class Training:
    """One run of SGD, which can be left after any epoch and taken up again.

    While the caller has a report, the model holds the weights that it is about, in evaluation mode: take a snapshot
    before asking for the next. A run whose loss is no longer finite has diverged. It is not an error: the step that
    follows from that loss is taken, so that the weights show it, no further work is done, and reports keep coming.

    Torch's global random numbers, which dropout draws from, are swapped while steps are computed, never between two
    reports; runs may take turns.

    Args:
        model: Its weights are changed.
        split: What to train and evaluate on.
        settings: How to train.
        fractions: Shares of the first epoch after which to report too.

    Raises:
        SettingError: The fractions do not increase between 0 and 1.
    """

    def __init__(
        self, model: nn.Module, split: Split, settings: TrainingSettings, *, fractions: Sequence[float] = ()
    ) -> None:
        self.model = model
        self.split = split
        self.settings = settings
        self.fractions = increasing(fractions)
        self.epoch = 0
        self.diverged = False
        self._optimizer = torch.optim.SGD(model.parameters(), lr=settings.learning_rate, momentum=settings.momentum)
        self._order = generator(settings.seed, Stream.BATCHES)
        self._dropped = generator(settings.seed, Stream.DROPOUT)
        self._images = padded(split.train.images, settings.crop_padding)

    def reports(self) -> Iterator[EpochReport]:
        """Train on from where the run is: the initial report comes first if it is at its start."""
        if self.epoch == 0:
            learned = _evaluate(self.model, self.split.train)
            self.diverged = not math.isfinite(learned.loss)
            yield self._report(0, learned, seconds=0.0)
        while self.epoch < self.settings.epochs:
            yield from self._next_epoch()

    def state(self) -> dict[str, Any]:
        """Everything that decides on the rest of the run, once an epoch has been reported: tensors and plain values."""
        return {
            "epoch": self.epoch,
            "diverged": self.diverged,
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "order": self._order.get_state(),
            "dropped": self._dropped.get_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be where another run of the same model and settings was when it told its `state`."""
        self.epoch, self.diverged = state["epoch"], state["diverged"]
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._order.set_state(state["order"])
        self._dropped.set_state(state["dropped"])
        self.model.eval()

    def _next_epoch(self) -> Iterator[EpochReport]:
        settings, labels = self.settings, self.split.train.labels
        batches = shuffled_batches(
            self._images,
            labels,
            padding=settings.crop_padding,
            batch_size=settings.batch_size,
            flip=settings.flip,
            generator=self._order,
        )
        tally, seconds = _Tally(len(self.split.train.classes)), 0.0
        for fraction, steps in stretches(self.epoch, self.fractions, math.ceil(len(labels) / settings.batch_size)):
            begin = time.perf_counter()
            self._learn(islice(batches, steps), tally)
            seconds += time.perf_counter() - begin
            if fraction < 1:
                yield self._report(fraction, tally.scores(), seconds=seconds)
        self.epoch += 1
        yield self._report(self.epoch, tally.scores(), seconds=seconds)

    def _learn(self, batches: Iterable[tuple[Inputs, Labels]], tally: "_Tally") -> None:
        """Take one step a batch, until the loss is no longer finite."""
        if self.diverged:
            tally.diverge()
            return
        self.model.train()
        with global_randomness(self._dropped):
            for images, labels in batches:
                self._optimizer.zero_grad()
                outputs = self.model(images)
                loss = functional.cross_entropy(outputs, labels)
                torch.autograd.backward(loss)
                self._optimizer.step()
                tally.add(outputs, labels, loss)
                if not math.isfinite(tally.loss):
                    self.diverged = True
                    return

    def _report(self, epoch: float, learned: Scores, *, seconds: float) -> EpochReport:
        """Evaluate the network as it is, unless it has diverged."""
        self.model.eval()
        validation = test = learned
        if not self.diverged:
            validation, test = _evaluate(self.model, self.split.validation), _evaluate(self.model, self.split.test)
        return EpochReport(float(epoch), *learned, *validation, *test, self.settings.learning_rate, seconds)


@torch.inference_mode()
def _evaluate(model: nn.Module, dataset: Dataset) -> Scores:
    model.eval()
    tally = _Tally(len(dataset.classes))
    batches = (torch.split(values, EVALUATION_BATCH) for values in (dataset.images, dataset.labels))
    for images, labels in zip(*batches, strict=True):
        outputs = model(inputs(images))
        tally.add(outputs, labels, functional.cross_entropy(outputs, labels))
    return tally.scores()


class _Tally:
    """Adds up the scores of batches."""

    def __init__(self, classes: int) -> None:
        self.loss = 0.0
        self.right = self.count = 0
        self.classes = classes

    def add(self, outputs: Tensor, labels: Labels, loss: Tensor) -> None:
        self.loss += loss.item() * len(labels)
        self.right += int((outputs.argmax(1) == labels).sum())
        self.count += len(labels)

    def diverge(self) -> None:
        self.loss = math.nan

    def scores(self) -> Scores:
        return scores(self.loss, self.right, self.count, classes=self.classes)

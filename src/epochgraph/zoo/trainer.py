"""Split + settings -> a network trained epoch by epoch, by SGD with momentum on cropped and mirrored images.

One seed decides on everything: the initial weights, order and crops of the images, and what dropout drops. With the
same number of threads on the same machine, the same settings give the same weights bit by bit.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from epochgraph.errors import SettingError
from epochgraph.zoo.architectures import Architecture
from epochgraph.zoo.batches import Inputs, crops, inputs, shuffled_batches
from epochgraph.zoo.datasets import Dataset, Labels, Split

EVALUATION_BATCH = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How one network of a zoo is made and trained.

    Attributes:
        learning_rate: Step of SGD, above 0.
        dropout: Probability that a neuron is dropped, in [0, 1).
        epochs: Passes through the training images, at least 1.
        seed: Decides on all the randomness, at least 0.
        width: Factor of the architecture's filters and hidden neurons, above 0.
        batch_size: Images a step, at least 1.
        momentum: Share of the last step that is added to the next, in [0, 1).
        crop_padding: Black pixels around an image that is then cropped at random, at least 0.
        flip: Whether to mirror half of the images.

    Raises:
        SettingError: A value is out of its range.
    """

    learning_rate: float
    epochs: int
    dropout: float = 0.0
    seed: int = 0
    width: float = 1.0
    batch_size: int = 128
    momentum: float = 0.9
    crop_padding: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        for name in ("learning_rate", "width"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingError(name, getattr(self, name), "a number above 0")
        for name in ("dropout", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "at least 0 and below 1")
        for name, least in (("epochs", 1), ("batch_size", 1), ("seed", 0), ("crop_padding", 0)):
            if getattr(self, name) < least:
                raise SettingError(name, getattr(self, name), f"at least {least}")


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How good a network is after an epoch.

    A network that has diverged has losses of NaN, and accuracies of chance: 1 / number of classes.

    Attributes:
        epoch: Completed passes through the training images; 0 is the initial network.
        train_loss: Mean cross-entropy on the training images: of epoch 0 by the network as it is; later the mean over
            the steps of the epoch, with crops, flips and dropout.
        train_accuracy: Share of training images classified rightly, measured likewise.
        validation_loss: Mean cross-entropy on the validation images, after the epoch.
        validation_accuracy: Share of validation images classified rightly, after the epoch.
        test_accuracy: Share of test images classified rightly, after the epoch.
        seconds: How long the steps of the epoch took, without the evaluation.
    """

    epoch: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    test_accuracy: float
    seconds: float


class _Stream(IntEnum):
    """What randomness is for: each purpose has random numbers of its own, so that dropout does not change the crops."""

    WEIGHTS = 0
    BATCHES = 1
    DROPOUT = 2


def build(architecture: Architecture, split: Split, settings: TrainingSettings) -> nn.Module:
    """Make a network for the images of a split, with initial weights that only the seed decides on.

    Torch's global random numbers are left as they are.

    Args:
        architecture: One of `ARCHITECTURES`, or a function like them.
        split: Tells the number of classes, and the channels and size of the images.
        settings: Tells the width, dropout and seed.

    Raises:
        SettingError: The images are too small for the architecture.
    """
    with _global_randomness(_generator(settings.seed, _Stream.WEIGHTS)):
        return architecture(
            classes=len(split.train.classes),
            channels=split.train.channels,
            image_size=split.train.image_size,
            width=settings.width,
            dropout=settings.dropout,
        )


def train(model: nn.Module, split: Split, settings: TrainingSettings) -> Iterator[EpochReport]:
    """Train a network, and report on it at first and after every epoch.

    While the caller has the report of an epoch, `model` holds that epoch's weights, in evaluation mode: take a snapshot
    before asking for the next. A run whose loss is no longer finite has diverged. It is not an error: the step that
    follows from that loss is taken, so that the weights show it, no further work is done, and reports keep coming.

    Torch's global random numbers, which dropout draws from, are swapped while an epoch is computed, never between two
    reports; runs may take turns.

    Args:
        model: Its weights are changed. It is trained as it is: width and dropout of `settings` are for `build`.
        split: What to train and evaluate on.
        settings: How to train.

    Yields:
        1 + `settings.epochs` reports.

    Example:
        >>> from epochgraph.zoo import DigitsNet, read_digits
        >>> digits = read_digits()
        >>> settings = TrainingSettings(learning_rate=0.1, epochs=2, crop_padding=0, flip=False)
        >>> model = build(DigitsNet, digits, settings)
        >>> [report.epoch for report in train(model, digits, settings)]
        [0.0, 1.0, 2.0]
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=settings.learning_rate, momentum=settings.momentum)
    order, dropped = (_generator(settings.seed, stream) for stream in (_Stream.BATCHES, _Stream.DROPOUT))
    choices = crops(split.train.images, settings.crop_padding)
    learned = _evaluate(model, split.train)
    yield _report(model, split, 0, learned, seconds=0.0)
    for epoch in range(1, settings.epochs + 1):
        start = time.perf_counter()
        if math.isfinite(learned.loss):
            batches = shuffled_batches(
                choices, split.train.labels, batch_size=settings.batch_size, flip=settings.flip, generator=order
            )
            with _global_randomness(dropped):
                learned = _learn(model, optimizer, batches)
        yield _report(model, split, epoch, learned, seconds=time.perf_counter() - start)


class _Scores(NamedTuple):
    """Mean cross-entropy, and share of images classified rightly."""

    loss: float
    accuracy: float


def _learn(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterator[tuple[Inputs, Labels]]) -> _Scores:
    """Take one step a batch, until the loss is no longer finite."""
    model.train()
    tally = _Tally()
    for images, labels in batches:
        optimizer.zero_grad()
        outputs = model(images)
        loss = functional.cross_entropy(outputs, labels)
        torch.autograd.backward(loss)
        optimizer.step()
        tally.add(outputs, labels, loss)
        if not math.isfinite(tally.loss):
            break
    return tally.scores()


@torch.inference_mode()
def _evaluate(model: nn.Module, dataset: Dataset) -> _Scores:
    model.eval()
    tally = _Tally()
    batches = (torch.split(values, EVALUATION_BATCH) for values in (dataset.images, dataset.labels))
    for images, labels in zip(*batches, strict=True):
        outputs = model(inputs(images))
        tally.add(outputs, labels, functional.cross_entropy(outputs, labels))
    return tally.scores()


class _Tally:
    """Adds up the scores of batches."""

    def __init__(self) -> None:
        self.loss = 0.0
        self.right = self.count = self.classes = 0

    def add(self, outputs: Tensor, labels: Labels, loss: Tensor) -> None:
        self.loss += loss.item() * len(labels)
        self.right += int((outputs.argmax(1) == labels).sum())
        self.count, self.classes = self.count + len(labels), outputs.shape[1]

    def scores(self) -> _Scores:
        if not math.isfinite(self.loss):
            return _Scores(math.nan, 1 / self.classes)  # argmax of NaN would name the first class
        return _Scores(self.loss / self.count, self.right / self.count)


def _report(model: nn.Module, split: Split, epoch: int, learned: _Scores, *, seconds: float) -> EpochReport:
    """Evaluate the network after an epoch, unless it has diverged."""
    model.eval()
    validation = test = learned
    if math.isfinite(learned.loss):
        validation, test = _evaluate(model, split.validation), _evaluate(model, split.test)
    return EpochReport(float(epoch), *learned, *validation, test.accuracy, seconds)


def _generator(seed: int, stream: _Stream) -> torch.Generator:
    (number,) = np.random.SeedSequence((seed, stream)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(number))


@contextmanager
def _global_randomness(generator: torch.Generator) -> Iterator[None]:
    """Let torch's global random numbers continue those of `generator`, and then be again what they were."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator.get_state())
        yield
        generator.set_state(torch.get_rng_state())

"""Split + settings -> a network trained epoch by epoch, by SGD with momentum on cropped and mirrored images.

One seed determines everything: the initial weights, the order and crops of the images, and what dropout drops. With
the same number of threads on the same machine, the same settings give the same weights, bit by bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from epochgraph.zoo import training
from epochgraph.zoo.architectures import Architecture
from epochgraph.zoo.batches import padded, shuffled_batches
from epochgraph.zoo.datasets import Split
from epochgraph.zoo.optimizers import Plan
from epochgraph.zoo.randomness import Stream, generator, global_randomness
from epochgraph.zoo.settings import EpochReport, TrainingSettings, increasing
from epochgraph.zoo.tasks.pictures import classification, parts
from epochgraph.zoo.tasks.task import Batch, Examples, Task


def build(architecture: Architecture, split: Split, settings: TrainingSettings) -> nn.Module:
    """Build a network for the images of a split, with initial weights that depend only on the seed.

    Torch's global random numbers are left as they are.

    Args:
        architecture: One of `ARCHITECTURES`, or a function like them.
        split: Gives the number of classes, and the channels and size of the images.
        settings: Gives the width, dropout, seed and initialization.

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
    """Train a network, with reports at the start and after every epoch: `Training` for a run without interruption.

    Args:
        model: Its weights are changed. It is trained as it is: width and dropout of `settings` are for `build`.
        split: What to train and evaluate on.
        settings: How to train.
        fractions: Shares of the first epoch after which to report as well.

    Yields:
        1 + `settings.epochs` reports, and one for each fraction.

    Raises:
        SettingError: The fractions do not increase between 0 and 1.

    Examples:
        >>> from epochgraph.zoo import DigitsNet, read_digits
        >>> digits = read_digits()
        >>> settings = TrainingSettings(learning_rate=0.1, epochs=2, crop_padding=0, flip=False)
        >>> model = build(DigitsNet, digits, settings)
        >>> [report.epoch for report in train(model, digits, settings, fractions=[0.5])]
        [0.0, 0.5, 1.0, 2.0]
    """
    return Training(model, split, settings, fractions=fractions).reports()


class Training:
    """One run of SGD on images: training as in the paper, as a task and a plan for the one loop, `training.Training`.

    As there, it can be interrupted after any whole epoch, the model holds the weights that a report is about, and
    divergence is not an error.

    Args:
        model: Its weights are changed.
        split: What to train and evaluate on.
        settings: How to train.
        fractions: Shares of the first epoch after which to report as well.

    Raises:
        SettingError: The fractions do not increase between 0 and 1.
    """

    def __init__(
        self, model: nn.Module, split: Split, settings: TrainingSettings, *, fractions: Sequence[float] = ()
    ) -> None:
        self.settings = settings
        self._run = training.Training(model, _task(split, settings), _plan(settings), looks=increasing(fractions))

    def reports(self) -> Iterator[EpochReport]:
        """Continue training: the initial report comes first if the run is at its start."""
        for found in self._run.reports():
            scores = (*found.train, *found.validation, *found.test)
            yield EpochReport(found.epoch, *scores, self.settings.learning_rate, found.seconds)

    def state(self) -> dict[str, Any]:
        """Everything that determines the rest of the run, once an epoch has been reported: tensors and plain values."""
        return self._run.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of another run with the same model and settings."""
        self._run.restore(state)


def _plan(settings: TrainingSettings) -> Plan:
    return Plan(
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
        optimizer="SGD",
        arguments={"momentum": settings.momentum},
    )


def _task(split: Split, settings: TrainingSettings) -> Task:
    """The classification of a split's images, cropped and mirrored at random."""
    images = padded(split.train.images, settings.crop_padding)

    def draw(examples: Examples, batch_size: int, source: torch.Generator) -> Iterator[Batch]:
        return shuffled_batches(
            images,
            examples.targets,
            padding=settings.crop_padding,
            batch_size=batch_size,
            flip=settings.flip,
            generator=source,
        )

    return classification("images", parts(split), len(split.train.classes), draw=draw)

"""How a network of a zoo is trained, what is reported of it, and when."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from epochgraph.errors import SettingError

INITIALIZATIONS = ("default", "he")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How one network of a zoo is made and trained.

    Attributes:
        learning_rate: Learning rate of SGD, above 0.
        dropout: Probability that a neuron is dropped, in [0, 1).
        epochs: Passes over the training images, at least 1.
        seed: Random seed, at least 0.
        width: Factor for the architecture's filters and hidden neurons, above 0.
        batch_size: Images per step, at least 1.
        momentum: Share of the last step that is added to the next, in [0, 1).
        crop_padding: Black pixels around an image that is then cropped at random, at least 0.
        flip: Whether to mirror half of the images.
        initialization: Initial weights: "default" is PyTorch's; "he" keeps the variance through ReLU layers (He et al.
            2015), without which deep narrow networks without batch norm stay at chance for a long time.

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
    initialization: str = "default"

    @property
    def name(self) -> str:
        """The name of the run: its position in the grid, and the settings that vary."""
        return f"{self.seed:04d}-lr{self.learning_rate:g}-dropout{self.dropout:g}-width{self.width:g}"

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
        if self.initialization not in INITIALIZATIONS:
            raise SettingError("initialization", self.initialization, f"one of {', '.join(INITIALIZATIONS)}")


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How good a network is after an epoch.

    A network that has diverged has losses of NaN, and accuracies of chance: 1 / number of classes.

    Attributes:
        epoch: Completed passes through the training images; 0 is the initial network, 0.25 a quarter of the first.
        train_loss: Mean cross-entropy on the training images: at epoch 0 of the initial network; later the mean over
            the steps of the epoch so far, with crops, flips and dropout.
        train_accuracy: Share of training images classified correctly, measured likewise.
        validation_loss: Mean cross-entropy on the validation images, after the epoch.
        validation_accuracy: Share of validation images classified correctly, after the epoch.
        test_loss: Mean cross-entropy on the test images, after the epoch.
        test_accuracy: Share of test images classified correctly, after the epoch.
        learning_rate: Learning rate of SGD during the epoch.
        seconds: How long the steps of the epoch took, without the evaluation.
    """

    epoch: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    test_loss: float
    test_accuracy: float
    learning_rate: float
    seconds: float


class LossAndAccuracy(NamedTuple):
    """Mean cross-entropy, and share of images classified correctly."""

    loss: float
    accuracy: float


def loss_and_accuracy(loss: float, right: int, count: int, *, classes: int) -> LossAndAccuracy:
    """The means over `count` images; those of chance if the loss is not finite."""
    if not math.isfinite(loss):
        return LossAndAccuracy(math.nan, 1 / classes)  # argmax of NaN would name the first class
    return LossAndAccuracy(loss / count, right / count)


def increasing(fractions: Sequence[float]) -> tuple[float, ...]:
    """The fractions of an epoch, after checking that they increase between 0 and 1.

    Raises:
        SettingError: They do not.
    """
    if not all(before < after for before, after in pairwise((0.0, *fractions, 1.0))):
        raise SettingError("fractions", list(fractions), "increasing numbers between 0 and 1")
    return tuple(fractions)


def stretches(epoch: int, fractions: Sequence[float], steps: int) -> Iterator[tuple[float, int]]:
    """Each share of the epoch that is reported, and the number of steps from the previous report to it.

    Args:
        epoch: Completed epochs; the fractions belong to the first.
        fractions: As in `Training`.
        steps: The number of steps of the whole epoch.
    """
    done = 0
    for fraction in (*fractions, 1.0) if epoch == 0 else (1.0,):
        due = math.ceil(fraction * steps)
        yield fraction, due - done
        done = due

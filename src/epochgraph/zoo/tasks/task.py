"""What a network learns: examples, a loss, and the metric that it is judged by."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from epochgraph.errors import SettingError

Kind = Literal["image", "sequence", "tokens", "table"]
Direction = Literal["rises", "falls"]

DIGESTED = 4096
"""The number of examples that a digest copies at a time, as they may be mapped from a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What an architecture must know about a task: the shapes of inputs and outputs.

    Attributes:
        kind: What an input is: "image" and "sequence" have channels first, "tokens" are integers, "table" is a row.
        inputs: Shape of one input: (channels, height, width), (channels, length), (length,) or (features,).
        outputs: Shape of what the network gives for one input: (classes,), (values,), (length, vocabulary), or an
            image's shape where images are reconstructed.
        vocabulary: Number of different tokens; 0 unless the kind is "tokens".
        columns: For a table, how many features each of its columns takes: 1 for a number, otherwise one per category.
    """

    kind: Kind
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    vocabulary: int = 0
    columns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Inputs and targets in memory.

    Attributes:
        inputs: One row per example, as stored: `Task.prepared` makes a batch of them ready for a network.
        targets: One row per example, as the loss takes them.

    Raises:
        SettingError: There are no examples, or not exactly one target for each.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if not len(self.inputs) or len(self.inputs) != len(self.targets):
            found = f"{len(self.inputs)} inputs and {len(self.targets)} targets"
            raise SettingError("examples", found, "at least one, with a target for each")

    def __len__(self) -> int:
        return len(self.inputs)

    def taken(self, indices: Tensor) -> "Examples":
        """The examples at some positions, in their order."""
        return Examples(self.inputs[indices], self.targets[indices])


@dataclass(frozen=True, slots=True)
class Metric:
    """How good a network is, as the mean of one number per example.

    Attributes:
        name: The name of the metric in tables: "accuracy", "mae", "rmse".
        direction: Whether a better network has a higher or a lower value.
        of: Outputs and targets of a batch -> a number for each of its examples.
        finished: Turns the mean into the metric, such as a root of squares.
        chance: Its value for a network whose outputs are no longer finite.
    """

    name: str
    direction: Direction
    of: Callable[[Tensor, Tensor], Tensor]
    finished: Callable[[float], float] = float
    chance: float = float("nan")


Loss = Callable[[Tensor, Tensor, float], Tensor]
"""Outputs, targets and label smoothing -> the mean loss of a batch, to be minimised."""

Batch = tuple[Tensor, Tensor]
Draw = Callable[[Examples, int, torch.Generator], Iterator[Batch]]
"""Examples, batch size and a source of randomness -> one pass over the examples, in batches ready for a network."""


def prepared_as_stored(inputs: Tensor) -> Tensor:
    """Inputs that a network takes as stored."""
    return inputs


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Task:
    """What a network learns, and how it is judged.

    Attributes:
        name: The name of the task in publications.
        form: The shapes of inputs and outputs.
        train: What the network learns from.
        validation: Held out: the learning curve is measured on it.
        test: Measures how good the final network is, and is used for nothing else.
        loss: What training minimises.
        metric: What networks are compared by; None if that is the loss.
        prepared: Makes a batch of stored inputs ready for a network.
        draw: One pass over the training examples; None for a plain shuffle.
    """

    name: str
    form: Form
    train: Examples
    validation: Examples
    test: Examples
    loss: Loss
    metric: Metric | None = None
    prepared: Callable[[Tensor], Tensor] = prepared_as_stored
    draw: Draw | None = None

    @property
    def target(self) -> str:
        """The name of the metric that networks are compared by."""
        return self.metric.name if self.metric else "loss"

    @property
    def direction(self) -> Direction:
        """Whether that metric rises or falls as a network gets better."""
        return self.metric.direction if self.metric else "falls"

    def batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        """One pass over the training examples in random order."""
        draw = self.draw or self._shuffled
        return draw(self.train, batch_size, generator)

    def digest(self) -> str:
        """Sixteen hexadecimal digits that are the same for the same examples in the same order."""
        found = hashlib.blake2b(repr(self.form).encode(), digest_size=8)
        for part in (self.train, self.validation, self.test):
            for tensor in (part.inputs, part.targets):
                found.update(repr((*tensor.shape,)).encode())
                for start in range(0, len(tensor), DIGESTED):
                    found.update(tensor[start : start + DIGESTED].contiguous().numpy().tobytes())
        return found.hexdigest()

    def _shuffled(self, examples: Examples, batch_size: int, generator: torch.Generator) -> Iterator[Batch]:
        for chosen in torch.split(shuffled(len(examples), batch_size, generator), batch_size):
            yield self.prepared(examples.inputs[chosen]), examples.targets[chosen]


def shuffled(count: int, batch_size: int, generator: torch.Generator) -> Tensor:
    """The numbers below `count` in random order, without a last batch of one, which batch norm could not normalise."""
    order = torch.randperm(count, generator=generator)
    return order[:-1] if batch_size > 1 and count > batch_size and count % batch_size == 1 else order

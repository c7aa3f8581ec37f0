"""Models with inputs of the right kind, for a tracer to try."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Example:
    """A model and what its forward pass takes.

    Attributes:
        model: Without trained weights, perhaps on the "meta" device.
        inputs: Positional arguments.
        options: Keyword arguments.
    """

    model: nn.Module
    inputs: tuple[object, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A class of a library, and how a small model of it is built and called.

    Attributes:
        settings: What it is built with.
        inputs: Keyword arguments of its forward pass.
    """

    settings: Mapping[str, object]
    inputs: Mapping[str, object]


def images(height: int, width: int | None = None, *, channels: int = 3, batch: int = 1) -> Tensor:
    """A batch of images."""
    return torch.zeros(batch, channels, height, width or height)


def clips(frames: int, size: int) -> Tensor:
    """A batch of one video, channels before frames."""
    return torch.zeros(1, 3, frames, size, size)


def tokens(length: int, *, batch: int = 1) -> Tensor:
    """Token ids of a small vocabulary; none of them is one of the usual ids for padding."""
    return torch.arange(5, 5 + length).expand(batch, length).clone()


def first(length: int) -> Tensor:
    """Which tokens see all others, and are seen by them, where most see their neighbours only: the first."""
    return (torch.arange(length) == 0).long()[None]

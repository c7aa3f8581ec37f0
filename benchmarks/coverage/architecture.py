"""One of transformers' architectures, small."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

Settings = dict[str, object]
"""What a configuration says else than by default; "|" adds to it."""


@dataclass(frozen=True)
class Architecture:
    """What makes a small model of it.

    Attributes:
        model: Name of the class that makes the model of a configuration: one of the Auto classes, or its own.
        settings: Of its configuration.
        inputs: Makes the keyword arguments of the forward pass.
    """

    model: str
    settings: Settings
    inputs: Callable[[], dict[str, Tensor]]

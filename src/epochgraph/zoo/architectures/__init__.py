"""The networks that a zoo consists of, all built with the same keyword arguments."""

from typing import Protocol, runtime_checkable

from torch import nn

from epochgraph.zoo.architectures.chains import VGG, AlexNet, DigitsNet, LeNet
from epochgraph.zoo.architectures.residual import (
    CifarResNet,
    ResNet,
    resnet20,
    resnet32,
    resnet34,
    resnet44,
    resnet50,
)


@runtime_checkable
class Architecture(Protocol):
    """A class or function that builds a network for images, with new weights from torch's global random numbers."""

    @property
    def __name__(self) -> str:
        """The architecture's name in a zoo."""

    def __call__(self, *, classes: int, channels: int, image_size: int, width: float, dropout: float) -> nn.Module:
        """Make the network.

        Args:
            classes: Number of outputs.
            channels: Channels of the images.
            image_size: Height and width of the images.
            width: Factor of the number of filters and hidden neurons.
            dropout: Probability that a neuron is dropped, in [0, 1).
        """


ARCHITECTURES: tuple[Architecture, ...] = (
    LeNet,
    AlexNet,
    VGG,
    resnet20,
    resnet32,
    resnet44,
    resnet34,
    resnet50,
    DigitsNet,
)
"""Every architecture of the zoo; `__name__` is its name."""

__all__ = [
    "ARCHITECTURES",
    "VGG",
    "AlexNet",
    "Architecture",
    "CifarResNet",
    "DigitsNet",
    "LeNet",
    "ResNet",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
]

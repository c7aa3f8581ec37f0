"""Layers one after another: LeNet, AlexNet and VGG as the paper trains them, and a small network for digits.

Each is features (convolutions and pools), a flatten, and a classifier (linear layers and dropout). The initial weights
are PyTorch's own. `width` scales the filters and the hidden neurons, but not the inputs and classes. A maximum pool
stands before the activation: a rectified maximum is the maximum of the rectified, and fewer values are to be rectified.
"""

from collections import OrderedDict

import torch
from torch import nn

from epochgraph.errors import SettingError


class LeNet(nn.Sequential):
    """LeNet-5 with ReLU and maximum pools; dropout follows the two hidden linear layers.

    Args:
        classes: Number of outputs.
        channels: Channels of the images.
        image_size: Height and width of the images; the first linear layer grows with it.
        width: Factor of the number of filters and hidden neurons.
        dropout: Probability that a neuron is dropped, in [0, 1).

    Raises:
        SettingError: The images are too small for the kernels and pools.
    """

    def __init__(
        self, *, classes: int, channels: int = 3, image_size: int = 32, width: float = 1.0, dropout: float = 0.0
    ) -> None:
        first, second, third, fourth = scaled(width, 6, 16, 120, 84)
        features = nn.Sequential(
            nn.Conv2d(channels, first, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(first, second, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        classifier = nn.Sequential(
            nn.Linear(_outputs(features, channels, image_size), third),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(third, fourth),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(fourth, classes),
        )
        super().__init__(OrderedDict(features=features, flatten=nn.Flatten(), classifier=classifier))


class AlexNet(nn.Sequential):
    """AlexNet for small images; dropout precedes the first two linear layers.

    Args:
        classes: Number of outputs.
        channels: Channels of the images.
        image_size: Height and width of the images; the first linear layer grows with it.
        width: Factor of the number of filters and hidden neurons.
        dropout: Probability that a neuron is dropped, in [0, 1).

    Raises:
        SettingError: The images are too small for the kernels and pools.
    """

    def __init__(
        self, *, classes: int, channels: int = 3, image_size: int = 32, width: float = 1.0, dropout: float = 0.0
    ) -> None:
        w96, w256, w384, w512, w1024 = scaled(width, 96, 256, 384, 512, 1024)
        features = nn.Sequential(
            nn.Conv2d(channels, w96, 7, stride=2, padding=2),
            nn.MaxPool2d(3, stride=2),
            nn.ReLU(),
            nn.Conv2d(w96, w256, 5, padding=2),
            nn.MaxPool2d(3, stride=2),
            nn.ReLU(),
            *_padded(w256, w384),
            *_padded(w384, w384),
            *_padded(w384, w256),
        )
        classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(_outputs(features, channels, image_size), w1024),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(w1024, w512),
            nn.ReLU(),
            nn.Linear(w512, classes),
        )
        super().__init__(OrderedDict(features=features, flatten=nn.Flatten(), classifier=classifier))


class VGG(nn.Sequential):
    """VGG with seven convolutions, without batch norm; dropout follows the two hidden linear layers.

    Args:
        classes: Number of outputs.
        channels: Channels of the images.
        image_size: Height and width of the images; the first linear layer grows with it.
        width: Factor of the number of filters and hidden neurons.
        dropout: Probability that a neuron is dropped, in [0, 1).

    Raises:
        SettingError: The images are too small for the pools.
    """

    def __init__(
        self, *, classes: int, channels: int = 3, image_size: int = 32, width: float = 1.0, dropout: float = 0.0
    ) -> None:
        w64, w128, w256 = scaled(width, 64, 128, 256)
        features = nn.Sequential(
            *_pooled(channels, w64),
            *_padded(w64, w128),
            *_pooled(w128, w128),
            *_padded(w128, w256),
            *_pooled(w256, w256),
            *_padded(w256, w256),
            *_pooled(w256, w256),
        )
        classifier = nn.Sequential(
            nn.Linear(_outputs(features, channels, image_size), w128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(w128, w128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(w128, classes),
        )
        super().__init__(OrderedDict(features=features, flatten=nn.Flatten(), classifier=classifier))


class DigitsNet(nn.Sequential):
    """Two convolutions, a pool and two linear layers, for the 8 x 8 grey digits; not one of the paper's.

    Args:
        classes: Number of outputs.
        channels: Channels of the images.
        image_size: Height and width of the images; the first linear layer grows with it.
        width: Factor of the number of filters and hidden neurons.
        dropout: Probability that a neuron of the hidden linear layer is dropped, in [0, 1).

    Raises:
        SettingError: The images are too small for the pool.
    """

    def __init__(
        self, *, classes: int, channels: int = 1, image_size: int = 8, width: float = 1.0, dropout: float = 0.0
    ) -> None:
        w8, w16, w32 = scaled(width, 8, 16, 32)
        features = nn.Sequential(*_padded(channels, w8), *_pooled(w8, w16))
        classifier = nn.Sequential(
            nn.Linear(_outputs(features, channels, image_size), w32),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(w32, classes),
        )
        super().__init__(OrderedDict(features=features, flatten=nn.Flatten(), classifier=classifier))


def scaled(width: float, *sizes: int) -> tuple[int, ...]:
    """Numbers of filters or neurons times `width`, rounded; at least one."""
    return tuple(max(1, round(width * size)) for size in sizes)


def _padded(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """A 3 x 3 convolution that keeps the size of the map, and its activation."""
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()


def _pooled(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """A 3 x 3 convolution whose map is halved in height and width, and its activation."""
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()


def _outputs(features: nn.Sequential, channels: int, image_size: int) -> int:
    """How many values the features make of one image; they are run, so that no formula can differ from them."""
    try:
        with torch.no_grad():
            return int(features(torch.zeros(1, channels, image_size, image_size)).numel())
    except RuntimeError as error:
        raise SettingError("image_size", image_size, "larger: a kernel or pool of the network does not fit") from error

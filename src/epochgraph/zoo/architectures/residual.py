"""The residual networks of He et al.: the slim ones for CIFAR, and those for ImageNet.

Dropout stands before the only linear layer. Convolutions start from He's normal distribution, all else as PyTorch has
it. The last pool takes the mean over the whole map, so that no weight depends on the size of the images.

References:
    He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016, sections 3.3, 4.1 and 4.2.
    He, Zhang, Ren, Sun: Delving deep into rectifiers, ICCV 2015, equation 14 (the initial weights).
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Required, TypedDict, Unpack

from torch import Tensor, nn
from torch.nn import functional

from epochgraph.zoo.architectures.chains import scaled


class ImageOptions(TypedDict, total=False):
    """The arguments of every architecture: see `CifarResNet`."""

    classes: Required[int]
    channels: int
    image_size: int
    width: float
    dropout: float


class CifarResNet(nn.Sequential):
    """Three stages of basic blocks with 16, 32 and 64 filters, and shortcuts without parameters ("option A").

    Args:
        classes: Number of outputs.
        blocks: Basic blocks a stage: the network has 6 * blocks + 2 layers.
        channels: Channels of the images.
        image_size: Height and width of the images; the weights do not depend on it.
        width: Factor of the number of filters.
        dropout: Probability that an input of the linear layer is dropped, in [0, 1).
    """

    def __init__(
        self,
        *,
        classes: int,
        blocks: int,
        channels: int = 3,
        image_size: int = 32,
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        del image_size  # all architectures are made with the same arguments
        first, *_, last = sizes = scaled(width, 16, 32, 64)
        layers: list[nn.Module] = [*_normed(channels, first, 3), nn.ReLU()]
        for inputs, outputs, stride in _steps(first, sizes, (blocks, blocks, blocks)):
            layers.append(Residual(_basic(inputs, outputs, stride), PaddedShortcut(outputs - inputs, stride)))
        super().__init__(_network(layers, nn.Linear(last, classes), dropout))


class ResNet(nn.Sequential):
    """Four stages of blocks after a 7 x 7 stem, and shortcuts that project where the shape changes ("option B").

    Args:
        classes: Number of outputs.
        blocks: Blocks in each of the four stages.
        bottleneck: Whether a block is 1 x 1, 3 x 3, 1 x 1 with four times as many outputs, instead of two 3 x 3.
        channels: Channels of the images.
        image_size: Height and width of the images; the weights do not depend on it.
        width: Factor of the number of filters.
        dropout: Probability that an input of the linear layer is dropped, in [0, 1).
    """

    def __init__(
        self,
        *,
        classes: int,
        blocks: tuple[int, int, int, int],
        bottleneck: bool,
        channels: int = 3,
        image_size: int = 64,
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        del image_size  # all architectures are made with the same arguments
        first, *sizes = scaled(width, 64, 64, 128, 256, 512)
        growth = 4 if bottleneck else 1
        layers: list[nn.Module] = [*_normed(channels, first, 7, stride=2), nn.MaxPool2d(3, 2, padding=1), nn.ReLU()]
        for inputs, outputs, stride in _steps(first, [growth * size for size in sizes], blocks):
            body = _bottleneck(inputs, outputs, stride) if bottleneck else _basic(inputs, outputs, stride)
            changes = stride > 1 or inputs != outputs
            shortcut = nn.Sequential(*_normed(inputs, outputs, 1, stride=stride)) if changes else nn.Identity()
            layers.append(Residual(body, shortcut))
        super().__init__(_network(layers, nn.Linear(growth * sizes[-1], classes), dropout))


def resnet20(**options: Unpack[ImageOptions]) -> CifarResNet:
    """The CIFAR ResNet of 20 layers: three blocks a stage."""
    return CifarResNet(blocks=3, **options)


def resnet32(**options: Unpack[ImageOptions]) -> CifarResNet:
    """The CIFAR ResNet of 32 layers: five blocks a stage."""
    return CifarResNet(blocks=5, **options)


def resnet44(**options: Unpack[ImageOptions]) -> CifarResNet:
    """The CIFAR ResNet of 44 layers: seven blocks a stage."""
    return CifarResNet(blocks=7, **options)


def resnet34(**options: Unpack[ImageOptions]) -> ResNet:
    """The ImageNet ResNet of 34 layers, of basic blocks."""
    return ResNet(blocks=(3, 4, 6, 3), bottleneck=False, **options)


def resnet50(**options: Unpack[ImageOptions]) -> ResNet:
    """The ImageNet ResNet of 50 layers, of bottleneck blocks."""
    return ResNet(blocks=(3, 4, 6, 3), bottleneck=True, **options)


class Residual(nn.Module):
    """A body and a shortcut around it, added and rectified."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Add the shortcut to the body's output, and rectify the sum."""
        return functional.relu(self.body(x) + self.shortcut(x))


class PaddedShortcut(nn.Module):
    """The identity, or every `stride`-th pixel with new channels of zeros, half of them before the old ones."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.before = new_channels // 2
        self.after = new_channels - self.before
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Bring the map to the body's size and number of channels."""
        if self.stride == 1 and not self.after:
            return x
        kept = x[:, :, :: self.stride, :: self.stride]
        return functional.pad(kept, (0, 0, 0, 0, self.before, self.after))


def _steps(first: int, sizes: Sequence[int], blocks: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Inputs, outputs and stride of every block; each stage but the first begins with half the resolution."""
    for stage, ((inputs, outputs), count) in enumerate(zip(pairwise((first, *sizes)), blocks, strict=True)):
        yield inputs, outputs, 1 if stage == 0 else 2
        yield from ((outputs, outputs, 1) for _ in range(count - 1))


def _basic(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(*_normed(inputs, outputs, 3, stride=stride), nn.ReLU(), *_normed(outputs, outputs, 3))


def _bottleneck(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    inner = outputs // 4
    return nn.Sequential(
        *_normed(inputs, inner, 1),
        nn.ReLU(),
        *_normed(inner, inner, 3, stride=stride),
        nn.ReLU(),
        *_normed(inner, outputs, 1),
    )


def _normed(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution that keeps the size of the map (but for the stride), and its batch norm."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution, nn.BatchNorm2d(outputs)


def _network(layers: list[nn.Module], last: nn.Linear, dropout: float) -> OrderedDict[str, nn.Module]:
    """Features, flatten and classifier, named as in the other architectures."""
    features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
    return OrderedDict(features=features, flatten=nn.Flatten(), classifier=nn.Sequential(nn.Dropout(dropout), last))

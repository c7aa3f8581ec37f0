"""The residual networks of He et al.: the slim ones for CIFAR and the ImageNet ones.

Dropout stands before the only linear layer. Convolutions start from He's normal distribution, as in the paper of that
name; the rest starts as PyTorch has it. The last pool is global, so the weights do not depend on the size of the images.

References:
    He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016, sections 3.4, 4.1 and 4.2.
"""

from collections import OrderedDict
from itertools import pairwise
from typing import Literal, NotRequired, TypedDict, Unpack

from torch import Tensor, nn
from torch.nn import functional

from epochgraph.zoo.architectures.chains import scaled


class CifarResNet(nn.Sequential):
    """Three stages of basic blocks with 16, 32 and 64 filters; the shortcuts have no parameters ("option A").

    Args:
        classes: Number of outputs.
        blocks: Basic blocks a stage; the network has 6 times as many layers, and two.
        channels: Channels of the images.
        image_size: Height and width of the images; the weights do not depend on it.
        width: Factor of the number of filters.
        dropout: Probability that an input of the linear layer is dropped, in [0, 1).
    """

    def __init__(
        self,
        *,
        classes: int,
        blocks: int = 3,
        channels: int = 3,
        image_size: int = 32,
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        del image_size  # taken so that all architectures are made alike
        sizes = scaled(width, 16, 32, 64)
        layers = [*_normed(channels, sizes[0], 3), nn.ReLU()]
        for inputs, outputs in pairwise((sizes[0], *sizes)):
            for block in range(blocks):
                read, stride = (inputs, 1 if inputs == outputs == sizes[0] else 2) if block == 0 else (outputs, 1)
                layers.append(Residual(_basic(read, outputs, stride), PaddedShortcut(outputs - read, stride)))
        features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(sizes[-1], classes))
        super().__init__(OrderedDict(features=features, flatten=nn.Flatten(), classifier=classifier))

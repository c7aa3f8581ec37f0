"""Convolutional networks for images: plain, residual, and depthwise as in ConvNeXt.

Each halves its map a few times, and doubles its channels where it does. Maps of any height and width will do: none is
halved below four places a side.

References:
    Springenberg et al.: Striving for simplicity: the all convolutional net, 2015 (strides instead of pools).
    He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016 (basic blocks).
    Liu et al.: A ConvNet for the 2020s, CVPR 2022, section 2.6 (depthwise blocks).
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from epochgraph.zoo.architectures.choices import ACTIVATIONS, Choices
from epochgraph.zoo.architectures.layers import Added, head, image_patches, shape_of
from epochgraph.zoo.architectures.norms import norm_layer
from epochgraph.zoo.tasks.task import Form

SMALLEST = 4
"""The side length below which no map is halved."""

LARGEST = 1600
"""Pixels above which the first convolution takes longer strides, so that large images do not take longer."""

GROWTH = 4
"""How many times the channels of the first map the last one has, at most."""


def pooled_network(form: Form, choices: Choices) -> nn.Module:
    """`depth` convolutions, some with a maximum pool, then a hidden and a last linear layer on the flattened map."""
    stride, sides = reduced(form)
    layers: list[nn.Module] = []
    channels, width = form.inputs[0], choices.width
    for halved in spread(halvings(sides, min(3, choices.depth)), choices.depth):
        layers += [_convolution(channels, width, choices, stride), norm_layer(choices.norm, width, places=2)]
        layers += [nn.MaxPool2d(2, ceil_mode=True)] if halved else []
        layers += [ACTIVATIONS[choices.activation]()]
        channels, width, stride = width, grown(width, choices) if halved else width, 1
    features = nn.Sequential(*layers)
    neurons = 2 * choices.width
    classifier = [nn.Flatten(), nn.Linear(prod(shape_of(features, form.inputs)), neurons)]
    classifier += [ACTIVATIONS[choices.activation](), nn.Dropout(choices.dropout)]
    return nn.Sequential(features, *classifier, head(neurons, form))


def strided_network(form: Form, choices: Choices) -> nn.Module:
    """`depth` convolutions, some with a stride of two, then the mean over the map and a linear layer."""
    stride, sides = reduced(form)
    layers: list[nn.Module] = []
    channels, width = form.inputs[0], choices.width
    for halved in spread(halvings(sides, min(3, choices.depth)), choices.depth):
        taken = 2 * stride if halved else stride
        layers += [_convolution(channels, width, choices, taken), norm_layer(choices.norm, width, places=2)]
        layers += [ACTIVATIONS[choices.activation]()]
        channels, width, stride = width, grown(width, choices) if halved else width, 1
    return nn.Sequential(*layers, *_mean_head(channels, form, choices))


def residual_network(form: Form, choices: Choices) -> nn.Module:
    """A first convolution, `depth` basic blocks in up to three stages, the mean over the map and a linear layer."""
    stride, sides = reduced(form)
    times = halvings(sides, 3)
    channels = choices.width
    first = _convolution(form.inputs[0], channels, choices, 2 * stride if times == 3 else stride)
    layers: list[nn.Module] = [first, norm_layer(choices.norm, channels, places=2)]
    layers.append(ACTIVATIONS[choices.activation]())
    stages = [place * (min(times, 2) + 1) // choices.depth for place in range(choices.depth)]
    for before, stage in pairwise([0, *stages]):
        width = channels if before == stage else 2 * channels
        layers.append(BasicBlock(channels, width, choices))
        channels = width
    return nn.Sequential(*layers, *_mean_head(channels, form, choices))


def reduced(form: Form) -> tuple[int, tuple[int, int]]:
    """The stride that the first convolution takes of a large image, and the sides of the map that it makes."""
    _, height, width = form.inputs
    stride = 1
    while -(-height // stride) * -(-width // stride) > LARGEST:
        stride *= 2
    return stride, (-(-height // stride), -(-width // stride))


def halvings(sides: Sequence[int], most: int) -> int:
    """How often a map may be halved, at most `most` times."""
    return max(0, min(most, (min(sides) // SMALLEST).bit_length() - 1))


def spread(count: int, layers: int) -> list[bool]:
    """Which of some layers halve the map: `count` of them, evenly spread, the first always among them."""
    return [-((place + 1) * -count // layers) > -(place * -count // layers) for place in range(layers)]


def grown(width: int, choices: Choices) -> int:
    """Twice the channels, up to four times those of the first map."""
    return min(2 * width, GROWTH * choices.width)


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut around them; where the channels double, the map is halved."""

    def __init__(self, inputs: int, outputs: int, choices: Choices) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.body = nn.Sequential(
            _convolution(inputs, outputs, choices, stride),
            norm_layer(choices.norm, outputs, places=2),
            ACTIVATIONS[choices.activation](),
            _convolution(outputs, outputs, choices),
            norm_layer(choices.norm, outputs, places=2),
        )
        changed = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        self.shortcut = nn.Identity() if inputs == outputs else changed
        self.activation = ACTIVATIONS[choices.activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Add the shortcut to the body's output, and activate the sum."""
        activated: Tensor = self.activation(self.body(x) + self.shortcut(x))
        return activated


def depthwise_network(form: Form, choices: Choices) -> nn.Module:
    """Patches, `depth` ConvNeXt blocks with one halving between them, the mean over the map and a linear layer.

    The norm of the halving follows it: a batch norm before it would belong to no single layer.
    """
    channels = choices.width
    patches = image_patches(form, channels)
    halved = choices.depth // 2 if halvings(shape_of(patches, form.inputs)[1:], 1) else 0
    layers: list[nn.Module] = [patches, norm_layer(choices.norm, channels, places=2)]
    for place in range(choices.depth):
        if place and place == halved:
            layers.append(nn.Conv2d(channels, 2 * channels, 2, stride=2))
            channels *= 2
            layers.append(norm_layer(choices.norm, channels, places=2))
        layers.append(_depthwise_block(channels, choices))
    return nn.Sequential(*layers, *_mean_head(channels, form, choices))


def _depthwise_block(channels: int, choices: Choices) -> nn.Module:
    """Each channel with its neighbouring places, then the channels of each place, four times as many between."""
    return Added(
        nn.Conv2d(channels, channels, 5, padding=2, groups=channels),
        norm_layer(choices.norm, channels, places=2),
        nn.Conv2d(channels, 4 * channels, 1),
        ACTIVATIONS[choices.activation](),
        nn.Conv2d(4 * channels, channels, 1),
    )


def _convolution(inputs: int, outputs: int, choices: Choices, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size of the map but for the stride; a batch norm stands for its bias.

    It is 3 x 3 up to a stride of two, else as large as the stride needs to pass over no pixel, also at the borders.
    """
    reach = max(1, stride - 1)
    kernel = 2 * reach + 1
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=reach, bias=choices.norm != "batch")


def _mean_head(channels: int, form: Form, choices: Choices) -> tuple[nn.Module, ...]:
    """The mean over the map, dropout, and a linear layer."""
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(choices.dropout), head(channels, form)

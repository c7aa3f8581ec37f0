"""Convolutional networks for images: plain, residual, and depthwise as in ConvNeXt.

Each halves its map a few times, and doubles its channels where it does. Maps of any height and width will do: none is
halved below four places a side.

References:
    Springenberg et al.: Striving for simplicity: the all convolutional net, 2015 (strides instead of pools).
    He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016 (basic blocks).
    Liu et al.: A ConvNet for the 2020s, CVPR 2022, section 2.6 (depthwise blocks).
"""

from math import prod

from torch import Tensor, nn

from epochgraph.zoo.architectures.choices import ACTIVATIONS, Choices
from epochgraph.zoo.architectures.layers import Added, head, shape_of
from epochgraph.zoo.architectures.norms import norm_layer
from epochgraph.zoo.tasks.task import Form

SMALLEST = 4
"""Places a side below which no map is halved."""


def halvings(form: Form, most: int) -> int:
    """How often a map may be halved, at most `most` times."""
    shorter = min(form.inputs[1:])
    return max(0, min(most, (shorter // SMALLEST).bit_length() - 1))


def spread(count: int, layers: int) -> list[bool]:
    """Which of some layers halve the map: `count` of them, evenly spread, the last one always among them."""
    return [(place + 1) * count // layers > place * count // layers for place in range(layers)]


def pooled_network(form: Form, choices: Choices) -> nn.Module:
    """`depth` convolutions, some with a maximum pool, then a hidden and a last linear layer on the flattened map."""
    layers: list[nn.Module] = []
    channels, width = form.inputs[0], choices.width
    for halved in spread(halvings(form, min(3, choices.depth)), choices.depth):
        layers += [_convolution(channels, width, choices), norm_layer(choices.norm, width, places=2)]
        layers += [nn.MaxPool2d(2)] if halved else []
        layers += [ACTIVATIONS[choices.activation]()]
        channels, width = width, 2 * width if halved else width
    features = nn.Sequential(*layers)
    neurons = 2 * choices.width
    classifier = [nn.Flatten(), nn.Linear(prod(shape_of(features, form.inputs)), neurons)]
    classifier += [ACTIVATIONS[choices.activation](), nn.Dropout(choices.dropout)]
    return nn.Sequential(features, *classifier, head(neurons, form))


def strided_network(form: Form, choices: Choices) -> nn.Module:
    """`depth` convolutions, some with a stride of two, then the mean over the map and a linear layer."""
    layers: list[nn.Module] = []
    channels, width = form.inputs[0], choices.width
    for halved in spread(halvings(form, min(3, choices.depth)), choices.depth):
        stride = 2 if halved else 1
        layers += [_convolution(channels, width, choices, stride), norm_layer(choices.norm, width, places=2)]
        layers += [ACTIVATIONS[choices.activation]()]
        channels, width = width, 2 * width if halved else width
    return nn.Sequential(*layers, *_mean_head(channels, form, choices))


def residual_network(form: Form, choices: Choices) -> nn.Module:
    """A first convolution, `depth` basic blocks in up to three stages, the mean over the map and a linear layer."""
    times = halvings(form, 3)
    channels = choices.width
    layers: list[nn.Module] = [_convolution(form.inputs[0], channels, choices, 2 if times == 3 else 1)]
    layers += [norm_layer(choices.norm, channels, places=2), ACTIVATIONS[choices.activation]()]
    for place, halved in enumerate(spread(min(times, 2), choices.depth + 1)[: choices.depth]):
        width = 2 * channels if halved and place else channels
        layers.append(BasicBlock(channels, width, choices))
        channels = width
    return nn.Sequential(*layers, *_mean_head(channels, form, choices))


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
    """Patches, `depth` ConvNeXt blocks with one halving between them, the mean over the map and a linear layer."""
    patch = 2 ** min(2, halvings(form, 3))
    channels = choices.width
    layers: list[nn.Module] = [nn.Conv2d(form.inputs[0], channels, patch, stride=patch)]
    layers.append(norm_layer(choices.norm, channels, places=2))
    for place in range(choices.depth):
        if place and place == choices.depth // 2 and halvings(form, 3) == 3:
            layers += [norm_layer(choices.norm, channels, places=2)]
            layers += [nn.Conv2d(channels, 2 * channels, 2, stride=2)]
            channels *= 2
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
    """A 3 x 3 convolution that keeps the size of the map but for the stride; a batch norm stands for its bias."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=choices.norm != "batch")


def _mean_head(channels: int, form: Form, choices: Choices) -> tuple[nn.Module, ...]:
    """The mean over the map, dropout, and a linear layer."""
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(choices.dropout), head(channels, form)

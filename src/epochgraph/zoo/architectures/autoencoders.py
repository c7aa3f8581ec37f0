"""Convolutional autoencoders: an image, a few numbers, the same image."""

from itertools import pairwise
from math import prod

from torch import nn

from epochgraph.errors import SettingError
from epochgraph.zoo.architectures.choices import ACTIVATIONS, Choices
from epochgraph.zoo.architectures.convolutional import halvings
from epochgraph.zoo.architectures.norms import norm_layer
from epochgraph.zoo.tasks.task import Form

BOTTLENECK = 4
"""Neurons of the bottleneck for each channel of the first map."""


def autoencoder(form: Form, choices: Choices) -> nn.Module:
    """`depth` convolutions, a linear bottleneck, and as many transposed convolutions back to the image's shape.

    The first convolutions halve the map as long as it is large, and double the channels up to four times those of the
    first map; the others keep both.
    """
    if form.outputs != form.inputs:
        raise SettingError("shape of the outputs", form.outputs, f"the shape of the inputs, {form.inputs}")
    times = halvings(form.inputs[1:], choices.depth)
    shapes, doublings = [form.inputs], min(2, max(0, times - 1))
    for place in range(choices.depth):
        channels, (height, width) = choices.width * 2 ** min(place, doublings), shapes[-1][1:]
        halved = place < times
        shapes.append((channels, -(-height // 2), -(-width // 2)) if halved else (channels, height, width))
    encoder = [layer for pair in pairwise(shapes) for layer in _down(*pair, choices)]
    back = [(after, before) for before, after in pairwise(shapes)][::-1]
    decoder = [layer for pair in back for layer in _up(*pair, choices)]
    flat, few = prod(shapes[-1]), BOTTLENECK * choices.width
    bottleneck = [nn.Flatten(), nn.Dropout(choices.dropout), nn.Linear(flat, few)]
    opened = [nn.Linear(few, flat), ACTIVATIONS[choices.activation](), nn.Unflatten(1, shapes[-1])]
    return nn.Sequential(*encoder, *bottleneck, *opened, *decoder[:-2])


def _down(before: tuple[int, ...], after: tuple[int, ...], choices: Choices) -> list[nn.Module]:
    """A convolution from maps of one shape to those of another, its norm and activation."""
    stride = 1 if before[1:] == after[1:] else 2
    convolution = nn.Conv2d(before[0], after[0], 3, stride=stride, padding=1)
    return [convolution, norm_layer(choices.norm, after[0], places=2), ACTIVATIONS[choices.activation]()]


def _up(before: tuple[int, ...], after: tuple[int, ...], choices: Choices) -> list[nn.Module]:
    """A transposed convolution from maps of one shape to those of another, its norm and activation."""
    stride = 1 if before[1:] == after[1:] else 2
    short = tuple(large - stride * (small - 1) - 1 for small, large in zip(before[1:], after[1:], strict=True))
    convolution = nn.ConvTranspose2d(
        before[0], after[0], 3, stride=stride, padding=1, output_padding=(short[0], short[1])
    )
    return [convolution, norm_layer(choices.norm, after[0], places=2), ACTIVATIONS[choices.activation]()]

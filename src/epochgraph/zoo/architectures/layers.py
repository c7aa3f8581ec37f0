"""First, last and residual layers that several architectures share."""

from math import ceil, prod

import torch
from torch import Tensor, nn

from epochgraph.zoo.architectures.choices import ACTIVATIONS, Choices
from epochgraph.zoo.tasks.task import Form

PATCHES = 8
"""The most patches along each side of an image."""

STEPS = 64
"""The most steps of a sequence that are read one after another or compared in pairs: longer ones are shortened."""


class Added(nn.Module):
    """A body whose output is added to its input."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        """Add what the body makes of `x` to `x`."""
        changed: Tensor = self.body(x)
        return x + changed


class Mean(nn.Module):
    """The mean along one dimension."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension

    def forward(self, x: Tensor) -> Tensor:
        """Take the mean."""
        return x.mean(self.dimension)


class Last(nn.Module):
    """The last place along one dimension."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension

    def forward(self, x: Tensor) -> Tensor:
        """Take the last place."""
        return x.select(self.dimension, -1)


class ChannelsLast(nn.Module):
    """From (examples, channels, places...) to (examples, places, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten the places, and put the channels last."""
        return x.flatten(2).transpose(1, 2)


def head(features: int, form: Form) -> nn.Sequential:
    """A linear layer from a row of features to outputs of any shape."""
    layers: list[nn.Module] = [nn.Linear(features, prod(form.outputs))]
    if len(form.outputs) > 1:
        layers.append(nn.Unflatten(1, form.outputs))
    return nn.Sequential(*layers)


def hidden(inputs: int, width: int, outputs: int, choices: Choices) -> nn.Sequential:
    """The two linear layers of a transformer's or mixer's block, with an activation between them."""
    activation, dropout = ACTIVATIONS[choices.activation](), nn.Dropout(choices.dropout)
    return nn.Sequential(nn.Linear(inputs, width), activation, nn.Linear(width, outputs), dropout)


def image_patches(form: Form, width: int) -> nn.Sequential:
    """Cut an image in at most 8 x 8 patches, each a row of `width`; zeros fill up the last ones."""
    channels, *sides = form.inputs
    height, width_of = (max(2, ceil(side / PATCHES)) for side in sides)
    below, right = -sides[0] % height, -sides[1] % width_of
    layers: list[nn.Module] = [nn.ZeroPad2d((0, right, 0, below))] if below or right else []
    layers.append(nn.Conv2d(channels, width, (height, width_of), stride=(height, width_of)))
    return nn.Sequential(*layers)


def sequence_steps(form: Form, width: int) -> nn.Sequential:
    """Bring a sequence to `width` channels and at most 64 steps: what is longer is cut in pieces."""
    channels, length = form.inputs
    piece = ceil(length / STEPS)
    layers: list[nn.Module] = [nn.ConstantPad1d((-length % piece, 0), 0.0)] if length % piece else []
    layers.append(nn.Conv1d(channels, width, piece, stride=piece))
    return nn.Sequential(*layers)


def shape_of(layers: nn.Module, inputs: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that layers make of one input; they are run, so that no formula can differ from them."""
    training = layers.training
    with torch.no_grad():
        shape = layers.eval()(torch.zeros(1, *inputs)).shape[1:]
    layers.train(training)
    return tuple(shape)

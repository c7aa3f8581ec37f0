"""Layers of neurons, each joined to all of the layer before."""

from math import prod

from torch import nn

from epochgraph.zoo.architectures.choices import ACTIVATIONS, Choices
from epochgraph.zoo.architectures.layers import head
from epochgraph.zoo.architectures.norms import norm_layer
from epochgraph.zoo.tasks.task import Form


def perceptron(form: Form, choices: Choices) -> nn.Module:
    """`depth` hidden layers of `width` neurons on the flattened input; outputs may have any shape."""
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = prod(form.inputs)
    for _ in range(choices.depth):
        layers += [nn.Linear(inputs, choices.width), norm_layer(choices.norm, choices.width, places=0)]
        layers += [ACTIVATIONS[choices.activation](), nn.Dropout(choices.dropout)]
        inputs = choices.width
    return nn.Sequential(*layers, head(inputs, form))

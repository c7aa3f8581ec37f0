"""What the architectures of a sweep have in common: a task's form and a few choices in, a module out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from epochgraph.zoo.tasks.task import Form

Norm = Literal["none", "batch", "group", "layer"]
Activation = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a run may choose of its architecture.

    Attributes:
        width: Channels, hidden neurons or dimensions of the model's first or main layers, at least 4.
        depth: Blocks or hidden layers, at least 1.
        norm: What normalises between layers; an architecture that has a norm of its own says so.
        activation: The nonlinearity.
        dropout: Probability that a neuron is dropped, in [0, 1).
    """

    width: int
    depth: int
    norm: Norm = "none"
    activation: Activation = "relu"
    dropout: float = 0.0


Build = Callable[[Form, Choices], nn.Module]
"""Makes a network with new weights from torch's global random numbers."""

ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}

"""Recurrent networks, for language and for sequences."""

from math import ceil

from torch import Tensor, nn

from epochgraph.zoo.architectures.choices import Choices
from epochgraph.zoo.architectures.layers import STEPS, ChannelsLast, Last, head, sequence_steps
from epochgraph.zoo.architectures.norms import last_norm
from epochgraph.zoo.tasks.task import Form


class Recurrent(nn.Module):
    """What a recurrent layer of torch holds at each step; its last states are not given on."""

    def __init__(self, layers: nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        """Read (examples, steps, channels), and give the hidden units at each step."""
        states: Tensor = self.layers(x)[0]
        return states


def recurrent_network(form: Form, choices: Choices, *, cell: type[nn.LSTM] | type[nn.GRU]) -> nn.Module:
    """`depth` recurrent layers of `width` units, a norm or none, and a linear layer.

    Tokens are embedded first, and a long sequence cut in pieces. It gives scores of the next token at each step, or
    outputs that are read at the last step. The gates have their own nonlinearities: the choice of one is not used.
    """
    width = choices.width
    first, inputs = _first(form, width)
    between = choices.dropout if choices.depth > 1 else 0.0
    layers = cell(inputs, width, choices.depth, batch_first=True, dropout=between)
    read: list[nn.Module] = [last_norm(choices.norm, width), nn.Dropout(choices.dropout)]
    if form.kind == "tokens" and len(form.outputs) == 2:
        read.append(nn.Linear(width, form.outputs[1]))
    else:
        read += [Last(1), head(width, form)]
    return nn.Sequential(first, Recurrent(layers), *read)


def _first(form: Form, width: int) -> tuple[nn.Module, int]:
    """What makes steps with channels of an input, and how many channels these have."""
    if form.kind == "tokens":
        return nn.Embedding(form.vocabulary, width), width
    channels, length = form.inputs
    if ceil(length / STEPS) == 1:
        return ChannelsLast(), channels
    return nn.Sequential(sequence_steps(form, width), ChannelsLast()), width

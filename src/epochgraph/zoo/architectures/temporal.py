"""Temporal convolutions: dilated and causal, with residual branches.

References:
    Bai, Kolter, Koltun: An empirical evaluation of generic convolutional and recurrent networks for sequence modeling,
    2018, section 3.
"""

from torch import Tensor, nn

from epochgraph.zoo.architectures.choices import ACTIVATIONS, Choices
from epochgraph.zoo.architectures.layers import Added, ChannelsLast, Last, head, sequence_steps
from epochgraph.zoo.architectures.norms import norm_layer
from epochgraph.zoo.tasks.task import Form

REACH = 6
"""Doublings of the dilation, after which it begins again at one."""


def temporal_network(form: Form, choices: Choices) -> nn.Module:
    """`depth` residual blocks of two dilated convolutions on `width` channels, read at the last step."""
    blocks = [_block(2 ** (place % REACH), choices) for place in range(choices.depth)]
    first = sequence_steps(form, choices.width)
    return nn.Sequential(first, *blocks, Last(2), head(choices.width, form))


def temporal_language_model(form: Form, choices: Choices) -> nn.Module:
    """The same on embedded tokens, with scores of the next token at each place, or outputs read at the last one."""
    blocks = [_block(2 ** (place % REACH), choices) for place in range(choices.depth)]
    embedding = nn.Sequential(nn.Embedding(form.vocabulary, choices.width), ChannelsFirst())
    if len(form.outputs) == 1:
        return nn.Sequential(embedding, *blocks, Last(2), head(choices.width, form))
    return nn.Sequential(embedding, *blocks, ChannelsLast(), nn.Linear(choices.width, form.outputs[1]))


class ChannelsFirst(nn.Module):
    """From (examples, places, channels) to (examples, channels, places)."""

    def forward(self, x: Tensor) -> Tensor:
        """Put the channels before the places."""
        return x.transpose(1, 2)


def _block(dilation: int, choices: Choices) -> nn.Module:
    """Two causal convolutions of three steps each, added to what they read."""
    return Added(*_causal(dilation, choices), *_causal(dilation, choices))


def _causal(dilation: int, choices: Choices) -> list[nn.Module]:
    """A convolution that reads no step after its own, its norm, activation and dropout."""
    width = choices.width
    return [
        nn.ConstantPad1d((2 * dilation, 0), 0.0),
        nn.Conv1d(width, width, 3, dilation=dilation),
        norm_layer(choices.norm, width, places=1),
        ACTIVATIONS[choices.activation](),
        nn.Dropout(choices.dropout),
    ]

"""Transformers: for the patches of an image, the steps of a sequence, the columns of a table, and for language.

References:
    Dosovitskiy et al.: An image is worth 16x16 words, ICLR 2021, section 3.1.
    Gorishniy et al.: Revisiting deep learning models for tabular data, NeurIPS 2021, section 3.3.
    Radford et al.: Language models are unsupervised multitask learners, 2019, section 2.3 (initial weights).
"""

from collections.abc import Sequence
from functools import partial
from math import ceil, sqrt

import torch
from torch import Tensor, nn

from epochgraph.zoo.architectures.attention import SelfAttention, transformer_blocks
from epochgraph.zoo.architectures.choices import Choices
from epochgraph.zoo.architectures.layers import (
    ChannelsLast,
    Last,
    Mean,
    head,
    image_patches,
    sequence_steps,
    shape_of,
)
from epochgraph.zoo.tasks.task import Form

SPREAD = 0.02
"""Standard deviation of initial positions and class tokens and, in a language model, of all weights."""

COLUMNS = 64
"""The most tokens for a table's columns: more columns share them."""


def vision_transformer(form: Form, choices: Choices) -> nn.Module:
    """Patches, a class token, `depth` blocks; the class token ends in a linear layer."""
    patches = nn.Sequential(image_patches(form, choices.width), ChannelsLast())
    places = shape_of(patches, form.inputs)[0]
    embedding = nn.Sequential(patches, ClassToken(choices.width), Positions(places + 1, choices.width))
    return _read_first(embedding, form, choices)


def sequence_transformer(form: Form, choices: Choices) -> nn.Module:
    """At most 64 steps or pieces of a sequence, `depth` blocks, their mean and a linear layer."""
    steps = nn.Sequential(sequence_steps(form, choices.width), ChannelsLast())
    positions = Positions(shape_of(steps, form.inputs)[0], choices.width)
    blocks = transformer_blocks(choices, growth=2)
    return nn.Sequential(steps, positions, nn.Dropout(choices.dropout), blocks, Mean(1), head(choices.width, form))


def table_transformer(form: Form, choices: Choices) -> nn.Module:
    """A token for each column, a class token, `depth` blocks; the class token ends in a linear layer."""
    columns = form.columns or (1,) * form.inputs[0]
    embedding = nn.Sequential(Columns(columns, choices.width), ClassToken(choices.width))
    return _read_first(embedding, form, choices)


def language_model(form: Form, choices: Choices, *, tied: bool) -> nn.Module:
    """A decoder-only transformer: tokens and positions, `depth` causal blocks, and a linear layer.

    It gives scores of the next token at each place, or one row of outputs, read at the last place.

    Args:
        form: The tokens that come in and the outputs.
        choices: Its width, depth and the like.
        tied: Whether the last layer has the weights of the embedding; only where outputs are tokens.
    """
    width = choices.width
    tokens, positions = nn.Embedding(form.vocabulary, width), Positions(form.inputs[0], width)
    last = nn.Linear(width, form.outputs[-1], bias=False)
    at_each = len(form.outputs) == 2
    read: list[nn.Module] = [] if at_each else [Last(1)]
    blocks = transformer_blocks(choices, causal=True)
    model = nn.Sequential(tokens, positions, nn.Dropout(choices.dropout), blocks, *read, last)
    model.apply(partial(_begun_as_language_model, blocks=2 * choices.depth))
    if tied and at_each:
        last.weight = tokens.weight
    return model


class ClassToken(nn.Module):
    """A learned token before all others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(SPREAD * torch.randn(1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """Put the token before each sequence."""
        return torch.cat([self.token.expand(len(x), -1, -1), x], 1)


class Positions(nn.Module):
    """A learned row that is added at each place."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(SPREAD * torch.randn(places, width))

    def forward(self, x: Tensor) -> Tensor:
        """Add a row to each place; a sequence may be shorter than those the model was made for."""
        return x + self.rows[: x.shape[1]]


class Columns(nn.Module):
    """A token for each column of a table: a linear layer of the column's features.

    Args:
        columns: How many features each column takes, in the order of a row.
        width: Dimensions of a token.
    """

    def __init__(self, columns: Sequence[int], width: int) -> None:
        super().__init__()
        shared = ceil(len(columns) / COLUMNS)
        self.sizes = [sum(columns[start : start + shared]) for start in range(0, len(columns), shared)]
        self.layers = nn.ModuleList(nn.Linear(size, width) for size in self.sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Make (examples, columns, width) of rows."""
        slices = torch.split(x, self.sizes, 1)
        return torch.stack([layer(columns) for layer, columns in zip(self.layers, slices, strict=True)], 1)


class First(nn.Module):
    """The first place of a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        """Take the first place."""
        return x[:, 0]


def _read_first(embedding: nn.Module, form: Form, choices: Choices) -> nn.Module:
    """Blocks on embedded tokens, of which the first is read."""
    blocks = transformer_blocks(choices, growth=2)
    return nn.Sequential(embedding, nn.Dropout(choices.dropout), blocks, First(), head(choices.width, form))


def _begun_as_language_model(module: nn.Module, blocks: int) -> None:
    """Give weights a small spread; those that end a residual branch a smaller one, as the branches add up."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=SPREAD)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
    if isinstance(module, SelfAttention):
        nn.init.normal_(module.output.weight, std=SPREAD / sqrt(blocks))

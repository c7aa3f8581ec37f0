"""torch.nn's own networks and layers with weights."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from benchmarks.coverage.examples import Example, tokens

SEQUENCE = (1, 7, 16)
"""Batch, time, features; all models take the batch first."""


def names() -> tuple[str, ...]:
    """All of them."""
    return tuple(EXAMPLES)


def example(name: str) -> Example:
    """One of them."""
    return EXAMPLES[name]()


def _of_sequence(model: nn.Module, sequences: int = 1) -> Example:
    return Example(model, tuple(torch.zeros(SEQUENCE) for _ in range(sequences)))


def _encoder_layer(*, norm_first: bool = False) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=norm_first)


EXAMPLES: Mapping[str, Callable[[], Example]] = {
    "Transformer": lambda: _of_sequence(nn.Transformer(16, 4, 2, 2, 32, batch_first=True), 2),
    "Transformer, norm first": lambda: _of_sequence(
        nn.Transformer(16, 4, 2, 2, 32, batch_first=True, norm_first=True), 2
    ),
    "TransformerEncoder": lambda: _of_sequence(nn.TransformerEncoder(_encoder_layer(), 2)),
    "TransformerEncoder, norm first": lambda: _of_sequence(
        nn.TransformerEncoder(_encoder_layer(norm_first=True), 2, enable_nested_tensor=False)
    ),
    "TransformerDecoder": lambda: _of_sequence(
        nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 4, 32, batch_first=True), 2), 2
    ),
    "MultiheadAttention": lambda: _of_sequence(nn.MultiheadAttention(16, 4, batch_first=True), 3),
    "MultiheadAttention, other keys": lambda: Example(
        nn.MultiheadAttention(16, 4, kdim=8, vdim=12, batch_first=True),
        (torch.zeros(SEQUENCE), torch.zeros(1, 7, 8), torch.zeros(1, 7, 12)),
    ),
    "RNN": lambda: _of_sequence(nn.RNN(16, 24, 2, batch_first=True)),
    "RNN, both directions": lambda: _of_sequence(nn.RNN(16, 24, 2, batch_first=True, bidirectional=True)),
    "LSTM": lambda: _of_sequence(nn.LSTM(16, 24, 2, batch_first=True)),
    "LSTM, both directions": lambda: _of_sequence(nn.LSTM(16, 24, 2, batch_first=True, bidirectional=True)),
    "LSTM, projected": lambda: _of_sequence(nn.LSTM(16, 24, 2, batch_first=True, proj_size=8)),
    "GRU": lambda: _of_sequence(nn.GRU(16, 24, 2, batch_first=True)),
    "GRU, both directions": lambda: _of_sequence(nn.GRU(16, 24, 2, batch_first=True, bidirectional=True)),
    "RNNCell": lambda: Example(nn.RNNCell(16, 24), (torch.zeros(1, 16),)),
    "LSTMCell": lambda: Example(nn.LSTMCell(16, 24), (torch.zeros(1, 16),)),
    "GRUCell": lambda: Example(nn.GRUCell(16, 24), (torch.zeros(1, 16),)),
    "Embedding": lambda: Example(nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 4)), (tokens(7),)),
    "EmbeddingBag": lambda: Example(nn.Sequential(nn.EmbeddingBag(50, 16), nn.Linear(16, 4)), (tokens(7),)),
    "Bilinear": lambda: Example(nn.Bilinear(8, 6, 4), (torch.zeros(1, 8), torch.zeros(1, 6))),
    "ConvTranspose1d": lambda: Example(nn.ConvTranspose1d(6, 8, 3, 2), (torch.zeros(1, 6, 9),)),
    "ConvTranspose2d": lambda: Example(nn.ConvTranspose2d(6, 8, 3, 2, groups=2), (torch.zeros(1, 6, 9, 9),)),
    "ConvTranspose3d": lambda: Example(nn.ConvTranspose3d(6, 8, 3, 2), (torch.zeros(1, 6, 5, 5, 5),)),
}
"""Name -> what makes the example."""

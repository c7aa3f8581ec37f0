"""One of transformers' architectures, small; and the sizes that many of them share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.coverage.examples import images, tokens

Settings = dict[str, object]
"""What a configuration says else than by default; "|" adds to it."""

WIDTHS: Settings = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
WORDS: Settings = {
    "vocab_size": 99,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TEXT: Settings = WIDTHS | WORDS
GROUPED: Settings = TEXT | {"num_key_value_heads": 2, "head_dim": 8}
"""Heads that share their keys and values, as most language models have them now."""

PATCHES: Settings = WIDTHS | {"image_size": 32, "patch_size": 8}
TWO_STACKS: Settings = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
"""An encoder and a decoder, as the first Transformer had them."""

TRANSLATIONS: Settings = WORDS | TWO_STACKS | {"decoder_start_token_id": 2}

T5: Settings = WORDS | {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}


@dataclass(frozen=True)
class Architecture:
    """What makes a small model of it.

    Attributes:
        model: Name of the class that makes the model of a configuration: one of the Auto classes, or its own.
        settings: Of its configuration.
        inputs: Makes the keyword arguments of the forward pass.
    """

    model: str
    settings: Settings
    inputs: Callable[[], dict[str, Tensor]]


def decoder(settings: Settings, **more: object) -> Architecture:
    """A language model that reads from left to right."""
    return Architecture("AutoModelForCausalLM", settings | more, lambda: {"input_ids": tokens(7)})


def two_stacks(settings: Settings, *, read: int = 7, written: int = 5, **more: object) -> Architecture:
    """A language model that reads one sentence and writes another, of so many words."""
    return Architecture(
        "AutoModelForSeq2SeqLM",
        settings | more,
        lambda: {
            "input_ids": tokens(read),
            "attention_mask": torch.ones(1, read, dtype=torch.long),  # some make none of their own while exported
            "decoder_input_ids": tokens(written),
        },
    )


def seen(
    settings: Settings,
    size: int = 32,
    kind: str = "AutoModelForImageClassification",
    *,
    channels: int = 3,
    **more: object,
) -> Architecture:
    """A model of images of that size."""
    return Architecture(kind, settings | more, lambda: {"pixel_values": images(size, channels=channels)})

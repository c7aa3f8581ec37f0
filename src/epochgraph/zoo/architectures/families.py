"""The families of architectures that sweeps are drawn from: a closed table, each with the choices that make sense."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import nn

from epochgraph.errors import SettingError
from epochgraph.zoo.architectures.autoencoders import autoencoder
from epochgraph.zoo.architectures.choices import ACTIVATIONS, Build, Choices, Norm
from epochgraph.zoo.architectures.convolutional import (
    depthwise_network,
    pooled_network,
    residual_network,
    strided_network,
)
from epochgraph.zoo.architectures.mixer import mixer
from epochgraph.zoo.architectures.perceptron import perceptron
from epochgraph.zoo.architectures.recurrent import recurrent_network
from epochgraph.zoo.architectures.temporal import temporal_language_model, temporal_network
from epochgraph.zoo.architectures.transformers import (
    language_model,
    sequence_transformer,
    table_transformer,
    vision_transformer,
)
from epochgraph.zoo.tasks.task import Form, Kind

Outputs = Literal["row", "tokens", "image"]
"""What a network gives for one input: some values, a row at each place of a text, or an image."""

WIDTHS = range(4, 4097)
DEPTHS = range(1, 65)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """An architecture, the forms that it fits, and the choices from which a sweep draws.

    Attributes:
        made: Makes the network; it relies on what `build` has checked.
        kinds: The inputs that it takes.
        outputs: What it can give for them.
        norms: The norms between its layers that make sense.
        widths: Widths that train in seconds, ascending.
        depths: Depths that train in seconds, ascending.
        activated: Whether the choice of an activation makes a difference.
    """

    made: Build
    kinds: frozenset[Kind]
    outputs: frozenset[Outputs]
    norms: tuple[Norm, ...]
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    activated: bool = True

    def fits(self, form: Form) -> bool:
        """Whether the family takes such inputs and gives such outputs."""
        return form.kind in self.kinds and outputs_of(form) in self.outputs

    def build(self, form: Form, choices: Choices) -> nn.Module:
        """Make a network with new weights from torch's global random numbers.

        Any width from 4 to 4096 and any depth from 1 to 64 will do, not only those that a sweep draws.

        Raises:
            SettingError: The family does not fit the form, or a choice is out of range.
        """
        if form.kind not in self.kinds:
            raise SettingError("kind of the inputs", form.kind, _listed(self.kinds))
        if outputs_of(form) not in self.outputs:
            raise SettingError("shape of the outputs", form.outputs, _listed(self.outputs))
        _check_size("width", choices.width, WIDTHS)
        _check_size("depth", choices.depth, DEPTHS)
        if choices.norm not in self.norms:
            raise SettingError("norm", choices.norm, _listed(self.norms))
        if choices.activation not in ACTIVATIONS:
            raise SettingError("activation", choices.activation, _listed(ACTIVATIONS))
        if not 0 <= choices.dropout < 1:
            raise SettingError("dropout", choices.dropout, "at least 0 and below 1")
        return self.made(form, choices)


def outputs_of(form: Form) -> Outputs:
    """What a network gives in this form."""
    shapes: dict[int, Outputs] = {2: "tokens", 3: "image"}
    return shapes.get(len(form.outputs), "row")


def _check_size(name: str, found: object, allowed: range) -> None:
    """Refuse a width or depth that no network has."""
    if not isinstance(found, int) or isinstance(found, bool) or found not in allowed:
        raise SettingError(name, found, f"an integer from {allowed[0]} to {allowed[-1]}")


def _listed(allowed: Iterable[str]) -> str:
    """Allowed words in a row."""
    return " or ".join(repr(word) for word in sorted(allowed))


IMAGES: frozenset[Kind] = frozenset({"image"})
SEQUENCES: frozenset[Kind] = frozenset({"sequence"})
TOKENS: frozenset[Kind] = frozenset({"tokens"})
TABLES: frozenset[Kind] = frozenset({"table"})
ROW: frozenset[Outputs] = frozenset({"row"})
IMAGE: frozenset[Outputs] = frozenset({"image"})
OF_TEXT: frozenset[Outputs] = frozenset({"row", "tokens"})
CHANNELWISE: tuple[Norm, ...] = ("none", "batch", "group")
LAYERWISE: tuple[Norm, ...] = ("layer", "none")

FAMILIES: dict[str, Family] = {
    "mlp": Family(
        made=perceptron,
        kinds=IMAGES | SEQUENCES | TABLES,
        outputs=ROW | IMAGE,
        norms=("none", "batch", "group", "layer"),
        widths=(16, 32, 64, 96, 128),
        depths=(1, 2, 3, 4),
    ),
    "cnn": Family(
        made=pooled_network,
        kinds=IMAGES,
        outputs=ROW,
        norms=CHANNELWISE,
        widths=(8, 12, 16, 24),
        depths=(2, 3, 4),
    ),
    "strided-cnn": Family(
        made=strided_network,
        kinds=IMAGES,
        outputs=ROW,
        norms=CHANNELWISE,
        widths=(8, 12, 16, 24),
        depths=(2, 3, 4, 5),
    ),
    "resnet": Family(
        made=residual_network,
        kinds=IMAGES,
        outputs=ROW,
        norms=CHANNELWISE,
        widths=(8, 12, 16, 24),
        depths=(2, 3, 4),
    ),
    "convnext": Family(
        made=depthwise_network,
        kinds=IMAGES,
        outputs=ROW,
        norms=("layer", "batch"),
        widths=(16, 24, 32, 48),
        depths=(2, 3, 4),
    ),
    "mixer": Family(
        made=mixer,
        kinds=IMAGES,
        outputs=ROW,
        norms=LAYERWISE,
        widths=(24, 32, 48, 64),
        depths=(1, 2, 3),
    ),
    "vit": Family(
        made=vision_transformer,
        kinds=IMAGES,
        outputs=ROW,
        norms=LAYERWISE,
        widths=(24, 32, 48, 64),
        depths=(1, 2, 3),
    ),
    "gpt": Family(
        made=partial(language_model, tied=False),
        kinds=TOKENS,
        outputs=OF_TEXT,
        norms=LAYERWISE,
        widths=(24, 32, 48, 64),
        depths=(1, 2, 3, 4),
    ),
    "gpt-tied": Family(
        made=partial(language_model, tied=True),
        kinds=TOKENS,
        outputs=OF_TEXT,
        norms=LAYERWISE,
        widths=(24, 32, 48, 64),
        depths=(1, 2, 3, 4),
    ),
    "lstm": Family(
        made=partial(recurrent_network, cell=nn.LSTM),
        kinds=TOKENS | SEQUENCES,
        outputs=OF_TEXT,
        norms=("none", "layer"),
        widths=(32, 48, 64, 96),
        depths=(1, 2),
        activated=False,
    ),
    "gru": Family(
        made=partial(recurrent_network, cell=nn.GRU),
        kinds=TOKENS | SEQUENCES,
        outputs=OF_TEXT,
        norms=("none", "layer"),
        widths=(32, 48, 64, 96),
        depths=(1, 2),
        activated=False,
    ),
    "tcn": Family(
        made=temporal_network,
        kinds=SEQUENCES,
        outputs=ROW,
        norms=("none", "batch", "group", "layer"),
        widths=(12, 16, 24, 32),
        depths=(2, 3, 4),
    ),
    "tcn-tokens": Family(
        made=temporal_language_model,
        kinds=TOKENS,
        outputs=OF_TEXT,
        norms=LAYERWISE,
        widths=(24, 32, 48),
        depths=(2, 3, 4),
    ),
    "sequence-transformer": Family(
        made=sequence_transformer,
        kinds=SEQUENCES,
        outputs=ROW,
        norms=LAYERWISE,
        widths=(24, 32, 48, 64),
        depths=(1, 2, 3),
    ),
    "table-transformer": Family(
        made=table_transformer,
        kinds=TABLES,
        outputs=ROW,
        norms=LAYERWISE,
        widths=(16, 24, 32, 48),
        depths=(1, 2, 3),
    ),
    "autoencoder": Family(
        made=autoencoder,
        kinds=IMAGES,
        outputs=IMAGE,
        norms=CHANNELWISE,
        widths=(8, 12, 16),
        depths=(2, 3, 4),
    ),
}
"""Every family by the name that recipes and results give it."""

"""The architectures that are nudged, small, and what kind of wiring each is an example of."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.coverage import (
    diffusers_models,
    monai_models,
    torch_geometric_models,
    torch_models,
    transformers_models,
)
from benchmarks.coverage.examples import Example, images
from benchmarks.coverage.libraries import Name
from benchmarks.coverage.operators import imported


@dataclass(frozen=True, slots=True)
class Subject:
    """An architecture.

    Attributes:
        library: Where it is from.
        name: There.
        shows: What kind of wiring it is an example of.
        make: Builds a small one, with inputs of the right shape.
    """

    library: Name
    name: str
    shows: str
    make: Callable[[], Example]


class Read(nn.Module):
    """A recurrent layer with a head that reads what it gives."""

    def __init__(self, recurrent: nn.Module, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.recurrent = recurrent
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Of a batch of sequences."""
        found: Tensor = self.head(self.recurrent(self.first(x))[0])
        return found


class Stepped(nn.Module):
    """A recurrent cell that is called moment by moment, with a head that reads the last."""

    def __init__(self, cell: nn.RNNCellBase) -> None:
        super().__init__()
        self.cell = cell
        self.head = nn.Linear(cell.hidden_size, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Of a batch of sequences."""
        state = None
        for moment in x.unbind(1):
            state = self.cell(moment, state)
        found: Tensor = self.head(state[0] if isinstance(state, tuple) else state)
        return found


def _cell(name: str, kind: type[nn.RNNCellBase]) -> Subject:
    def make() -> Example:
        return Example(Stepped(kind(6, 12)), (torch.zeros(1, 5, 6),))  # type: ignore[call-arg]

    return Subject("torch", name, "recurrent, step by step", make)


def _recurrent(name: str, kind: type[nn.RNNBase], **options: object) -> Subject:
    def make() -> Example:
        layer = kind(8, 12, 2, batch_first=True, **options)  # type: ignore[arg-type]
        width = (layer.proj_size or 12) * (2 if layer.bidirectional else 1)
        return Example(Read(layer, width), (torch.zeros(1, 5, 6),))

    return Subject("torch", name, "recurrent", make)


def _torch(name: str, shows: str) -> Subject:
    return Subject("torch", name, shows, lambda: torch_models.example(name))


def _torchvision(name: str, shows: str, size: int = 64, **options: object) -> Subject:
    def make() -> Example:
        models = imported("torchvision").models
        return Example(models.get_model(name, weights=None, **options), (images(size),))

    return Subject("torchvision", name, shows, make)


def _timm(name: str, shows: str, size: int = 64, **options: object) -> Subject:
    def make() -> Example:
        model = imported("timm").create_model(name, pretrained=False, **options)
        return Example(model, (images(size, channels=model.pretrained_cfg["input_size"][0]),))

    return Subject("timm", name, shows, make)


def _transformers(name: str, shows: str) -> Subject:
    return Subject("transformers", name, shows, lambda: transformers_models.example(name))


def _diffusers(name: str, shows: str) -> Subject:
    return Subject("diffusers", name, shows, lambda: diffusers_models.example(name))


def _monai(name: str, shows: str) -> Subject:
    return Subject("monai", name, shows, lambda: monai_models.example(name))


def _on_graphs(name: str, shows: str) -> Subject:
    return Subject("torch_geometric", name, shows, lambda: torch_geometric_models.example(name))


SUBJECTS: tuple[Subject, ...] = (
    _torchvision("squeezenet1_1", "chain, concatenation"),
    _timm("test_resnet", "residual"),
    _timm("test_vit", "vision transformer"),
    _transformers("gpt2", "decoder, Conv1D, tied head"),
    _transformers("llama", "grouped-query attention, gated MLP"),
    _transformers("mixtral", "experts"),
    _recurrent("LSTM, both directions", nn.LSTM, bidirectional=True),
    _torchvision("shufflenet_v2_x0_5", "split, depthwise, channel shuffle"),
    _torchvision("mobilenet_v2", "depthwise, inverted residual"),
    _torch("MultiheadAttention, other keys", "heads"),
    _transformers("t5", "encoder-decoder, relative positions"),
    _transformers("mamba", "state space"),
    _timm(
        "swin_tiny_patch4_window7_224",
        "shifted windows, relative bias",
        embed_dim=24,
        depths=(2, 2),
        num_heads=(2, 4),
        window_size=4,
        img_size=64,
    ),
    _timm("test_convnext", "depthwise 7x7, layer scale"),
    _timm("test_efficientnet", "depthwise, squeeze-excitation"),
    _transformers("bert", "encoder"),
    _transformers("albert", "shared layers"),
    _torch("Transformer", "encoder-decoder, heads"),
    _torchvision("mobilenet_v3_small", "depthwise, squeeze-excitation"),
    _torchvision("densenet121", "dense concatenation"),
    _torchvision("googlenet", "inception", aux_logits=False, init_weights=False),
    _torchvision("regnet_y_400mf", "grouped, squeeze-excitation"),
    _torchvision("lraspp_mobilenet_v3_large", "segmentation", num_classes=5, weights_backbone=None),
    _timm("test_byobnet", "several kinds of blocks"),
    _timm("test_nfnet", "weight standardisation, no norm"),
    _timm("test_convnext2", "global response norm"),
    _timm("test_mambaout", "gated depthwise convolution"),
    _timm("test_maxvit", "convolution and attention, grid and window", 160),
    _timm("test_coatnet", "convolution, then attention", 160),
    _timm("test_vit3", "attention pooling", 160),
    _timm("mixer_s32_224", "layers over tokens", img_size=64),
    _timm("resmlp_12_224", "layers over tokens, affine", img_size=64),
    _timm("gmlp_s16_224", "spatial gate", img_size=64),
    _timm("mobilevit_xxs", "convolution and attention over unfolded patches", 128),
    _timm("mobilevitv2_050", "separable attention", 128),
    _timm(
        "swinv2_tiny_window8_256",
        "cosine attention",
        embed_dim=24,
        depths=(2, 2),
        num_heads=(2, 4),
        window_size=4,
        img_size=64,
    ),
    _timm("poolformer_s12", "pooling as mixer"),
    _timm("ghostnet_050", "ghost modules"),
    _timm("skresnet18", "selective kernels"),
    _timm("res2net50_14w_8s", "scales within a block"),
    _timm("resnest14d", "split attention"),
    _timm("cspresnet50", "cross-stage split"),
    _timm("dla46_c", "aggregation over depth"),
    _timm("hrnet_w18_small", "several resolutions"),
    _timm("repvgg_a0", "parallel branches"),
    _timm("xcit_nano_12_p16_224", "attention over channels", img_size=64),
    _timm("efficientnet_cc_b0_4e", "kernels that are computed of values"),
    _timm("samvit_base_patch16_224", "padded windows, relative positions", img_size=64),
    _timm("edgenext_xx_small", "scales within a block, attention over channels"),
    _transformers("gemma2", "grouped-query attention, soft cap"),
    _transformers("qwen3_moe", "experts, norm of queries"),
    _transformers("falcon", "multi-query attention"),
    _transformers("gpt_neox", "fused queries, keys and values by head"),
    _transformers("bart", "encoder-decoder"),
    _transformers("deberta-v2", "disentangled positions"),
    _transformers("rwkv", "linear recurrence"),
    _transformers("mamba2", "state space, heads"),
    _transformers("wav2vec2", "waves, grouped positional convolution"),
    _transformers("whisper", "spectrograms, encoder-decoder"),
    _transformers("clip", "two towers"),
    _transformers("detr", "convolution, encoder-decoder, learned queries"),
    _transformers("segformer", "segmentation, reduced keys"),
    _transformers("dpt", "U-Net-like fusion, transposed convolution"),
    _transformers("convnextv2", "global response norm"),
    _transformers("cvt", "depthwise projections"),
    _recurrent("LSTM, projected", nn.LSTM, proj_size=4),
    _recurrent("GRU", nn.GRU),
    _cell("LSTMCell", nn.LSTMCell),
    _cell("GRUCell", nn.GRUCell),
    _torch("ConvTranspose2d", "grouped, transposed"),
    _torch("Bilinear", "two inputs"),
    _recurrent("RNN, both directions", nn.RNN, bidirectional=True),
    _diffusers("UNet2DModel", "U-Net with attention, steps in time"),
    _diffusers("UNet2DConditionModel", "U-Net that attends to a text"),
    _diffusers("AutoencoderKL", "variational autoencoder"),
    _diffusers("SD3Transformer2DModel", "image and text attended together, modulation"),
    _diffusers("FluxTransformer2DModel", "parallel attention and MLP, rotary places"),
    _monai("UNet, residual", "U-Net, transposed convolution"),
    _monai("DynUNet", "U-Net in three dimensions, instance norm"),
    _monai("SegResNet", "group norm, additions along the way up"),
    _monai("UNETR", "transformer under a U-Net, three dimensions"),
    _on_graphs("GCNConv", "messages along edges, normalised"),
    _on_graphs("SAGEConv", "mean of messages, and the node itself"),
    _on_graphs("GATv2Conv", "attention along edges"),
    _on_graphs("GINConv", "sum of messages, then a perceptron"),
    _on_graphs("RGCNConv", "a weight for each relation"),
)
"""In an order in which already the first few are of every kind."""

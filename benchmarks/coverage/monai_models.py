"""MONAI: the networks of medical imaging, small, of two and three dimensions."""

from collections.abc import Mapping

import torch
from torch import Tensor

from benchmarks.coverage.examples import Case, Example, images, tokens
from benchmarks.coverage.operators import imported

STEP = torch.tensor([3])
"""Which step of the diffusion it is."""

LEVELS = {"channels": (4, 8), "strides": (2,)}
"""Of a U-Net with two levels."""

HALVED = {"channels": (4, 8), "strides": (2, 2)}
"""Of an encoder with two levels."""

ENDS = {"in_channels": 1, "out_channels": 2}
DIFFUSION = {
    "spatial_dims": 2,
    "in_channels": 1,
    "num_res_blocks": 1,
    "channels": (8, 16),
    "attention_levels": (False, True),
    "norm_num_groups": 4,
    "num_head_channels": 4,
}
TRANSFORMER = {"in_channels": 1, "img_size": 16, "patch_size": 4, "hidden_size": 16, "mlp_dim": 24, "num_heads": 2}


def names() -> tuple[str, ...]:
    """The classes."""
    imported("monai")
    return tuple(CASES)


def example(name: str) -> Example:
    """A small model of that class."""
    case = CASES[name]
    imported("monai")
    kind = getattr(imported("monai.networks.nets"), name.partition(",")[0])
    return Example(kind(**case.settings), tuple(case.inputs.values()))


def volume(size: int, channels: int = 1) -> Tensor:
    """A batch of one scan."""
    return torch.zeros(1, channels, size, size, size)


def image(size: int, channels: int = 1) -> Tensor:
    """A batch of one slice."""
    return images(size, channels=channels)


CASES: Mapping[str, Case] = {
    "UNet": Case({"spatial_dims": 3, **ENDS, **LEVELS}, {"x": volume(8)}),
    "UNet, residual": Case({"spatial_dims": 2, **ENDS, **LEVELS, "num_res_units": 2}, {"x": image(16)}),
    "BasicUNet": Case({"spatial_dims": 2, "features": (4, 4, 8, 8, 8, 4)}, {"x": image(32)}),
    "BasicUNetPlusPlus": Case({"spatial_dims": 2, "features": (4, 4, 8, 8, 8, 4)}, {"x": image(32)}),
    "AttentionUnet": Case({"spatial_dims": 2, **ENDS, **LEVELS}, {"x": image(16)}),
    "DynUNet": Case(
        {
            "spatial_dims": 3,
            **ENDS,
            "kernel_size": (3, 3, 3),
            "strides": (1, 2, 2),
            "upsample_kernel_size": (2, 2),
            "filters": (4, 8, 8),
        },
        {"x": volume(8)},
    ),
    "FlexibleUNet": Case({"in_channels": 3, "out_channels": 2, "backbone": "resnet18"}, {"x": images(32)}),
    "UNETR": Case(
        {**ENDS, "img_size": 32, "feature_size": 4, "hidden_size": 16, "mlp_dim": 24, "num_heads": 2},
        {"x": volume(32)},
    ),
    "SwinUNETR": Case(
        {
            **ENDS,
            "depths": (1, 1, 1, 1),
            "num_heads": (1, 2, 2, 4),
            "window_size": 4,
            "feature_size": 12,
            "spatial_dims": 2,
        },
        {"x": image(64)},
    ),
    "SwinUNETR, second version": Case(
        {
            **ENDS,
            "depths": (1, 1, 1, 1),
            "num_heads": (1, 2, 2, 4),
            "window_size": 4,
            "feature_size": 12,
            "spatial_dims": 2,
            "use_v2": True,
        },
        {"x": image(64)},
    ),
    "SegResNet": Case({"spatial_dims": 3, "init_filters": 8}, {"x": volume(16)}),
    "SegResNetDS": Case({"spatial_dims": 3, "init_filters": 8}, {"x": volume(16)}),
    "SegResNetVAE": Case({"input_image_size": (16, 16, 16), "init_filters": 8, "vae_nz": 8}, {"x": volume(16)}),
    "VNet": Case({"spatial_dims": 3}, {"x": volume(16)}),
    "HighResNet": Case({"spatial_dims": 3}, {"x": volume(8)}),
    "Quicknat": Case({"num_classes": 3, "num_filters": 4}, {"x": image(32)}),
    "MedNeXt": Case(
        {"init_filters": 4, "kernel_size": 3, "blocks_down": (1, 1), "blocks_up": (1, 1), "blocks_bottleneck": 1},
        {"x": volume(16)},
    ),
    "HoVerNet": Case({"out_classes": 3}, {"x": images(256)}),
    "DenseNet121": Case({"spatial_dims": 3, **ENDS}, {"x": volume(32)}),
    "ResNet": Case(
        {
            "block": "basic",
            "layers": [1, 1, 1, 1],
            "block_inplanes": [4, 8, 8, 8],
            "n_input_channels": 1,
            "num_classes": 3,
        },
        {"x": volume(32)},
    ),
    "SEResNet50": Case({"spatial_dims": 2, "in_channels": 3, "num_classes": 3}, {"x": images(64)}),
    "SEResNext50": Case({"spatial_dims": 2, "in_channels": 3, "num_classes": 3}, {"x": images(64)}),
    "SENet154": Case({"spatial_dims": 2, "in_channels": 3, "num_classes": 3}, {"x": images(64)}),
    "EfficientNetBN": Case({"model_name": "efficientnet-b0", "pretrained": False}, {"x": images(64)}),
    "ViT": Case({**TRANSFORMER, "num_layers": 2, "classification": True, "spatial_dims": 2}, {"x": image(16)}),
    "ViT, by a perceptron": Case({**TRANSFORMER, "num_layers": 2, "proj_type": "perceptron"}, {"x": volume(16)}),
    "ViTAutoEnc": Case({**TRANSFORMER, "num_layers": 2, "spatial_dims": 2}, {"x": image(16)}),
    "MaskedAutoEncoderViT": Case(
        {
            **TRANSFORMER,
            "num_layers": 2,
            "spatial_dims": 2,
            "decoder_hidden_size": 16,
            "decoder_mlp_dim": 24,
            "decoder_num_layers": 1,
            "decoder_num_heads": 2,
        },
        {"x": image(16)},
    ),
    "MILModel": Case(
        {"num_classes": 3, "mil_mode": "att_trans", "pretrained": False}, {"x": torch.zeros(1, 2, 3, 64, 64)}
    ),
    "AutoEncoder": Case({"spatial_dims": 2, "in_channels": 1, "out_channels": 1, **HALVED}, {"x": image(16)}),
    "VarAutoEncoder": Case(
        {"spatial_dims": 2, "in_shape": (1, 16, 16), "out_channels": 1, "latent_size": 4, **HALVED}, {"x": image(16)}
    ),
    "AutoencoderKL": Case(
        {
            "spatial_dims": 2,
            "num_res_blocks": 1,
            "channels": (8, 16),
            "attention_levels": (False, True),
            "norm_num_groups": 4,
        },
        {"x": image(16)},
    ),
    "VQVAE": Case(
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 1,
            "channels": (4, 8),
            "num_res_layers": 1,
            "num_res_channels": (4, 8),
            "downsample_parameters": ((2, 4, 1, 1),) * 2,
            "upsample_parameters": ((2, 4, 1, 1, 0),) * 2,
            "num_embeddings": 8,
            "embedding_dim": 4,
        },
        {"images": image(16)},
    ),
    "DiffusionModelUNet": Case({**DIFFUSION, "out_channels": 1}, {"x": image(16), "timesteps": STEP}),
    "DiffusionModelUNet, of a text": Case(
        {**DIFFUSION, "out_channels": 1, "with_conditioning": True, "cross_attention_dim": 12},
        {"x": image(16), "timesteps": STEP, "context": torch.zeros(1, 6, 12)},
    ),
    "SPADEDiffusionModelUNet": Case(
        {**DIFFUSION, "out_channels": 1, "label_nc": 3, "spade_intermediate_channels": 8},
        {"x": image(16), "timesteps": STEP, "seg": image(16, 3)},
    ),
    "ControlNet": Case(
        {**DIFFUSION, "conditioning_embedding_num_channels": (4,)},
        {"x": image(16), "timesteps": STEP, "controlnet_cond": image(16)},
    ),
    "SPADENet": Case(
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 1,
            "label_nc": 3,
            "input_shape": [16, 16],
            "channels": [8, 16],
            "z_dim": 4,
            "spade_intermediate_channels": 8,
        },
        {"seg": image(16, 3), "x": image(16)},
    ),
    "DecoderOnlyTransformer": Case(
        {
            "num_tokens": 50,
            "max_seq_len": 8,
            "attn_layers_dim": 16,
            "attn_layers_depth": 2,
            "attn_layers_heads": 2,
            "with_cross_attention": True,
        },
        {"x": tokens(6), "context": torch.zeros(1, 5, 16)},
    ),
    "PatchDiscriminator": Case(
        {"spatial_dims": 2, "channels": 4, "in_channels": 1, "num_layers_d": 2}, {"x": image(32)}
    ),
    "MultiScalePatchDiscriminator": Case(
        {
            "num_d": 2,
            "num_layers_d": 2,
            "spatial_dims": 2,
            "channels": 4,
            "in_channels": 1,
            "minimum_size_im": 64,
        },
        {"x": image(64)},
    ),
    "Classifier": Case({"in_shape": (1, 16, 16), "classes": 3, **HALVED}, {"x": image(16)}),
    "Critic": Case({"in_shape": (1, 16, 16), **HALVED}, {"x": image(16)}),
    "Generator": Case(
        {"latent_shape": (6,), "start_shape": (4, 4, 4), "channels": (8, 4, 1), "strides": (2, 2, 1)},
        {"x": torch.zeros(1, 6)},
    ),
    "FullyConnectedNet": Case(
        {"in_channels": 6, "out_channels": 3, "hidden_channels": (8, 5)}, {"x": torch.zeros(1, 6)}
    ),
    "RegUNet": Case({"spatial_dims": 2, "in_channels": 2, "num_channel_initial": 4, "depth": 2}, {"x": image(16, 2)}),
    "LocalNet": Case(
        {"spatial_dims": 2, "in_channels": 2, "num_channel_initial": 4, "extract_levels": (0, 1)}, {"x": image(16, 2)}
    ),
    "GlobalNet": Case(
        {"image_size": [16, 16], "spatial_dims": 2, "in_channels": 2, "num_channel_initial": 4, "depth": 2},
        {"x": image(16, 2)},
    ),
    "VoxelMorph": Case({"spatial_dims": 2}, {"moving": image(32), "fixed": image(32)}),
}
"""Class -> its case; after a comma what kind of it."""

"""diffusers: networks of every kind that its pipelines are made of, built from small configurations."""

from collections.abc import Mapping
from inspect import signature

import torch
from torch import Tensor

from benchmarks.coverage.examples import Case, Example, clips, images
from benchmarks.coverage.operators import imported

STEP = torch.tensor([3])
"""Which step of the diffusion it is."""

GROUPS = {"norm_num_groups": 4}
DOWN, UP = ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2
CROSSED: dict[str, object] = {
    "block_out_channels": (8, 16),
    "layers_per_block": 1,
    "cross_attention_dim": 12,
    "attention_head_dim": 4,
    **GROUPS,
}
"""Of a U-Net that looks at a text."""


def names() -> tuple[str, ...]:
    """The classes."""
    imported("diffusers")
    return tuple(CASES)


def example(name: str) -> Example:
    """A small model of that class, which answers with tensors."""
    case = CASES[name]
    model = getattr(imported("diffusers"), name)(**case.settings)
    plain = {"return_dict": False} if "return_dict" in signature(model.forward).parameters else {}
    return Example(model, options={**case.inputs, **plain})


def text(width: int, length: int = 6) -> Tensor:
    """The features of a text's tokens."""
    return torch.zeros(1, length, width)


def latents(channels: int = 4, size: int = 8, frames: int | None = None) -> Tensor:
    """What is to be denoised: an image, or a clip with its channels before its frames."""
    return torch.zeros(1, channels, *(() if frames is None else (frames,)), size, size)


def mask(*, boolean: bool = True) -> Tensor:
    """All of a text's tokens are there."""
    return torch.ones(1, 6, dtype=torch.bool if boolean else torch.float32)


TRANSFORMER: dict[str, object] = {"num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 2}
PLACES = {
    "img_ids": torch.cartesian_prod(torch.zeros(1), torch.arange(4.0), torch.arange(4.0)),
    "txt_ids": torch.zeros(6, 3),
}
"""Of sixteen patches and six tokens."""

CASES: Mapping[str, Case] = {
    "UNet2DModel": Case(
        {
            "block_out_channels": (8, 16),
            "layers_per_block": 1,
            "attention_head_dim": 4,
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
            **GROUPS,
        },
        {"sample": images(16), "timestep": STEP},
    ),
    "UNet2DConditionModel": Case(
        {
            **CROSSED,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        },
        {"sample": latents(), "timestep": STEP, "encoder_hidden_states": text(12)},
    ),
    "UNet3DConditionModel": Case(
        {
            **CROSSED,
            "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"),
            "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"),
        },
        {"sample": latents(frames=3), "timestep": STEP, "encoder_hidden_states": text(12)},
    ),
    "UNetSpatioTemporalConditionModel": Case(
        {
            "block_out_channels": (32, 64),
            "layers_per_block": 1,
            "cross_attention_dim": 12,
            "num_attention_heads": (2, 2),
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 24,
            "down_block_types": ("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
            "up_block_types": ("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        },
        {
            "sample": torch.zeros(1, 2, 8, 8, 8),
            "timestep": STEP,
            "encoder_hidden_states": text(12, 1),
            "added_time_ids": torch.zeros(1, 3),
        },
    ),
    "ControlNetModel": Case(
        {
            **CROSSED,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "conditioning_embedding_out_channels": (4, 8),
        },
        {
            "sample": latents(),
            "timestep": STEP,
            "encoder_hidden_states": text(12),
            "controlnet_cond": images(16),
        },
    ),
    "UVit2DModel": Case(
        {
            "hidden_size": 16,
            "cond_embed_dim": 8,
            "micro_cond_encode_dim": 4,
            "micro_cond_embed_dim": 20,
            "encoder_hidden_size": 12,
            "vocab_size": 50,
            "codebook_size": 48,
            "in_channels": 16,
            "block_out_channels": 16,
            "num_res_blocks": 1,
            "block_num_heads": 2,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "sample_size": 8,
        },
        {
            "input_ids": torch.arange(64).reshape(1, 8, 8) % 48,
            "encoder_hidden_states": text(12),
            "pooled_text_emb": torch.zeros(1, 8),
            "micro_conds": torch.ones(1, 5),
        },
    ),
    "PriorTransformer": Case(
        {**TRANSFORMER, "embedding_dim": 12, "num_embeddings": 6, "additional_embeddings": 4},
        {
            "hidden_states": torch.zeros(1, 12),
            "timestep": STEP,
            "proj_embedding": torch.zeros(1, 12),
            "encoder_hidden_states": text(12),
        },
    ),
    "AutoencoderKL": Case(
        {"down_block_types": DOWN, "up_block_types": UP, "block_out_channels": (8, 16), **GROUPS},
        {"sample": images(16)},
    ),
    "AsymmetricAutoencoderKL": Case(
        {
            "down_block_types": DOWN,
            "up_block_types": UP,
            "down_block_out_channels": (8, 16),
            "up_block_out_channels": (8, 16),
            **GROUPS,
        },
        {"sample": images(16), "mask": torch.ones(1, 1, 16, 16)},
    ),
    "AutoencoderKLTemporalDecoder": Case(
        {"down_block_types": DOWN, "layers_per_block": 2, "block_out_channels": (32, 32)},
        {"sample": images(16), "num_frames": 1},
    ),
    "AutoencoderTiny": Case(
        {
            "encoder_block_out_channels": (8, 8),
            "decoder_block_out_channels": (8, 8),
            "num_encoder_blocks": (1, 1),
            "num_decoder_blocks": (1, 1),
        },
        {"sample": images(16)},
    ),
    "AutoencoderDC": Case(
        {
            "latent_channels": 4,
            "attention_head_dim": 4,
            "encoder_block_types": ("ResBlock", "EfficientViTBlock"),
            "decoder_block_types": ("ResBlock", "EfficientViTBlock"),
            "encoder_block_out_channels": (8, 8),
            "decoder_block_out_channels": (8, 8),
            "encoder_layers_per_block": (1, 1),
            "decoder_layers_per_block": (1, 1),
            "encoder_qkv_multiscales": ((), (5,)),
            "decoder_qkv_multiscales": ((), (5,)),
        },
        {"sample": images(16)},
    ),
    "AutoencoderOobleck": Case(
        {
            "encoder_hidden_size": 4,
            "downsampling_ratios": [2, 2],
            "channel_multiples": [1, 2],
            "decoder_channels": 4,
            "decoder_input_channels": 2,
        },
        {"sample": torch.zeros(1, 2, 32)},
    ),
    "AutoencoderKLCogVideoX": Case(
        {
            "down_block_types": ("CogVideoXDownBlock3D",) * 2,
            "up_block_types": ("CogVideoXUpBlock3D",) * 2,
            "block_out_channels": (8, 8),
            "latent_channels": 4,
            "layers_per_block": 1,
            "temporal_compression_ratio": 2,
            "sample_height": 16,
            "sample_width": 16,
            **GROUPS,
        },
        {"sample": clips(5, 16)},
    ),
    "AutoencoderKLWan": Case(
        {
            "base_dim": 4,
            "z_dim": 4,
            "dim_mult": [1, 2],
            "num_res_blocks": 1,
            "temperal_downsample": [True],
            "latents_mean": [0.0] * 4,
            "latents_std": [1.0] * 4,
        },
        {"sample": clips(5, 16)},
    ),
    "VQModel": Case(
        {"down_block_types": DOWN, "up_block_types": UP, "block_out_channels": (8, 16), **GROUPS},
        {"sample": images(16)},
    ),
    "T2IAdapter": Case({"channels": [8, 8], "num_res_blocks": 1, "downscale_factor": 2}, {"x": images(16)}),
    "DiTTransformer2DModel": Case(
        {**TRANSFORMER, "sample_size": 8, "num_embeds_ada_norm": 10},
        {"hidden_states": latents(), "timestep": STEP, "class_labels": torch.tensor([1])},
    ),
    "PixArtTransformer2DModel": Case(
        {**TRANSFORMER, "sample_size": 8, "cross_attention_dim": 16, "caption_channels": 12},
        {
            "hidden_states": latents(),
            "timestep": STEP,
            "encoder_hidden_states": text(12),
            "added_cond_kwargs": {"resolution": None, "aspect_ratio": None},
        },
    ),
    "SD3Transformer2DModel": Case(
        {
            **TRANSFORMER,
            "sample_size": 8,
            "in_channels": 4,
            "joint_attention_dim": 12,
            "caption_projection_dim": 16,
            "pooled_projection_dim": 10,
            "out_channels": 4,
        },
        {
            "hidden_states": latents(),
            "encoder_hidden_states": text(12),
            "pooled_projections": torch.zeros(1, 10),
            "timestep": STEP,
        },
    ),
    "FluxTransformer2DModel": Case(
        {
            **TRANSFORMER,
            "num_single_layers": 2,
            "in_channels": 4,
            "joint_attention_dim": 12,
            "pooled_projection_dim": 10,
            "axes_dims_rope": (2, 2, 4),
        },
        {
            "hidden_states": torch.zeros(1, 16, 4),
            "encoder_hidden_states": text(12),
            "pooled_projections": torch.zeros(1, 10),
            "timestep": STEP,
            **PLACES,
        },
    ),
    "ChromaTransformer2DModel": Case(
        {
            **TRANSFORMER,
            "num_single_layers": 2,
            "in_channels": 4,
            "joint_attention_dim": 12,
            "axes_dims_rope": (2, 2, 4),
            "approximator_num_channels": 8,
            "approximator_hidden_dim": 16,
            "approximator_layers": 1,
        },
        {"hidden_states": torch.zeros(1, 16, 4), "encoder_hidden_states": text(12), "timestep": STEP, **PLACES},
    ),
    "AuraFlowTransformer2DModel": Case(
        {
            "num_attention_heads": 2,
            "attention_head_dim": 8,
            "sample_size": 8,
            "num_mmdit_layers": 1,
            "num_single_dit_layers": 1,
            "joint_attention_dim": 12,
            "caption_projection_dim": 16,
            "pos_embed_max_size": 16,
        },
        {"hidden_states": latents(), "encoder_hidden_states": text(12), "timestep": STEP},
    ),
    "CogVideoXTransformer3DModel": Case(
        {
            **TRANSFORMER,
            "in_channels": 4,
            "out_channels": 4,
            "time_embed_dim": 8,
            "text_embed_dim": 12,
            "sample_width": 8,
            "sample_height": 8,
            "sample_frames": 5,
            "max_text_seq_length": 6,
        },
        {"hidden_states": torch.zeros(1, 2, 4, 8, 8), "encoder_hidden_states": text(12), "timestep": STEP},
    ),
    "CogView4Transformer2DModel": Case(
        {
            **TRANSFORMER,
            "in_channels": 4,
            "out_channels": 4,
            "text_embed_dim": 12,
            "time_embed_dim": 8,
            "condition_dim": 4,
            "pos_embed_max_size": 8,
            "sample_size": 8,
            "rope_axes_dim": (8, 8),
        },
        {
            "hidden_states": latents(),
            "encoder_hidden_states": text(12),
            "timestep": STEP,
            **dict.fromkeys(("original_size", "target_size", "crop_coords"), torch.tensor([[8, 8]])),
        },
    ),
    "LatteTransformer3DModel": Case(
        {
            **TRANSFORMER,
            "in_channels": 4,
            "out_channels": 8,
            "sample_size": 8,
            "patch_size": 2,
            "caption_channels": 12,
            "cross_attention_dim": 16,
            "num_embeds_ada_norm": 10,
            "norm_type": "ada_norm_single",
            "norm_elementwise_affine": False,
            "video_length": 2,
        },
        {"hidden_states": latents(frames=2), "timestep": STEP, "encoder_hidden_states": text(12)},
    ),
    "LTXVideoTransformer3DModel": Case(
        {**TRANSFORMER, "in_channels": 4, "out_channels": 4, "cross_attention_dim": 16, "caption_channels": 12},
        {
            "hidden_states": torch.zeros(1, 32, 4),
            "encoder_hidden_states": text(12),
            "timestep": STEP,
            "encoder_attention_mask": mask(boolean=False),
            "num_frames": 2,
            "height": 4,
            "width": 4,
        },
    ),
    "SanaTransformer2DModel": Case(
        {
            **TRANSFORMER,
            "in_channels": 4,
            "out_channels": 4,
            "num_cross_attention_heads": 2,
            "cross_attention_head_dim": 8,
            "cross_attention_dim": 16,
            "caption_channels": 12,
            "sample_size": 8,
        },
        {"hidden_states": latents(), "encoder_hidden_states": text(12), "timestep": STEP},
    ),
    "WanTransformer3DModel": Case(
        {
            "num_attention_heads": 2,
            "attention_head_dim": 12,
            "num_layers": 2,
            "in_channels": 4,
            "out_channels": 4,
            "text_dim": 12,
            "freq_dim": 8,
            "ffn_dim": 16,
            "rope_max_seq_len": 16,
        },
        {"hidden_states": latents(frames=2), "timestep": STEP, "encoder_hidden_states": text(12)},
    ),
    "HunyuanVideoTransformer3DModel": Case(
        {
            **TRANSFORMER,
            "in_channels": 4,
            "out_channels": 4,
            "num_single_layers": 1,
            "num_refiner_layers": 1,
            "text_embed_dim": 12,
            "pooled_projection_dim": 10,
            "rope_axes_dim": (2, 2, 4),
            "guidance_embeds": False,
        },
        {
            "hidden_states": latents(frames=2),
            "timestep": STEP,
            "encoder_hidden_states": text(12),
            "encoder_attention_mask": mask(),
            "pooled_projections": torch.zeros(1, 10),
        },
    ),
    "Lumina2Transformer2DModel": Case(
        {
            "sample_size": 8,
            "in_channels": 4,
            "hidden_size": 24,
            "num_layers": 1,
            "num_refiner_layers": 1,
            "num_attention_heads": 2,
            "num_kv_heads": 1,
            "multiple_of": 8,
            "axes_dim_rope": (4, 4, 4),
            "axes_lens": (16, 16, 16),
            "cap_feat_dim": 12,
        },
        {
            "hidden_states": latents(),
            "timestep": STEP,
            "encoder_hidden_states": text(12),
            "encoder_attention_mask": mask(),
        },
    ),
    "QwenImageTransformer2DModel": Case(
        {
            **TRANSFORMER,
            "in_channels": 16,
            "out_channels": 4,
            "joint_attention_dim": 12,
            "axes_dims_rope": (2, 2, 4),
        },
        {
            "hidden_states": torch.zeros(1, 16, 16),
            "encoder_hidden_states": text(12),
            "encoder_hidden_states_mask": mask(),
            "timestep": STEP,
            "img_shapes": [(1, 4, 4)],
        },
    ),
}
"""Class -> its case."""

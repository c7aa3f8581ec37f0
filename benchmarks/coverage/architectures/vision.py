"""transformers: models that say what is in an image or a video."""

import torch

from benchmarks.coverage.architectures.form import PATCHES, Architecture, Settings, seen
from benchmarks.coverage.examples import tokens

STAGES: Settings = {
    "embed_dim": 16,
    "depths": [1, 1],
    "num_heads": [2, 4],
    "window_size": 4,
    "image_size": 32,
    "patch_size": 2,
}


def _features(settings: Settings, size: int = 32, **more: object) -> Architecture:
    return seen(settings | more, size, "AutoModel")


ARCHITECTURES: dict[str, Architecture] = {
    "vit": seen(PATCHES),
    "deit": seen(PATCHES, 32, "DeiTForImageClassification"),
    "beit": seen(PATCHES, use_relative_position_bias=True),
    "data2vec-vision": seen(PATCHES),
    "vit_msn": seen(PATCHES),
    "vit_mae": _features(PATCHES, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2),
    "ijepa": seen(PATCHES),
    "dinov2": seen(PATCHES),
    "dinov2_with_registers": seen(PATCHES),
    "dinov3_vit": _features(PATCHES),
    "hiera": seen(
        {
            "embed_dim": 16,
            "image_size": [32, 32],
            "patch_size": [7, 7],
            "patch_stride": [4, 4],
            "patch_padding": [3, 3],
            "depths": [1, 1],
            "num_heads": [1, 2],
            "masked_unit_size": [4, 4],
            "query_stride": [2, 2],
            "embed_dim_multiplier": 2.0,
            "num_query_pool": 1,
            "masked_unit_attention": [True, False],
        }
    ),
    "pixio": _features(PATCHES),
    "imagegpt": Architecture(
        "AutoModel",
        {"vocab_size": 99, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
        lambda: {"input_ids": tokens(16)},
    ),
    "swin": seen(STAGES),
    "swinv2": seen(STAGES),
    "donut-swin": _features(STAGES),
    "focalnet": seen(
        {
            "image_size": 32,
            "patch_size": 2,
            "embed_dim": 16,
            "depths": [1, 1],
            "focal_levels": [2, 2],
            "focal_windows": [3, 3],
            "hidden_sizes": [16, 32],
        }
    ),
    "convnext": seen({"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]}),
    "convnextv2": seen({"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]}),
    "dinov3_convnext": _features({"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]}),
    "resnet": seen({"embedding_size": 8, "hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1]}),
    "regnet": seen({"embedding_size": 8, "hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1], "groups_width": 8}),
    "bit": seen({"num_groups": 4, "embedding_size": 32, "hidden_sizes": [32, 32, 64, 64], "depths": [1, 1, 1, 1]}, 64),
    "mobilenet_v1": seen({"depth_multiplier": 0.25}, 64),
    "mobilenet_v2": seen({"depth_multiplier": 0.35}, 64),
    "efficientnet": seen(
        {"image_size": 64, "width_coefficient": 0.25, "depth_coefficient": 0.25, "hidden_dim": 320}, 64
    ),
    "hgnet_v2": seen({}, 64),
    "levit": seen(
        {"hidden_sizes": [16, 32, 48], "num_attention_heads": [2, 2, 2], "depths": [1, 1, 1], "key_dim": [8, 8, 8]},
        224,
        "LevitForImageClassification",
    ),
    "cvt": seen({"embed_dim": [16, 32, 64], "num_heads": [1, 2, 4], "depth": [1, 2, 3]}, 64),
    "mobilevit": seen(
        {
            "image_size": 64,
            "hidden_sizes": [16, 24, 32],
            "neck_hidden_sizes": [8, 8, 16, 16, 24, 32, 64],
            "num_attention_heads": 4,
        },
        64,
    ),
    "mobilevitv2": seen({"image_size": 64, "width_multiplier": 0.5}, 64),
    "swiftformer": seen({"depths": [1, 1, 1, 1], "embed_dims": [8, 16, 16, 32]}, 224),
    "poolformer": seen({"depths": [1, 1, 1, 1], "hidden_sizes": [8, 16, 16, 32]}, 64),
    "pvt": seen(
        {
            "image_size": 64,
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 32, 32],
            "num_attention_heads": [1, 2, 4, 4],
            "sequence_reduction_ratios": [8, 4, 2, 1],
        },
        64,
    ),
    "pvt_v2": seen(
        {
            "image_size": 64,
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 32, 32],
            "num_attention_heads": [1, 2, 4, 4],
        },
        64,
    ),
    "timesformer": Architecture(
        "AutoModel", PATCHES | {"num_frames": 2}, lambda: {"pixel_values": torch.zeros(1, 2, 3, 32, 32)}
    ),
    "vivit": Architecture(
        "AutoModel",
        PATCHES | {"num_frames": 4, "tubelet_size": [2, 8, 8]},
        lambda: {"pixel_values": torch.zeros(1, 4, 3, 32, 32)},
    ),
    "videomae": Architecture(
        "AutoModelForVideoClassification",
        PATCHES | {"num_frames": 4, "tubelet_size": 2},
        lambda: {"pixel_values": torch.zeros(1, 4, 3, 32, 32)},
    ),
    "sam_vision_model": _features(PATCHES, mlp_dim=64, output_channels=16, window_size=2, global_attn_indexes=[1]),
}

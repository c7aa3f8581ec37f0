"""transformers: models of images, videos, and of images with text."""

import torch

from benchmarks.coverage.architecture import Architecture, Settings
from benchmarks.coverage.examples import images, tokens

WIDTHS: Settings = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
PATCHES: Settings = WIDTHS | {"image_size": 32, "patch_size": 8}
STAGES: Settings = {
    "embed_dim": 16,
    "depths": [1, 1],
    "num_heads": [2, 4],
    "window_size": 4,
    "image_size": 32,
    "patch_size": 2,
}
WORDS: Settings = {
    "vocab_size": 99,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TEXT: Settings = WIDTHS | WORDS
DETECTOR: Settings = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "num_queries": 5,
}
RESNET: Settings = {
    "model_type": "resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 16, 16, 32],
    "depths": [1, 1, 1, 1],
    "layer_type": "basic",
    "out_features": ["stage2", "stage3", "stage4"],
}
SWIN: Settings = {
    "model_type": "swin",
    "embed_dim": 8,
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 1, 2, 2],
    "window_size": 2,
    "image_size": 64,
    "patch_size": 4,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}


def _seen(
    settings: Settings,
    size: int = 32,
    kind: str = "AutoModelForImageClassification",
    *,
    channels: int = 3,
    **more: object,
) -> Architecture:
    return Architecture(kind, settings | more, lambda: {"pixel_values": images(size, channels=channels)})


def _features(settings: Settings, size: int = 32, **more: object) -> Architecture:
    return _seen(settings | more, size, "AutoModel")


def _two_towers(vision: Settings, text: Settings, size: int = 32, **more: object) -> Architecture:
    return Architecture(
        "AutoModel",
        {"vision_config": vision, "text_config": text, "projection_dim": 16} | more,
        lambda: {"input_ids": tokens(7), "pixel_values": images(size)},
    )


ARCHITECTURES: dict[str, Architecture] = {
    "vit": _seen(PATCHES),
    "deit": _seen(PATCHES, 32, "DeiTForImageClassification"),
    "beit": _seen(PATCHES, use_relative_position_bias=True),
    "data2vec-vision": _seen(PATCHES),
    "vit_msn": _seen(PATCHES),
    "vit_mae": _features(PATCHES, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2),
    "ijepa": _seen(PATCHES),
    "dinov2": _seen(PATCHES),
    "dinov2_with_registers": _seen(PATCHES),
    "dinov3_vit": _features(PATCHES),
    "hiera": _seen(
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
    "swin": _seen(STAGES),
    "swinv2": _seen(STAGES),
    "donut-swin": _features(STAGES),
    "swin2sr": _seen(
        {
            "image_size": 16,
            "patch_size": 1,
            "embed_dim": 16,
            "depths": [1, 1],
            "num_heads": [2, 2],
            "window_size": 4,
            "upscale": 2,
        },
        16,
        "Swin2SRForImageSuperResolution",
    ),
    "focalnet": _seen(
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
    "convnext": _seen({"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]}),
    "convnextv2": _seen({"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]}),
    "dinov3_convnext": _features({"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]}),
    "resnet": _seen({"embedding_size": 8, "hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1]}),
    "regnet": _seen({"embedding_size": 8, "hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1], "groups_width": 8}),
    "bit": _seen({"num_groups": 4, "embedding_size": 32, "hidden_sizes": [32, 32, 64, 64], "depths": [1, 1, 1, 1]}, 64),
    "mobilenet_v1": _seen({"depth_multiplier": 0.25}, 64),
    "mobilenet_v2": _seen({"depth_multiplier": 0.35}, 64),
    "efficientnet": _seen(
        {"image_size": 64, "width_coefficient": 0.25, "depth_coefficient": 0.25, "hidden_dim": 320}, 64
    ),
    "hgnet_v2": _seen({}, 64),
    "levit": _seen(
        {"hidden_sizes": [16, 32, 48], "num_attention_heads": [2, 2, 2], "depths": [1, 1, 1], "key_dim": [8, 8, 8]},
        224,
        "LevitForImageClassification",
    ),
    "cvt": _seen({"embed_dim": [16, 32, 64], "num_heads": [1, 2, 4], "depth": [1, 2, 3]}, 64),
    "mobilevit": _seen(
        {
            "image_size": 64,
            "hidden_sizes": [16, 24, 32],
            "neck_hidden_sizes": [8, 8, 16, 16, 24, 32, 64],
            "num_attention_heads": 4,
        },
        64,
    ),
    "mobilevitv2": _seen({"image_size": 64, "width_multiplier": 0.5}, 64),
    "swiftformer": _seen({"depths": [1, 1, 1, 1], "embed_dims": [8, 16, 16, 32]}, 224),
    "poolformer": _seen({"depths": [1, 1, 1, 1], "hidden_sizes": [8, 16, 16, 32]}, 64),
    "pvt": _seen(
        {
            "image_size": 64,
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 32, 32],
            "num_attention_heads": [1, 2, 4, 4],
            "sequence_reduction_ratios": [8, 4, 2, 1],
        },
        64,
    ),
    "pvt_v2": _seen(
        {
            "image_size": 64,
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 32, 32],
            "num_attention_heads": [1, 2, 4, 4],
        },
        64,
    ),
    "segformer": _seen(
        {
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 16, 32],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16,
        },
        64,
        "AutoModelForSemanticSegmentation",
    ),
    "glpn": _seen(
        {
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 16, 32],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16,
        },
        64,
        "AutoModelForDepthEstimation",
    ),
    "dpt": _seen(
        PATCHES
        | {
            "num_hidden_layers": 4,
            "backbone_out_indices": [0, 1, 2, 3],
            "fusion_hidden_size": 16,
            "neck_hidden_sizes": [8, 16, 16, 32],
            "is_hybrid": False,
        },
        32,
        "AutoModelForSemanticSegmentation",
    ),
    "depth_anything": _seen(
        {
            "backbone_config": PATCHES
            | {
                "model_type": "dinov2",
                "num_hidden_layers": 4,
                "out_features": ["stage1", "stage2", "stage3", "stage4"],
                "reshape_hidden_states": False,
            },
            "patch_size": 8,
            "reassemble_hidden_size": 32,
            "neck_hidden_sizes": [8, 16, 16, 32],
            "fusion_hidden_size": 16,
            "head_hidden_size": 8,
        },
        32,
        "AutoModelForDepthEstimation",
    ),
    "upernet": _seen(
        {
            "backbone_config": RESNET | {"out_features": ["stage1", "stage2", "stage3", "stage4"]},
            "hidden_size": 16,
            "auxiliary_in_channels": 16,
            "auxiliary_channels": 8,
        },
        64,
        "AutoModelForSemanticSegmentation",
    ),
    "detr": _seen(
        DETECTOR | {"backbone_config": RESNET | {"out_features": ["stage4"]}}, 64, "AutoModelForObjectDetection"
    ),
    "conditional_detr": _seen(
        DETECTOR | {"backbone_config": RESNET | {"out_features": ["stage4"]}}, 64, "AutoModelForObjectDetection"
    ),
    "deformable_detr": _seen(
        DETECTOR | {"backbone_config": RESNET, "num_feature_levels": 3}, 64, "AutoModelForObjectDetection"
    ),
    "table-transformer": _seen(
        DETECTOR | {"backbone_config": RESNET | {"out_features": ["stage4"]}}, 64, "AutoModelForObjectDetection"
    ),
    "rt_detr": _seen(
        DETECTOR
        | {
            "backbone_config": {
                "model_type": "rt_detr_resnet",
                "embedding_size": 8,
                "hidden_sizes": [8, 16, 16, 32],
                "depths": [1, 1, 1, 1],
                "layer_type": "basic",
                "out_features": ["stage2", "stage3", "stage4"],
            },
            "encoder_hidden_dim": 32,
            "encoder_in_channels": [16, 16, 32],
            "decoder_in_channels": [32, 32, 32],
            "feat_strides": [8, 16, 32],
            "num_feature_levels": 3,
            "anchor_image_size": [64, 64],
        },
        64,
        "AutoModelForObjectDetection",
    ),
    "yolos": _seen(PATCHES | {"image_size": [32, 32], "num_detection_tokens": 5}, 32, "AutoModelForObjectDetection"),
    "maskformer": _seen(
        {
            "backbone_config": SWIN,
            "decoder_config": DETECTOR | {"model_type": "detr"},
            "fpn_feature_size": 32,
            "mask_feature_size": 32,
        },
        64,
        "MaskFormerForInstanceSegmentation",
    ),
    "mask2former": _seen(
        {
            "backbone_config": SWIN,
            "feature_size": 32,
            "mask_feature_size": 32,
            "hidden_dim": 32,
            "encoder_feedforward_dim": 64,
            "encoder_layers": 2,
            "decoder_layers": 3,
            "num_attention_heads": 4,
            "dim_feedforward": 64,
            "num_queries": 5,
        },
        64,
        "Mask2FormerForUniversalSegmentation",
    ),
    "vitmatte": _seen(
        {
            "backbone_config": {
                "model_type": "vitdet",
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "image_size": 32,
                "patch_size": 16,
                "num_channels": 4,
                "out_features": ["stage2"],
            },
            "hidden_size": 32,
            "fusion_hidden_sizes": [32, 16, 16, 8],
            "convstream_hidden_sizes": [8, 16, 24],
        },
        32,
        "VitMatteForImageMatting",
        channels=4,
    ),
    "superpoint": _seen(
        {
            "encoder_hidden_sizes": [8, 8, 16, 16],
            "decoder_hidden_size": 16,
            "keypoint_decoder_dim": 65,
            "descriptor_decoder_dim": 16,
        },
        32,
        "AutoModelForKeypointDetection",
    ),
    "vitpose": _seen(
        {
            "backbone_config": PATCHES
            | {
                "model_type": "vitpose_backbone",
                "image_size": [32, 32],
                "patch_size": [8, 8],
                "out_features": ["stage2"],
            }
        },
        32,
        "VitPoseForPoseEstimation",
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
    "clip": _two_towers(PATCHES, TEXT),
    "siglip": _two_towers(PATCHES, TEXT),
    "chinese_clip": _two_towers(PATCHES, TEXT),
    "altclip": _two_towers(PATCHES, TEXT | {"project_dim": 16}),
    "metaclip_2": _two_towers(PATCHES, TEXT),
    "owlvit": _two_towers(PATCHES, TEXT),
    "groupvit": _two_towers(
        {
            "hidden_size": 32,
            "depths": [1, 1],
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": 32,
            "patch_size": 8,
            "num_group_tokens": [4, 0],
            "num_output_groups": [4, 2],
            "intermediate_size": 64,
        },
        TEXT,
        projection_intermediate_dim=16,
    ),
    "clipseg": Architecture(
        "CLIPSegForImageSegmentation",
        {
            "vision_config": PATCHES,
            "text_config": TEXT,
            "projection_dim": 16,
            "extract_layers": [0, 1],
            "reduce_dim": 16,
            "decoder_num_attention_heads": 2,
            "decoder_intermediate_size": 32,
        },
        lambda: {"input_ids": tokens(7), "pixel_values": images(32)},
    ),
    "blip": _two_towers(PATCHES, TEXT | {"encoder_hidden_size": 32}),
    "vilt": Architecture("AutoModel", PATCHES | TEXT, lambda: {"input_ids": tokens(7), "pixel_values": images(32)}),
    "layoutlm": Architecture(
        "AutoModel", TEXT, lambda: {"input_ids": tokens(7), "bbox": torch.zeros(1, 7, 4, dtype=torch.long)}
    ),
    "layoutlmv3": Architecture(
        "AutoModel",
        TEXT | {"input_size": 32, "patch_size": 8, "coordinate_size": 6, "shape_size": 4},
        lambda: {"input_ids": tokens(7), "bbox": torch.zeros(1, 7, 4, dtype=torch.long), "pixel_values": images(32)},
    ),
    "git": Architecture(
        "AutoModelForCausalLM",
        TEXT | {"vision_config": PATCHES},
        lambda: {"input_ids": tokens(7), "pixel_values": images(32)},
    ),
    "trocr": Architecture(
        "AutoModelForCausalLM",
        WORDS | {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 64},
        lambda: {"input_ids": tokens(7)},
    ),
    "sam_vision_model": _features(PATCHES, mlp_dim=64, output_channels=16, window_size=2, global_attn_indexes=[1]),
    "paligemma": Architecture(
        "AutoModelForImageTextToText",
        {
            "vision_config": PATCHES | {"model_type": "siglip_vision_model"},
            "text_config": TEXT | {"model_type": "gemma", "use_cache": False, "num_key_value_heads": 2, "head_dim": 8},
            "image_token_index": 98,
            "projection_dim": 32,
            "hidden_size": 32,
        },
        lambda: {"input_ids": tokens(7)},
    ),
}

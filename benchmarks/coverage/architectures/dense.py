"""transformers: models that say where in an image something is: segments, boxes, depth, points."""

from benchmarks.coverage.architectures.form import PATCHES, TWO_STACKS, Architecture, Settings, seen

DETECTOR: Settings = TWO_STACKS | {"num_queries": 5}
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
FUSED = 8
"""Channels where features are fused, to the backbone's as published: there the first stage leaves a layer idle."""

ARCHITECTURES: dict[str, Architecture] = {
    "swin2sr": seen(
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
    "segformer": seen(
        {
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 16, 32],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16,
        },
        64,
        "AutoModelForSemanticSegmentation",
    ),
    "glpn": seen(
        {
            "depths": [1, 1, 1, 1],
            "hidden_sizes": [8, 16, 16, 32],
            "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16,
        },
        64,
        "AutoModelForDepthEstimation",
    ),
    "dpt": seen(
        PATCHES
        | {
            "num_hidden_layers": 12,
            "backbone_out_indices": [2, 5, 8, 11],
            "fusion_hidden_size": FUSED,
            "neck_hidden_sizes": [8, 16, 16, 32],
            "is_hybrid": False,
        },
        32,
        "AutoModelForSemanticSegmentation",
    ),
    "depth_anything": seen(
        {
            "backbone_config": PATCHES
            | {
                "model_type": "dinov2",
                "num_hidden_layers": 12,
                "out_features": ["stage3", "stage6", "stage9", "stage12"],
                "reshape_hidden_states": False,
            },
            "patch_size": 8,
            "reassemble_hidden_size": 32,
            "neck_hidden_sizes": [8, 16, 16, 32],
            "fusion_hidden_size": FUSED,
            "head_hidden_size": 8,
        },
        32,
        "AutoModelForDepthEstimation",
    ),
    "upernet": seen(
        {
            "backbone_config": RESNET | {"out_features": ["stage1", "stage2", "stage3", "stage4"]},
            "hidden_size": 16,
            "auxiliary_in_channels": 16,
            "auxiliary_channels": 8,
        },
        64,
        "AutoModelForSemanticSegmentation",
    ),
    "detr": seen(
        DETECTOR | {"backbone_config": RESNET | {"out_features": ["stage4"]}}, 64, "AutoModelForObjectDetection"
    ),
    "conditional_detr": seen(
        DETECTOR | {"backbone_config": RESNET | {"out_features": ["stage4"]}}, 64, "AutoModelForObjectDetection"
    ),
    "deformable_detr": seen(
        DETECTOR | {"backbone_config": RESNET, "num_feature_levels": 3}, 64, "AutoModelForObjectDetection"
    ),
    "table-transformer": seen(
        DETECTOR | {"backbone_config": RESNET | {"out_features": ["stage4"]}}, 64, "AutoModelForObjectDetection"
    ),
    "rt_detr": seen(
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
    "yolos": seen(PATCHES | {"image_size": [32, 32], "num_detection_tokens": 5}, 32, "AutoModelForObjectDetection"),
    "maskformer": seen(
        {
            "backbone_config": SWIN,
            "decoder_config": DETECTOR | {"model_type": "detr"},
            "fpn_feature_size": 32,
            "mask_feature_size": 32,
        },
        64,
        "MaskFormerForInstanceSegmentation",
    ),
    "mask2former": seen(
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
    "vitmatte": seen(
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
    "superpoint": seen(
        {
            "encoder_hidden_sizes": [8, 8, 16, 16],
            "decoder_hidden_size": 16,
            "keypoint_decoder_dim": 65,
            "descriptor_decoder_dim": 16,
        },
        32,
        "AutoModelForKeypointDetection",
    ),
    "vitpose": seen(
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
}

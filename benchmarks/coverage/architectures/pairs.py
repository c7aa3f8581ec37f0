"""transformers: models of images with text."""

import torch

from benchmarks.coverage.architectures.form import PATCHES, TEXT, WORDS, Architecture, Settings
from benchmarks.coverage.examples import images, tokens


def _two_towers(vision: Settings, text: Settings, size: int = 32, **more: object) -> Architecture:
    return Architecture(
        "AutoModel",
        {"vision_config": vision, "text_config": text, "projection_dim": 16} | more,
        lambda: {"input_ids": tokens(7), "pixel_values": images(size)},
    )


ARCHITECTURES: dict[str, Architecture] = {
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
    "blip": Architecture(
        "BlipForConditionalGeneration",
        {"vision_config": PATCHES, "text_config": TEXT | {"encoder_hidden_size": 32}},
        lambda: {"input_ids": tokens(7), "pixel_values": images(32)},
    ),
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
        WORDS
        | {
            "d_model": 32,
            "decoder_layers": 2,
            "decoder_attention_heads": 4,
            "decoder_ffn_dim": 64,
            "cross_attention_hidden_size": 32,
        },
        lambda: {"input_ids": tokens(7), "encoder_hidden_states": torch.zeros(1, 16, 32)},
    ),
    "paligemma": Architecture(
        "AutoModelForImageTextToText",
        {
            "vision_config": PATCHES | {"model_type": "siglip_vision_model"},
            "text_config": TEXT | {"model_type": "gemma", "use_cache": False, "num_key_value_heads": 2, "head_dim": 8},
            "image_token_index": 98,
            "projection_dim": 32,
            "hidden_size": 32,
        },
        lambda: {
            "input_ids": torch.cat([torch.full((1, 16), 98), tokens(7)], 1),  # a place for each patch of the image
            "token_type_ids": torch.zeros(1, 23, dtype=torch.long),
            "pixel_values": images(32),
        },
    ),
}

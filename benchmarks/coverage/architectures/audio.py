"""transformers: models of sound."""

import torch

from benchmarks.coverage.architectures.form import TWO_STACKS, WIDTHS, Architecture, Settings
from benchmarks.coverage.examples import tokens

WAVES: Settings = WIDTHS | {
    "vocab_size": 32,
    "conv_dim": [16, 16, 16],
    "conv_kernel": [8, 4, 4],
    "conv_stride": [4, 2, 2],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
"""Encoders of raw waves."""

SPOKEN: Settings = {
    "vocab_size": 99,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}


def _heard(settings: Settings, **more: object) -> Architecture:
    return Architecture("AutoModelForCTC", settings | more, lambda: {"input_values": torch.zeros(1, 1600)})


ARCHITECTURES: dict[str, Architecture] = {
    "wav2vec2": _heard(WAVES),
    "wav2vec2-conformer": _heard(WAVES),
    "wav2vec2-bert": Architecture(
        "AutoModelForCTC",
        WIDTHS | {"vocab_size": 32, "feature_projection_input_dim": 16},
        lambda: {"input_features": torch.zeros(1, 20, 16)},
    ),
    "hubert": _heard(WAVES),
    "wavlm": _heard(WAVES),
    "unispeech": _heard(WAVES),
    "unispeech-sat": _heard(WAVES),
    "data2vec-audio": _heard(WAVES),
    "sew": _heard(WAVES, squeeze_factor=2),
    "sew-d": _heard(WAVES, squeeze_factor=2, max_position_embeddings=64, position_buckets=16),
    "whisper": Architecture(
        "AutoModelForSpeechSeq2Seq",
        TWO_STACKS | SPOKEN | {"num_mel_bins": 16, "max_source_positions": 20, "max_target_positions": 32},
        lambda: {"input_features": torch.zeros(1, 16, 40), "decoder_input_ids": tokens(5)},
    ),
    "speech_to_text": Architecture(
        "AutoModelForSpeechSeq2Seq",
        TWO_STACKS
        | SPOKEN
        | {"input_feat_per_channel": 16, "conv_channels": 32, "max_source_positions": 40, "max_target_positions": 32},
        lambda: {"input_features": torch.zeros(1, 40, 16), "decoder_input_ids": tokens(5)},
    ),
    "moonshine": Architecture(
        "AutoModelForSpeechSeq2Seq",
        SPOKEN
        | {
            "hidden_size": 32,
            "intermediate_size": 64,
            "encoder_num_hidden_layers": 2,
            "decoder_num_hidden_layers": 2,
            "encoder_num_attention_heads": 4,
            "decoder_num_attention_heads": 4,
        },
        lambda: {"input_values": torch.zeros(1, 4000), "decoder_input_ids": tokens(5)},
    ),
    "audio-spectrogram-transformer": Architecture(
        "AutoModelForAudioClassification",
        WIDTHS | {"patch_size": 8, "max_length": 32, "num_mel_bins": 16, "frequency_stride": 8, "time_stride": 8},
        lambda: {"input_values": torch.zeros(1, 32, 16)},
    ),
    "clap_audio_model": Architecture(
        "ClapAudioModelWithProjection",
        {
            "hidden_size": 64,
            "patch_embeds_hidden_size": 16,
            "depths": [1, 1, 1],
            "num_attention_heads": [2, 2, 2],
            "spec_size": 64,
            "window_size": 4,
            "num_mel_bins": 16,
            "projection_dim": 16,
            "enable_fusion": False,
        },
        lambda: {"input_features": torch.zeros(1, 1, 64, 16)},
    ),
    "encodec": Architecture(
        "AutoModel",
        {"num_filters": 8, "hidden_size": 16, "codebook_dim": 16, "codebook_size": 32, "upsampling_ratios": [4, 2]},
        lambda: {"input_values": torch.zeros(1, 1, 1600)},
    ),
    "dac": Architecture(
        "AutoModel",
        {
            "encoder_hidden_size": 8,
            "downsampling_ratios": [2, 4],
            "decoder_hidden_size": 32,
            "n_codebooks": 2,
            "codebook_size": 32,
            "codebook_dim": 4,
            "upsampling_ratios": [4, 2],
        },
        lambda: {"input_values": torch.zeros(1, 1, 1600)},
    ),
    "univnet": Architecture(
        "UnivNetModel",
        {"model_in_channels": 8, "model_hidden_channels": 8, "num_mel_bins": 16, "kernel_predictor_hidden_channels": 8},
        lambda: {"input_features": torch.zeros(1, 10, 16), "noise_sequence": torch.zeros(1, 10, 8)},
    ),
    "speecht5_hifigan": Architecture(
        "SpeechT5HifiGan",
        {"model_in_dim": 16, "upsample_initial_channel": 32, "upsample_rates": [2, 2], "upsample_kernel_sizes": [4, 4]},
        lambda: {"spectrogram": torch.zeros(1, 10, 16)},
    ),
    "vits": Architecture(
        "AutoModel",
        {
            "vocab_size": 38,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "ffn_dim": 32,
            "flow_size": 16,
            "spectrogram_bins": 17,
            "upsample_initial_channel": 32,
            "upsample_rates": [2, 2],
            "upsample_kernel_sizes": [4, 4],
            "duration_predictor_filter_channels": 16,
            "posterior_encoder_num_wavenet_layers": 2,
            "prior_encoder_num_wavenet_layers": 2,
        },
        lambda: {"input_ids": tokens(7)},
    ),
    "musicgen_decoder": Architecture(
        "MusicgenForCausalLM",
        {
            "vocab_size": 98,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "ffn_dim": 64,
            "num_codebooks": 2,
            "max_position_embeddings": 64,
            "pad_token_id": 97,
            "bos_token_id": 97,
        },
        lambda: {"input_ids": tokens(7, batch=2), "encoder_hidden_states": torch.zeros(1, 5, 32)},
    ),
}

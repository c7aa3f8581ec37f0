"""transformers: models of time series, and of what else there is."""

import torch

from benchmarks.coverage.architectures.form import TWO_STACKS, WIDTHS, Architecture, Settings
from benchmarks.coverage.examples import tokens

SERIES: Settings = TWO_STACKS | {
    "prediction_length": 4,
    "context_length": 8,
    "lags_sequence": [1, 2],
    "num_time_features": 1,
}


def _series(settings: Settings, **more: object) -> Architecture:
    return Architecture(
        "AutoModel",
        settings | more,
        lambda: {
            "past_values": torch.zeros(1, 10),
            "past_time_features": torch.zeros(1, 10, 1),
            "past_observed_mask": torch.ones(1, 10),
            "future_values": torch.zeros(1, 4),
            "future_time_features": torch.zeros(1, 4, 1),
        },
    )


SERIES_MODELS: dict[str, Architecture] = {
    "patchtst": Architecture(
        "AutoModel",
        {
            "num_input_channels": 2,
            "context_length": 16,
            "patch_length": 4,
            "patch_stride": 4,
            "num_hidden_layers": 2,
            "d_model": 32,
            "num_attention_heads": 4,
            "ffn_dim": 64,
        },
        lambda: {"past_values": torch.zeros(1, 16, 2)},
    ),
    "patchtsmixer": Architecture(
        "AutoModel",
        {
            "num_input_channels": 2,
            "context_length": 16,
            "patch_length": 4,
            "patch_stride": 4,
            "num_layers": 2,
            "d_model": 16,
        },
        lambda: {"past_values": torch.zeros(1, 16, 2)},
    ),
    "time_series_transformer": _series(SERIES),
    "informer": _series(SERIES),
    "autoformer": _series(SERIES, label_length=4, moving_average=3),
    "timesfm2_5": Architecture(
        "AutoModel",
        WIDTHS | {"patch_length": 8, "context_length": 32, "head_dim": 8, "num_key_value_heads": 4},
        lambda: {"past_values": torch.zeros(1, 32), "past_values_padding": torch.zeros(1, 32, dtype=torch.long)},
    ),
}

OTHERS: dict[str, Architecture] = {
    "perceiver": Architecture(
        "PerceiverForMaskedLM",
        {
            "vocab_size": 99,
            "num_latents": 8,
            "d_latents": 32,
            "d_model": 16,
            "num_self_attends_per_block": 2,
            "num_self_attention_heads": 4,
            "num_cross_attention_heads": 4,
            "max_position_embeddings": 16,
        },
        lambda: {"inputs": tokens(16)},
    ),
    "decision_transformer": Architecture(
        "AutoModel",
        {"state_dim": 5, "act_dim": 3, "hidden_size": 32, "n_layer": 2, "n_head": 4, "max_ep_len": 16},
        lambda: {
            "states": torch.zeros(1, 4, 5),
            "actions": torch.zeros(1, 4, 3),
            "rewards": torch.zeros(1, 4, 1),
            "returns_to_go": torch.zeros(1, 4, 1),
            "timesteps": torch.arange(4).reshape(1, 4),
            "attention_mask": torch.ones(1, 4),
        },
    ),
}

ARCHITECTURES: dict[str, Architecture] = SERIES_MODELS | OTHERS

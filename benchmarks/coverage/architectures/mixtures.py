"""transformers: language models with experts, of which each word asks a few, or with states instead of attention."""

from benchmarks.coverage.architectures.form import (
    GROUPED,
    T5,
    TWO_STACKS,
    WORDS,
    Architecture,
    Settings,
    decoder,
    two_stacks,
)

EXPERTS: Settings = GROUPED | {"moe_intermediate_size": 24, "num_experts_per_tok": 2}
LATENT: Settings = EXPERTS | {
    "num_key_value_heads": 4,
    "kv_lora_rank": 8,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    "n_group": 2,
    "topk_group": 1,
}
"""Attention with latent keys and values, as DeepSeek's."""

STATE_SPACE: Settings = WORDS | {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
TRANSLATIONS: Settings = WORDS | TWO_STACKS | {"decoder_start_token_id": 2}

MIXTURES: dict[str, Architecture] = {
    "mixtral": decoder(EXPERTS, num_local_experts=4),
    "qwen2_moe": decoder(EXPERTS, num_experts=4, shared_expert_intermediate_size=24),
    "qwen3_moe": decoder(EXPERTS, num_experts=4),
    "deepseek_v2": decoder(LATENT),
    "deepseek_v3": decoder(LATENT),
    "olmoe": decoder(EXPERTS, num_experts=4),
    "granitemoe": decoder(EXPERTS, num_local_experts=4),
    "granitemoeshared": decoder(EXPERTS, num_local_experts=4, shared_intermediate_size=24),
    "phimoe": decoder(EXPERTS, num_local_experts=4),
    "gpt_oss": decoder(EXPERTS, num_local_experts=4),
    "jetmoe": decoder(EXPERTS, num_local_experts=4, kv_channels=8),
    "glm4_moe": decoder(EXPERTS, n_routed_experts=4, n_shared_experts=1, n_group=1, topk_group=1),
    "ernie4_5_moe": decoder(EXPERTS, moe_num_experts=4, moe_k=2, moe_num_shared_experts=1),
    "llama4_text": decoder(EXPERTS, num_local_experts=4, intermediate_size_mlp=64),
    "minimax": decoder(EXPERTS, num_local_experts=4, block_size=4),
    "dbrx": decoder(
        WORDS,
        d_model=32,
        n_heads=4,
        n_layers=2,
        max_seq_len=64,
        ffn_config={"ffn_hidden_size": 24, "moe_num_experts": 4, "moe_top_k": 2, "hidden_size": 32},
        attn_config={"kv_n_heads": 2, "rope_theta": 10_000.0, "clip_qkv": 8},
    ),
    "switch_transformers": two_stacks(
        T5,
        read=32,  # enough for every expert to be asked
        written=32,
        num_experts=4,
        num_sparse_encoder_layers=1,
        num_sparse_decoder_layers=1,
    ),
    "nllb-moe": two_stacks(TRANSLATIONS, num_experts=4, encoder_sparse_step=2, decoder_sparse_step=2),
}

STATE_SPACES: dict[str, Architecture] = {
    "mamba": decoder(STATE_SPACE),
    "mamba2": decoder(STATE_SPACE, num_heads=8, head_dim=8, n_groups=2, chunk_size=4),
    "falcon_mamba": decoder(STATE_SPACE),
    "rwkv": decoder(STATE_SPACE, attention_hidden_size=32, intermediate_size=64, context_length=64),
    "xlstm": decoder(STATE_SPACE, num_heads=4, embedding_dim=32, num_blocks=2, chunk_size=16),
    "recurrent_gemma": decoder(GROUPED, num_hidden_layers=3, lru_width=32, attention_window_size=8, conv1d_width=4),
    "jamba": decoder(
        EXPERTS,
        num_experts=4,
        attn_layer_period=2,
        attn_layer_offset=1,
        mamba_d_state=8,
        mamba_dt_rank=4,
    ),
    "zamba": decoder(
        GROUPED,
        num_hidden_layers=5,
        layers_block_type=["mamba", "hybrid", "mamba", "hybrid", "mamba"],
        mamba_d_state=8,
        mamba_dt_rank=4,
        n_mamba_heads=2,
        num_key_value_heads=4,
        attention_head_dim=16,
    ),
    "zamba2": decoder(
        GROUPED,
        num_key_value_heads=4,
        mamba_d_state=8,
        mamba_ngroups=1,
        mamba_headdim=16,
        n_mamba_heads=4,
        chunk_size=4,
        layers_block_type=["mamba", "hybrid"],
        num_mem_blocks=1,
    ),
    "bamba": decoder(
        GROUPED,
        attn_layer_indices=[1],
        mamba_n_heads=8,
        mamba_d_head=8,
        mamba_n_groups=1,
        mamba_d_state=8,
        mamba_chunk_size=4,
    ),
    "falcon_h1": decoder(
        GROUPED,
        mamba_d_ssm=64,
        mamba_n_heads=8,
        mamba_d_head=8,
        mamba_n_groups=1,
        mamba_d_state=8,
        mamba_chunk_size=4,
    ),
    "granitemoehybrid": decoder(
        EXPERTS,
        num_local_experts=4,
        shared_intermediate_size=24,
        layer_types=["mamba", "attention"],
        mamba_n_heads=8,
        mamba_d_head=8,
        mamba_n_groups=1,
        mamba_d_state=8,
        mamba_chunk_size=4,
    ),
    "qwen3_next": decoder(
        EXPERTS,
        num_experts=4,
        shared_expert_intermediate_size=24,
        linear_num_value_heads=4,
        linear_num_key_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        layer_types=["linear_attention", "full_attention"],
    ),
    "lfm2": decoder(GROUPED, layer_types=["conv", "full_attention"]),
    "nemotron_h": decoder(
        GROUPED,
        layers_block_type=["mamba", "attention"],
        mamba_num_heads=8,
        mamba_head_dim=8,
        n_groups=1,
        ssm_state_size=8,
        chunk_size=4,
    ),
}

ARCHITECTURES: dict[str, Architecture] = MIXTURES | STATE_SPACES

"""transformers: language models, each of two layers of 32 units, four heads, and 99 words."""

import torch

from benchmarks.coverage.architecture import Architecture, Settings
from benchmarks.coverage.examples import tokens

WIDTHS: Settings = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
WORDS: Settings = {
    "vocab_size": 99,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TEXT: Settings = WIDTHS | WORDS
GROUPED: Settings = TEXT | {"num_key_value_heads": 2, "head_dim": 8}
EXPERTS: Settings = GROUPED | {"moe_intermediate_size": 24, "num_experts_per_tok": 2}
TWO_STACKS: Settings = WORDS | {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "decoder_start_token_id": 2,
}
T5: Settings = WORDS | {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}
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


def _encoder(**settings: object) -> Architecture:
    return Architecture("AutoModelForMaskedLM", TEXT | settings, lambda: {"input_ids": tokens(7)})


def _decoder(settings: Settings, **more: object) -> Architecture:
    return Architecture("AutoModelForCausalLM", settings | more, lambda: {"input_ids": tokens(7)})


def _two_stacks(settings: Settings, **more: object) -> Architecture:
    return Architecture(
        "AutoModelForSeq2SeqLM",
        settings | more,
        lambda: {
            "input_ids": tokens(7),
            "attention_mask": torch.ones(1, 7, dtype=torch.long),  # some do not make their own while they are exported
            "decoder_input_ids": tokens(5),
        },
    )


ENCODERS: dict[str, Architecture] = {
    "bert": _encoder(),
    "roberta": _encoder(),
    "albert": _encoder(embedding_size=16),
    "electra": _encoder(embedding_size=16),
    "distilbert": _encoder(dim=32, hidden_dim=64, n_layers=2, n_heads=4),
    "deberta": _encoder(relative_attention=True, pos_att_type=["c2p", "p2c"]),
    "deberta-v2": _encoder(relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=16),
    "mpnet": _encoder(),
    "xlnet": Architecture(
        "XLNetLMHeadModel",
        {"vocab_size": 99, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64},
        lambda: {"input_ids": tokens(7)},
    ),
    "modernbert": _encoder(),
    "convbert": _encoder(embedding_size=16),
    "squeezebert": _encoder(embedding_size=32),
    "mobilebert": _encoder(embedding_size=16, true_hidden_size=16, intra_bottleneck_size=16),
    "funnel": Architecture(
        "AutoModelForMaskedLM",
        WORDS
        | {"d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 64, "block_sizes": [1, 1], "num_decoder_layers": 1},
        lambda: {"input_ids": tokens(8)},
    ),
    "longformer": Architecture(
        "AutoModelForMaskedLM", TEXT | {"attention_window": [4, 4]}, lambda: {"input_ids": tokens(8)}
    ),
    "big_bird": _encoder(block_size=4, num_random_blocks=1),
    "nystromformer": Architecture(
        "AutoModelForMaskedLM",
        TEXT | {"num_landmarks": 4, "segment_means_seq_len": 8},
        lambda: {"input_ids": tokens(8)},
    ),
    "fnet": _encoder(),
    "roformer": _encoder(embedding_size=32),
    "rembert": _encoder(input_embedding_size=16, output_embedding_size=24),
    "esm": _encoder(mask_token_id=3),
    "xlm-roberta": _encoder(),
    "nomic_bert": _encoder(),
    "canine": Architecture(
        "AutoModel",
        TEXT | {"local_transformer_stride": 4, "num_hash_buckets": 16, "downsampling_rate": 2},
        lambda: {"input_ids": tokens(16)},
    ),
}

DECODERS: dict[str, Architecture] = {
    "gpt2": _decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "gpt_bigcode": _decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "gpt_neo": _decoder(TEXT, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]]),
    "gpt_neox": _decoder(TEXT),
    "gptj": _decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64, rotary_dim=4),
    "codegen": _decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64, rotary_dim=4),
    "openai-gpt": _decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "ctrl": _decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64, dff=64),
    "opt": _decoder(TEXT, ffn_dim=64, word_embed_proj_dim=16),
    "xglm": _decoder(WORDS, d_model=32, num_layers=2, attention_heads=4, ffn_dim=64),
    "biogpt": _decoder(TEXT),
    "bloom": _decoder(WORDS, hidden_size=32, n_layer=2, n_head=4),
    "falcon": _decoder(TEXT),
    "mpt": _decoder(WORDS, d_model=32, n_layers=2, n_heads=4, max_seq_len=64),
    "llama": _decoder(GROUPED),
    "mistral": _decoder(GROUPED, sliding_window=4),
    "ministral": _decoder(GROUPED),
    "gemma": _decoder(GROUPED),
    "gemma2": _decoder(GROUPED, query_pre_attn_scalar=8),
    "gemma3_text": _decoder(GROUPED, query_pre_attn_scalar=8),
    "gemma3n_text": _decoder(
        GROUPED,
        hidden_size_per_layer_input=8,
        vocab_size_per_layer_input=99,
        laurel_rank=8,
        num_kv_shared_layers=0,
        layer_types=["sliding_attention", "full_attention"],
        activation_sparsity_pattern=[0.0, 0.0],
    ),
    "qwen2": _decoder(GROUPED),
    "qwen3": _decoder(GROUPED),
    "phi": _decoder(TEXT),
    "phi3": _decoder(GROUPED),
    "stablelm": _decoder(GROUPED),
    "starcoder2": _decoder(GROUPED),
    "olmo": _decoder(GROUPED),
    "olmo2": _decoder(GROUPED),
    "cohere": _decoder(GROUPED),
    "cohere2": _decoder(GROUPED),
    "granite": _decoder(GROUPED),
    "glm": _decoder(GROUPED),
    "glm4": _decoder(GROUPED),
    "nemotron": _decoder(GROUPED),
    "persimmon": _decoder(TEXT),
    "smollm3": _decoder(GROUPED),
    "exaone4": _decoder(GROUPED),
    "helium": _decoder(GROUPED),
    "diffllama": _decoder(GROUPED),
    "modernbert-decoder": _decoder(TEXT),
    "bitnet": _decoder(GROUPED),
}

MIXTURES: dict[str, Architecture] = {
    "mixtral": _decoder(EXPERTS, num_local_experts=4),
    "qwen2_moe": _decoder(EXPERTS, num_experts=4, shared_expert_intermediate_size=24),
    "qwen3_moe": _decoder(EXPERTS, num_experts=4),
    "deepseek_v2": _decoder(LATENT),
    "deepseek_v3": _decoder(LATENT),
    "olmoe": _decoder(EXPERTS, num_experts=4),
    "granitemoe": _decoder(EXPERTS, num_local_experts=4),
    "granitemoeshared": _decoder(EXPERTS, num_local_experts=4, shared_intermediate_size=24),
    "phimoe": _decoder(EXPERTS, num_local_experts=4),
    "gpt_oss": _decoder(EXPERTS, num_local_experts=4),
    "jetmoe": _decoder(EXPERTS, num_local_experts=4, kv_channels=8),
    "glm4_moe": _decoder(EXPERTS, n_routed_experts=4, n_shared_experts=1, n_group=1, topk_group=1),
    "ernie4_5_moe": _decoder(EXPERTS, moe_num_experts=4, moe_k=2, moe_num_shared_experts=1),
    "llama4_text": _decoder(EXPERTS, num_local_experts=4, intermediate_size_mlp=64),
    "minimax": _decoder(EXPERTS, num_local_experts=4, block_size=4),
    "dbrx": _decoder(
        WORDS,
        d_model=32,
        n_heads=4,
        n_layers=2,
        max_seq_len=64,
        ffn_config={"ffn_hidden_size": 24, "moe_num_experts": 4, "moe_top_k": 2, "hidden_size": 32},
        attn_config={"kv_n_heads": 2, "rope_theta": 10_000.0, "clip_qkv": 8},
    ),
    "switch_transformers": _two_stacks(T5, num_experts=4, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1),
    "nllb-moe": _two_stacks(TWO_STACKS, num_experts=4, encoder_sparse_step=2, decoder_sparse_step=2),
}

STATE_SPACES: dict[str, Architecture] = {
    "mamba": _decoder(STATE_SPACE),
    "mamba2": _decoder(STATE_SPACE, num_heads=8, head_dim=8, n_groups=2, chunk_size=4),
    "falcon_mamba": _decoder(STATE_SPACE),
    "rwkv": _decoder(STATE_SPACE, attention_hidden_size=32, intermediate_size=64, context_length=64),
    "xlstm": _decoder(STATE_SPACE, num_heads=4, embedding_dim=32, num_blocks=2, chunk_size=16),
    "recurrent_gemma": _decoder(GROUPED, num_hidden_layers=3, lru_width=32, attention_window_size=8, conv1d_width=4),
    "jamba": _decoder(
        EXPERTS,
        num_experts=4,
        attn_layer_period=2,
        attn_layer_offset=1,
        mamba_d_state=8,
        mamba_dt_rank=4,
    ),
    "zamba": _decoder(
        GROUPED,
        num_hidden_layers=5,
        layers_block_type=["mamba", "hybrid", "mamba", "hybrid", "mamba"],
        mamba_d_state=8,
        mamba_dt_rank=4,
        n_mamba_heads=2,
        num_key_value_heads=4,
        attention_head_dim=16,
    ),
    "zamba2": _decoder(
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
    "bamba": _decoder(
        GROUPED,
        attn_layer_indices=[1],
        mamba_n_heads=8,
        mamba_d_head=8,
        mamba_n_groups=1,
        mamba_d_state=8,
        mamba_chunk_size=4,
    ),
    "falcon_h1": _decoder(
        GROUPED,
        mamba_d_ssm=64,
        mamba_n_heads=8,
        mamba_d_head=8,
        mamba_n_groups=1,
        mamba_d_state=8,
        mamba_chunk_size=4,
    ),
    "granitemoehybrid": _decoder(
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
    "qwen3_next": _decoder(
        EXPERTS,
        num_experts=4,
        shared_expert_intermediate_size=24,
        linear_num_value_heads=4,
        linear_num_key_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        layer_types=["linear_attention", "full_attention"],
    ),
    "lfm2": _decoder(GROUPED, layer_types=["conv", "full_attention"]),
    "nemotron_h": _decoder(
        GROUPED,
        layers_block_type=["mamba", "attention"],
        mamba_num_heads=8,
        mamba_head_dim=8,
        n_groups=1,
        ssm_state_size=8,
        chunk_size=4,
    ),
}

TRANSLATORS: dict[str, Architecture] = {
    "bart": _two_stacks(TWO_STACKS),
    "mbart": _two_stacks(TWO_STACKS),
    "pegasus": _two_stacks(TWO_STACKS),
    "marian": _two_stacks(TWO_STACKS, decoder_vocab_size=99),
    "blenderbot": _two_stacks(TWO_STACKS),
    "m2m_100": _two_stacks(TWO_STACKS),
    "plbart": _two_stacks(TWO_STACKS),
    "fsmt": _two_stacks(TWO_STACKS, langs=["en", "de"], src_vocab_size=99, tgt_vocab_size=99),
    "led": Architecture(
        "AutoModelForSeq2SeqLM",
        TWO_STACKS
        | {"attention_window": [4, 4], "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 64},
        lambda: {"input_ids": tokens(8), "decoder_input_ids": tokens(5)},
    ),
    "bigbird_pegasus": _two_stacks(TWO_STACKS, attention_type="original_full"),
    "prophetnet": _two_stacks(
        WORDS,
        hidden_size=32,
        num_encoder_layers=2,
        num_decoder_layers=2,
        num_encoder_attention_heads=4,
        num_decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        decoder_start_token_id=0,
    ),
    "t5": _two_stacks(T5),
    "mt5": _two_stacks(T5, feed_forward_proj="gated-gelu"),
    "umt5": _two_stacks(T5, feed_forward_proj="gated-gelu"),
    "longt5": _two_stacks(T5, local_radius=3),
}

ARCHITECTURES: dict[str, Architecture] = ENCODERS | DECODERS | MIXTURES | STATE_SPACES | TRANSLATORS

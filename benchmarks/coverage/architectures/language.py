"""transformers: language models with attention."""

import torch

from benchmarks.coverage.architectures.form import (
    GROUPED,
    T5,
    TEXT,
    TRANSLATIONS,
    WORDS,
    Architecture,
    decoder,
    two_stacks,
)
from benchmarks.coverage.examples import first, tokens


def _encoder(**settings: object) -> Architecture:
    return Architecture("AutoModelForMaskedLM", TEXT | settings, lambda: {"input_ids": tokens(7)})


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
        lambda: {
            "input_ids": tokens(7),
            "token_type_ids": torch.zeros(1, 7, dtype=torch.long),
            "perm_mask": torch.zeros(1, 7, 7),
            "target_mapping": torch.eye(7)[None, -2:],  # the last two words are to be told: so it is trained
        },
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
        "AutoModelForMaskedLM",
        TEXT | {"attention_window": [4, 4]},
        lambda: {"input_ids": tokens(8), "global_attention_mask": first(8)},
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
    "gpt2": decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "gpt_bigcode": decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "gpt_neo": decoder(TEXT, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]]),
    "gpt_neox": decoder(TEXT),
    "gptj": decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64, rotary_dim=4),
    "codegen": decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64, rotary_dim=4),
    "openai-gpt": decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "ctrl": decoder(WORDS, n_embd=32, n_layer=2, n_head=4, n_positions=64, dff=64),
    "opt": decoder(TEXT, ffn_dim=64, word_embed_proj_dim=16),
    "xglm": decoder(WORDS, d_model=32, num_layers=2, attention_heads=4, ffn_dim=64),
    "biogpt": decoder(TEXT),
    "bloom": decoder(WORDS, hidden_size=32, n_layer=2, n_head=4),
    "falcon": decoder(TEXT),
    "mpt": decoder(WORDS, d_model=32, n_layers=2, n_heads=4, max_seq_len=64),
    "llama": decoder(GROUPED),
    "mistral": decoder(GROUPED, sliding_window=4),
    "ministral": decoder(GROUPED),
    "gemma": decoder(GROUPED),
    "gemma2": decoder(GROUPED, query_pre_attn_scalar=8),
    "gemma3_text": decoder(GROUPED, query_pre_attn_scalar=8),
    "gemma3n_text": decoder(
        GROUPED,
        hidden_size_per_layer_input=8,
        vocab_size_per_layer_input=99,
        laurel_rank=8,
        num_kv_shared_layers=0,
        layer_types=["sliding_attention", "full_attention"],
        activation_sparsity_pattern=[0.0, 0.0],
    ),
    "qwen2": decoder(GROUPED),
    "qwen3": decoder(GROUPED),
    "phi": decoder(TEXT),
    "phi3": decoder(GROUPED),
    "stablelm": decoder(GROUPED),
    "starcoder2": decoder(GROUPED),
    "olmo": decoder(GROUPED),
    "olmo2": decoder(GROUPED),
    "cohere": decoder(GROUPED),
    "cohere2": decoder(GROUPED),
    "granite": decoder(GROUPED),
    "glm": decoder(GROUPED),
    "glm4": decoder(GROUPED),
    "nemotron": decoder(GROUPED),
    "persimmon": decoder(TEXT),
    "smollm3": decoder(GROUPED),
    "exaone4": decoder(GROUPED),
    "helium": decoder(GROUPED),
    "diffllama": decoder(GROUPED),
    "modernbert-decoder": decoder(TEXT),
    "bitnet": decoder(GROUPED),
}

TRANSLATORS: dict[str, Architecture] = {
    "bart": two_stacks(TRANSLATIONS),
    "mbart": two_stacks(TRANSLATIONS),
    "pegasus": two_stacks(TRANSLATIONS),
    "marian": two_stacks(TRANSLATIONS, decoder_vocab_size=99),
    "blenderbot": two_stacks(TRANSLATIONS),
    "m2m_100": two_stacks(TRANSLATIONS),
    "plbart": two_stacks(TRANSLATIONS),
    "fsmt": two_stacks(TRANSLATIONS, langs=["en", "de"], src_vocab_size=99, tgt_vocab_size=99),
    "led": Architecture(
        "AutoModelForSeq2SeqLM",
        TRANSLATIONS
        | {"attention_window": [4, 4], "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 64},
        lambda: {"input_ids": tokens(8), "global_attention_mask": first(8), "decoder_input_ids": tokens(5)},
    ),
    "bigbird_pegasus": two_stacks(TRANSLATIONS, attention_type="original_full"),
    "prophetnet": two_stacks(
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
    "t5": two_stacks(T5),
    "mt5": two_stacks(T5, feed_forward_proj="gated-gelu"),
    "umt5": two_stacks(T5, feed_forward_proj="gated-gelu"),
    "longt5": two_stacks(T5, local_radius=3),
}

ARCHITECTURES: dict[str, Architecture] = ENCODERS | DECODERS | TRANSLATORS

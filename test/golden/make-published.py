"""Makes published/<name>/config.json: the configs of published models, in transformers-4 style keys, no weights.

    python make-published.py

Every file is opened by transformers and the model built without memory: its parameters must be the published total.
"""
import json, os

import torch
from transformers import AutoConfig, AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
COMMON = dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu", initializer_range=0.02,
              use_cache=True)

# LLaMA 1 predates num_key_value_heads, rope_theta and rope_scaling: readers must fall back to N and 10000.
PUBLISHED = {
    "llama-7b": (6_738_415_616, dict(
        vocab_size=32000, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008,
        max_position_embeddings=2048, rms_norm_eps=1e-6, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        tie_word_embeddings=False, torch_dtype="float16", transformers_version="4.28.0.dev0")),
    "llama-13b": (13_015_864_320, dict(
        vocab_size=32000, hidden_size=5120, num_hidden_layers=40, num_attention_heads=40, intermediate_size=13824,
        max_position_embeddings=2048, rms_norm_eps=1e-6, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        tie_word_embeddings=False, torch_dtype="float16", transformers_version="4.28.0.dev0")),
    "llama-3-8b": (8_030_261_248, dict(
        vocab_size=128256, hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
        intermediate_size=14336, max_position_embeddings=8192, rms_norm_eps=1e-5, rope_theta=500000.0, rope_scaling=None,
        attention_bias=False, attention_dropout=0.0, pretraining_tp=1, bos_token_id=128000, eos_token_id=128001,
        tie_word_embeddings=False, torch_dtype="bfloat16", transformers_version="4.40.0.dev0")),
    "tinyllama-1.1b": (1_100_048_384, dict(
        vocab_size=32000, hidden_size=2048, num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4,
        intermediate_size=5632, max_position_embeddings=2048, rms_norm_eps=1e-5, rope_theta=10000.0, rope_scaling=None,
        attention_bias=False, pretraining_tp=1, bos_token_id=1, eos_token_id=2,
        tie_word_embeddings=False, torch_dtype="bfloat16", transformers_version="4.35.0")),
    "smollm2-135m": (134_515_008, dict(
        vocab_size=49152, hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        intermediate_size=1536, max_position_embeddings=8192, rms_norm_eps=1e-5, rope_theta=100000, rope_scaling=None,
        rope_interleaved=False, is_llama_config=True, attention_bias=False, attention_dropout=0.0, mlp_bias=False,
        pretraining_tp=1, bos_token_id=0, eos_token_id=0, initializer_range=0.041666666666666664,
        tie_word_embeddings=True, torch_dtype="bfloat16", transformers_version="4.40.1")),
}


def main():
    for name, (parameters, config) in PUBLISHED.items():
        folder = os.path.join(HERE, "published", name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "config.json"), "w") as f:
            f.write(json.dumps(dict(sorted({**COMMON, **config}.items())), indent=2) + "\n")
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
        got = sum(p.numel() for p in model.parameters())  # tied tensors once
        assert got == parameters, (name, got, parameters)
        print(name, got)


if __name__ == "__main__":
    main()

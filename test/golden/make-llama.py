"""Makes the pico LLaMAs of models/ and their golden forward, loss, gradients and perplexity in llama/.

    python make-llama.py [NAME ...]

Models are transformers' own LlamaForCausalLM with seeded random weights, saved with save_pretrained. Golden values
come from the stored weights (read back, half precision upcast), float32, eager attention. A second forward in
float64, written independently (reference64.py), tells how far a correct float32 program may be off.
"""
import json, os, shutil, sys

import safetensors, torch, transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

import oracle
from reference64 import Reference64

HERE = os.path.dirname(os.path.abspath(__file__))
VOCAB = 97
BATCH, LENGTH = 6, 16
RAGGED_LENGTHS = (5, 23, 2, 16, 9, 12, 31)  # 98 tokens, 91 predicted; a row of 2 predicts one token
PERPLEXITY_TOKENS = 1100                     # 8 chunks of 128 and 34 of 32: both leave a tail to drop
CHUNKS = (128, 32)

LLAMA3_ROPE = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=128)


def shape(hidden, heads, kv, ffn, layers, theta=10000.0, eps=1e-6, **more):
    rope = more.pop("rope", dict(rope_type="default", rope_theta=theta))
    return dict(hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv, intermediate_size=ffn,
                num_hidden_layers=layers, rms_norm_eps=eps, rope_parameters=rope, **more)


# name: (seed, config, stored dtype, largest shard)
MODELS = {
    "mha": (11, shape(32, 4, 4, 48, 4), torch.float32, None),
    "gqa": (12, shape(48, 8, 4, 40, 4, eps=1e-5), torch.float32, None),                  # rep 2
    "gqa-rep3": (13, shape(48, 6, 2, 40, 3, theta=50000.0, eps=1e-5), torch.float32, None),  # 0.25 of 2 KV heads is 0
    "tied": (14, shape(32, 8, 4, 44, 4, theta=100000.0, eps=1e-5, tie_word_embeddings=True), torch.float32, None),
    "headdim": (15, shape(32, 4, 2, 40, 2, head_dim=12), torch.float32, None),            # 4 * 12 is not 32
    "llama3": (16, shape(48, 4, 2, 40, 2, eps=1e-5, rope=LLAMA3_ROPE), torch.float32, None),
    "sharded-bf16": (17, shape(32, 4, 2, 40, 3), torch.bfloat16, "12KB"),
    "half-f16": (18, shape(32, 4, 4, 40, 2), torch.float16, None),
}


# ------------------------------------------------------------------ models

def randomise(model, seed):
    """Weights of a size that makes logits O(1) and attention far from uniform; norm weights scattered around 1."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if p.dim() == 1:
                p.copy_(1 + 0.2 * noise)
            elif "embed_tokens" in name and not model.config.tie_word_embeddings:
                p.copy_(0.7 * noise)
            else:
                p.copy_(0.3 * noise)


def build(name):
    seed, config, dtype, shard = MODELS[name]
    config = LlamaConfig(vocab_size=VOCAB, max_position_embeddings=1024, bos_token_id=1, eos_token_id=2,
                         attn_implementation="eager", **config)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    randomise(model, seed)
    folder = os.path.join(HERE, "models", name)
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    for path in os.listdir(folder):
        os.chmod(os.path.join(folder, path), 0o644)  # safetensors writes 0600
    return folder


def random_ids(count, seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, VOCAB, (count,), generator=g)


# ------------------------------------------------------------------ golden values

def hidden_states(model, rows):
    """The residual stream after the embedding and after each block (before the final norm)."""
    caught = []
    hooks = [model.model.embed_tokens.register_forward_hook(lambda m, i, o: caught.append(o))]
    for layer in model.model.layers:
        hooks.append(layer.register_forward_hook(lambda m, i, o: caught.append(o[0] if isinstance(o, tuple) else o)))
    with torch.no_grad():
        model(input_ids=rows, use_cache=False)
    for h in hooks:
        h.remove()
    return [t.detach().clone() for t in caught]


def ragged_gradients(model, rows):
    """Rows of different lengths, each run alone; loss = sum of all token losses / number of predicted tokens."""
    model.zero_grad(set_to_none=True)
    count = sum(len(row) - 1 for row in rows)
    total, logits = 0.0, []
    for row in rows:
        out = model(input_ids=row[None], use_cache=False).logits[0]
        loss = torch.nn.functional.cross_entropy(out[:-1], row[1:], reduction="sum") / count
        loss.backward()
        total += loss.item()
        logits.append(out.detach())
    grads = {n: p.grad.detach().clone() for n, p in oracle.named(model).items()}
    model.zero_grad(set_to_none=True)
    return torch.cat(logits), total, grads


def worst_relative(grads, exact):
    """Largest relative L2 difference over parameters, and the parameter it belongs to."""
    return max(((grads[n].double() - exact[n]).norm() / exact[n].norm()).item() for n in exact)


def deviation(folder, rows, ragged, got):
    """How far the float32 values are from the independent float64 ones."""
    ref = Reference64(folder)
    logits, loss, grads, hidden = ref.batch([r for r in rows])
    r_logits, r_loss, r_grads, _ = ref.batch(ragged)
    logits = logits.view(got["logits"].shape)
    return {
        "logitsMaxAbs": (got["logits"].double() - logits).abs().max().item(),
        "hiddenMaxAbs": max((a.double() - b.view(a.shape)).abs().max().item() for a, b in zip(got["hidden"], hidden)),
        "lossAbs": abs(got["loss"] - loss), "gradRelL2Worst": worst_relative(got["grads"], grads),
        "raggedLogitsMaxAbs": (got["raggedLogits"].double() - r_logits).abs().max().item(),
        "raggedLossAbs": abs(got["raggedLoss"] - r_loss), "raggedGradRelL2Worst": worst_relative(got["raggedGrads"], r_grads),
    }


def sdpa_deviation(folder, rows, got):
    """The same by another attention kernel: how far two correct float32 programs differ."""
    logits, loss, grads = oracle.batch_gradients(oracle.load(folder, "sdpa"), rows)
    return {"logitsMaxAbs": (logits - got["logits"]).abs().max().item(), "lossAbs": abs(loss - got["loss"]),
            "gradRelL2Worst": worst_relative(grads, {n: g.double() for n, g in got["grads"].items()})}


def rounded(values, digits=3):
    return {k: float(f"{v:.{digits}g}") for k, v in values.items()}


def golden(name, folder):
    seed = MODELS[name][0]
    model = oracle.load(folder)
    rows = random_ids(BATCH * LENGTH, seed * 1000 + 1).view(BATCH, LENGTH)
    ragged = list(random_ids(sum(RAGGED_LENGTHS), seed * 1000 + 2).split(RAGGED_LENGTHS))
    tokens = random_ids(PERPLEXITY_TOKENS, seed * 1000 + 3)
    got = dict(zip(("logits", "loss", "grads"), oracle.batch_gradients(model, rows)))
    got.update(zip(("raggedLogits", "raggedLoss", "raggedGrads"), ragged_gradients(model, ragged)))
    got["hidden"] = hidden_states(model, rows)

    tensors = {"input_ids": rows.int(), "logits": got["logits"], "ragged.input_ids": torch.cat(ragged).int(),
               "ragged.lengths": torch.tensor(RAGGED_LENGTHS).int(), "ragged.logits": got["raggedLogits"]}
    tensors.update({f"hidden.{i}": h for i, h in enumerate(got["hidden"])})
    tensors.update({f"grad.{n}": g for n, g in got["grads"].items()})
    tensors.update({f"ragged.grad.{n}": g for n, g in got["raggedGrads"].items()})
    path = os.path.join(HERE, "llama", name + ".safetensors")
    save_file({n: t.contiguous() for n, t in tensors.items()}, path)
    os.chmod(path, 0o644)

    vs64 = rounded(deviation(folder, rows, ragged, got))
    vs_sdpa = rounded(sdpa_deviation(folder, rows, got))
    info = {
        "model": name, "made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
        "parameters": oracle.count_params(model), "inputIds": rows.tolist(), "loss": got["loss"],
        "raggedIds": [r.tolist() for r in ragged], "raggedLoss": got["raggedLoss"],
        "perplexity": {"tokens": tokens.tolist(),
                       "byChunk": {str(c): oracle.perplexity(model, tokens, c) for c in CHUNKS}},
        "float32VsFloat64": vs64, "eagerVsSdpa": vs_sdpa,
    }
    with open(os.path.join(HERE, "llama", name + ".json"), "w") as f:
        f.write(json.dumps(info, separators=(",", ":")) + "\n")
    logits = got["logits"]
    print(f"{name}: params {info['parameters']} loss {got['loss']:.4f} logits std {logits.std():.2f} "
          f"ppl {info['perplexity']['byChunk']}\n  float64 {vs64}\n  sdpa {vs_sdpa}")


def main():
    torch.set_num_threads(1)
    os.makedirs(os.path.join(HERE, "llama"), exist_ok=True)
    print("torch", torch.__version__, "transformers", transformers.__version__, "safetensors", safetensors.__version__)
    for name in sys.argv[1:] or MODELS:
        golden(name, build(name))


if __name__ == "__main__":
    main()

"""Makes query-heads/<model>.json: scores of single query heads under GQA, and which stay, from golden weights and gradients.

    python make-query-heads.py

A unit is a query head of every KV head: its rows of the queries and its columns of the output projection; keys and
values stay and do not count. Of every KV head equally many go, those with the lowest scores.
"""
import json, os

import torch
from safetensors.torch import load_file

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
CRITERIA = ["vector", "element1", "l1", "l2"]
AGGREGATIONS = {"sum": lambda q, o: q + o, "mean": lambda q, o: (q + o) / 2, "max": torch.maximum, "prod": lambda q, o: q * o,
                "first": lambda q, o: q, "second": lambda q, o: o, "last": lambda q, o: o}
# model: (weights, gradients, config keys of heads, KV heads, head_dim, layers, queries, output projection)
STOCK = ("num_attention_heads", "num_key_value_heads", "head_dim", "num_hidden_layers",
         "model.layers.{}.self_attn.q_proj.weight", "model.layers.{}.self_attn.o_proj.weight")
GLM2 = ("num_attention_heads", "multi_query_group_num", "kv_channels", "num_layers",
        "transformer.encoder.layers.{}.self_attention.query_key_value.weight",
        "transformer.encoder.layers.{}.self_attention.dense.weight")
MODELS = {"llama-gqa-rep3": ("models/gqa-rep3", "llama/gqa-rep3", STOCK),
          "chatglm2": ("families/chatglm2", "families/chatglm2/golden", GLM2),
          "chatglm3": ("families/chatglm3", "families/chatglm3/golden", GLM2)}
RATIO = 0.5


def digits(x, n=9):
    return [float(f"{v:.{n}g}") for v in x.tolist()]


def kept_of(scores, kv_heads, d):
    """Heads that stay, and the smallest relative gap at the cut of a KV head."""
    rep = scores.numel() // kv_heads
    count = oracle.n_pruned(scores.numel() * d, scores.numel() * d, RATIO) // (kv_heads * d)
    kept, gaps = [], []
    for kv, group in enumerate(scores.view(kv_heads, rep)):
        stay, gap = oracle.pick(group, count)
        kept += [kv * rep + r for r in stay]
        gaps.append(gap)
    return kept, float(f"{min(gaps):.3g}")


def scores_of(model):
    folder, golden, (heads_key, kv_key, dim_key, layers_key, q_name, o_name) = MODELS[model]
    config = json.load(open(os.path.join(HERE, folder, "config.json")))
    weights = load_file(os.path.join(HERE, folder, "model.safetensors"))
    grads = load_file(os.path.join(HERE, golden + ".safetensors"))
    heads, kv_heads, d = config[heads_key], config[kv_key], config[dim_key]
    out = {}
    for criterion in CRITERIA:
        for how, aggregate in AGGREGATIONS.items():
            layers = []
            for layer in range(config[layers_key]):
                of = lambda name, side: oracle.member_score(weights[name][:heads * d] if side == "row" else weights[name],
                                                            grads["grad." + name][:heads * d] if side == "row" else grads["grad." + name],
                                                            None, criterion, side)
                q, o = of(q_name.format(layer), "row"), of(o_name.format(layer), "column")
                scores = aggregate(q, o).view(heads, d).sum(1)
                kept, gap = kept_of(scores, kv_heads, d)
                layers.append({"heads": digits(scores), "keptHeads": kept, "gap": gap})
            out.setdefault(criterion, {})[how] = layers
    return {"ratio": RATIO, "scores": out}


def main():
    torch.set_num_threads(1)
    os.makedirs(os.path.join(HERE, "query-heads"), exist_ok=True)
    for model in MODELS:
        with open(os.path.join(HERE, "query-heads", model + ".json"), "w") as f:
            f.write(json.dumps(scores_of(model), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

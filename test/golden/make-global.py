"""Makes global/<model>-<seed>.json: what global rankings remove by the scores of scores/<model>-<seed>.json.

    python make-global.py

`published` is the formula of oracle.select_global on float32 scores. `corrected` takes, one at a time, the unit with the
lowest score a parameter of a group that has another one, until at most int(R * (1 - ratio)) of the R parameters of the
window's structures are left, and then gives back, the last one first, what has room.
"""
import json, os

import torch

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
RATIOS = [0.25, 0.5]


def unit_parameters(model):
    config = json.load(open(os.path.join(HERE, "models", model, "config.json")))
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    kv = config.get("num_key_value_heads") or heads
    dim = config.get("head_dim") or hidden // heads
    assert not config.get("attention_bias") and not config.get("mlp_bias")
    return (2 * (heads // kv) + 2) * dim * hidden, 3 * hidden


def corrected(groups, costs, ratio):
    """groups: lists of scores; costs: parameters of a unit of each. Returns the removed units of each."""
    left = [set(range(len(scores))) for scores in groups]
    removable = sum(len(scores) * cost for scores, cost in zip(groups, costs))
    room, size = int(removable * (1 - ratio)), removable
    order = []
    while size > room:
        _, g, unit = min((groups[g][u] / costs[g], g, u)
                         for g in range(len(groups)) if len(left[g]) > 1 for u in left[g])
        left[g].remove(unit)
        size -= costs[g]
        order.append((g, unit))
    for g, unit in reversed(order):
        if size + costs[g] <= room:
            left[g].add(unit)
            size += costs[g]
    return [sorted(set(range(len(scores))) - kept) for scores, kept in zip(groups, left)]


def gone(kept, scores):
    return [sorted(set(range(len(s))) - set(k)) for k, s in zip(kept, scores)]


def main():
    os.makedirs(os.path.join(HERE, "global"), exist_ok=True)
    for file in sorted(os.listdir(os.path.join(HERE, "scores"))):
        data = json.load(open(os.path.join(HERE, "scores", file)))
        layers = data["shape"]["layers"]
        head_cost, channel_cost = unit_parameters(data["model"])
        lo, hi = (1, layers - 1) if layers > 3 else (0, layers)
        out = {"model": data["model"], "window": [lo, hi], "picks": {}}
        for criterion, by_aggregation in data["scores"].items():
            out["picks"][criterion] = {}
            for aggregation, scores in by_aggregation.items():
                attn, mlp = scores["kvHeads"][lo:hi], scores["channels"][lo:hi]
                groups = [s for pair in zip(attn, mlp) for s in pair]
                costs = [head_cost, channel_cost] * (hi - lo)
                per_ratio = {}
                for ratio in RATIOS:
                    as_floats = [[torch.tensor(s, dtype=torch.float32) for s in part] for part in (attn, mlp)]
                    published = oracle.select_global(*as_floats, ratio)
                    removed = corrected(groups, costs, ratio)
                    per_ratio[str(ratio)] = {
                        "published": {"heads": gone(published["keptKvHeads"], attn),
                                      "channels": gone(published["keptChannels"], mlp)},
                        "corrected": {"heads": removed[0::2], "channels": removed[1::2]},
                    }
                out["picks"][criterion][aggregation] = per_ratio
        with open(os.path.join(HERE, "global", file), "w") as f:
            f.write(json.dumps(out, separators=(",", ":")) + "\n")


main()

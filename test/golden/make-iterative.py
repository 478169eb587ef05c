"""Makes iterative/<model>.json: pruning in steps, each scored on rows of its own, from models/.

    python make-iterative.py

Ratio of step t of T: ratio * t / T of the ORIGINAL width. Every step starts from the original weights with the plan so
far cut out, so nothing of an earlier step's gradients is left anywhere (in the published code some is: a defect).
"""
import json, os

import torch

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, RATIO, ROWS, LENGTH = 3, 0.5, 8, 24
CASES = [("mha", "element1", "sum", 0), ("gqa", "element1", "sum", 0), ("gqa", "mix", "max", 1)]  # the last: a seed


def lowest(scores, init, ratio, hd):
    """Kept indices into `scores` and the relative gap at the cut; `init` is the original width in channels."""
    return oracle.pick(scores, max(oracle.n_pruned(scores.numel() * hd, init, ratio), 0) // hd)


def steps_of(name, criterion, aggregation, seed):
    folder = os.path.join(HERE, "models", name)
    hd, nh, nkv, rep, ffn, layers = oracle.shape_of(oracle.load(folder))
    g = torch.Generator().manual_seed(seed + sum(map(ord, name + criterion)))
    vocab = oracle.load(folder).config.vocab_size
    plan = {i: {"keptKvHeads": list(range(nkv)), "keptHeads": list(range(nh)), "keptChannels": list(range(ffn))}
            for i in range(layers)}
    out = []
    for t in range(1, STEPS + 1):
        model = oracle.prune_physically(oracle.load(folder), plan)
        rows = torch.randint(0, vocab, (ROWS, LENGTH), generator=g)
        _, loss, G = oracle.batch_gradients(model, rows)
        A = oracle.fisher_diagonal(model, rows) if criterion == "mix" else None
        gaps = {"gapHeads": [], "gapChannels": []}
        for i in range(layers):
            params = oracle.named(model)
            heads = oracle.attention_kv_scores(hd, oracle.members(params, G, A, i, criterion, "attn"), aggregation, "correct")
            channels = oracle.channel_scores(oracle.members(params, G, A, i, criterion, "mlp"), aggregation)
            kv, gap_h = lowest(heads, nkv * hd, t / STEPS * RATIO, hd)
            ch, gap_c = lowest(channels, ffn, t / STEPS * RATIO, 1)
            p = plan[i]
            p["keptKvHeads"] = [p["keptKvHeads"][k] for k in kv]
            p["keptHeads"] = [k * rep + r for k in p["keptKvHeads"] for r in range(rep)]
            p["keptChannels"] = [p["keptChannels"][c] for c in ch]
            gaps["gapHeads"].append(gap_h), gaps["gapChannels"].append(gap_c)
        least = min(x for v in gaps.values() for x in v if x is not None)
        assert least > 1e-4, (name, t, least)  # else choose other rows: a close pick may turn on rounding
        print(name, criterion, "step", t, "loss", loss, "least gap", least)
        out.append({"inputIds": rows.tolist(), "loss": loss,
                    "layers": [{k: list(v) for k, v in plan[i].items()} for i in range(layers)]})
    return {"model": name, "criterion": criterion, "aggregation": aggregation, "ratio": RATIO, "steps": out}


def main():
    torch.set_num_threads(1)
    os.makedirs(os.path.join(HERE, "iterative"), exist_ok=True)
    for name, criterion, aggregation, seed in CASES:
        with open(os.path.join(HERE, "iterative", f"{name}-{criterion}.json"), "w") as f:
            f.write(json.dumps(steps_of(name, criterion, aggregation, seed), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

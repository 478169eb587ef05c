"""Makes scores/<model>-<seed>.json (scores and picks) and pruned/<model>.* (models after surgery) from models/.

    python make-scores.py

Gradients are of the mean next-token loss over the WHOLE set of rows, one float32 backward, however large the set.
"""
import json, os

import torch
from safetensors.torch import save_file

import oracle
from reference64 import Reference64

HERE = os.path.dirname(os.path.abspath(__file__))
CRITERIA = ["vector", "element1", "l1", "l2"]
SECOND_ORDER = ["element2", "mix"]
AGGREGATIONS = ["sum", "mean", "max", "prod", "first", "second", "last"]
RATIOS = [0.25, 0.5]
ROWS = {1: (10, 16), 2: (10, 64), 3: (40, 24)}  # seed: rows x tokens; 3 is meant to need several micro-batches
SETS = [(m, s) for m in ("mha", "gqa", "tied") for s in ROWS] + [("gqa-rep3", 1)]
WITH_SECOND_ORDER = {("mha", 1), ("mha", 2), ("gqa", 1), ("gqa", 2), ("gqa-rep3", 1)}  # size
WITH_MEMBERS = {("mha", 1), ("gqa", 1)}  # files that also list the scores of every member (size)
CLOSE = 1e-5  # below this relative gap at the cut, a float32 pick proves nothing
PRUNED = {"mha": ((1, 3), (0, 4)), "gqa": ((1, 3), (0, 4))}
PRUNED_BY = dict(criterion="element1", aggregation="sum", ratio=0.25, seed=1)


def digits(x, n=9):
    """Nested lists of numbers with n significant digits; 9 restore a float32 exactly."""
    if isinstance(x, torch.Tensor):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return [digits(v, n) for v in x]
    return float(f"{x:.{n}g}") if isinstance(x, float) else x


def write(folder, name, content):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name + ".json"), "w") as f:
        f.write(json.dumps(content, separators=(",", ":")) + "\n")


def calibration(model_name, seed, vocab):
    rows, length = ROWS[seed]
    g = torch.Generator().manual_seed(seed * 7919 + sum(map(ord, model_name)))
    return torch.randint(0, vocab, (rows, length), generator=g)


# ------------------------------------------------------------------ scores

def fisher_diagonal64(exact, rows):
    """oracle.fisher_diagonal in float64: the mean over rows of the squared gradient of each row's own mean loss."""
    acc = {}
    for row in rows:
        _, _, grads, _ = exact.batch([row])
        for n, g in grads.items():
            acc[n] = acc.get(n, 0) + g * g / len(rows)
    return acc


def group_scores(params, grads, fisher, shape, criterion):
    """Member scores of every layer: [(attention members, MLP members)]."""
    return [tuple(oracle.members(params, grads, fisher, i, criterion, block) for block in ("attn", "mlp"))
            for i in range(shape["layers"])]


def reduced(members, shape, aggregation, folds):
    """{kvHeads, [kvHeadsPublishedFold,] channels}: one tensor a layer."""
    out = {key: [oracle.attention_kv_scores(shape["headDim"], a, aggregation, how) for a, _ in members]
           for key, how in folds.items()}
    out["channels"] = [oracle.channel_scores(m, aggregation) for _, m in members]
    return out


def picks(scores, shape, ratio):
    """Kept lists and gaps, one entry a layer; a gap is null where nothing or everything is cut."""
    rep = shape["heads"] // shape["kvHeads"]
    per = [oracle.select_layer(a, c, shape["headDim"], rep, ratio) for a, c in zip(scores["kvHeads"], scores["channels"])]
    out = {k: [p[k] for p in per] for k in per[0]}
    if "kvHeadsPublishedFold" in scores:
        pub = [oracle.select_layer(a, c, shape["headDim"], rep, ratio)
               for a, c in zip(scores["kvHeadsPublishedFold"], scores["channels"])]
        out["keptKvHeadsPublishedFold"] = [p["keptKvHeads"] for p in pub]
        out["gapHeadsPublishedFold"] = [p["gapHeads"] for p in pub]
    return out


GAP_OF = {"keptHeads": "gapHeads", "keptKvHeads": "gapHeads", "keptChannels": "gapChannels",
          "keptKvHeadsPublishedFold": "gapHeadsPublishedFold"}


def differing(got, exact):
    """Picks that float64 makes differently: [(list, layer, gap)]."""
    return [(k, i, got[gap][i]) for k, gap in GAP_OF.items() if k in got
            for i, (a, b) in enumerate(zip(got[k], exact[k])) if a != b]


def worst_of_largest(got, exact):
    """Largest difference of a score, relative to the largest score of its layer and kind."""
    return max(((a.double() - b).abs().max() / b.abs().max()).item() for k in exact for a, b in zip(got[k], exact[k]))


def worst_of_itself(got, exact):
    """Largest difference of a score relative to itself."""
    return max(((a.double() - b).abs() / b.abs()).max().item() for k in exact for a, b in zip(got[k], exact[k]))


def score_file(model_name, seed):
    folder = os.path.join(HERE, "models", model_name)
    model, exact = oracle.load(folder), Reference64(folder)
    hd, nh, nkv, rep, ffn, layers = oracle.shape_of(model)
    shape = dict(layers=layers, heads=nh, kvHeads=nkv, headDim=hd, ffn=ffn)
    rows = calibration(model_name, seed, model.config.vocab_size)
    _, loss, G = oracle.batch_gradients(model, rows)
    _, loss64, G64, _ = exact.batch(list(rows))
    second = (model_name, seed) in WITH_SECOND_ORDER
    A = oracle.fisher_diagonal(model, rows) if second else None
    A64 = fisher_diagonal64(exact, rows) if second else None
    folds = {"kvHeads": "correct"} if rep == 1 else {"kvHeads": "correct", "kvHeadsPublishedFold": "published"}
    window = (1, layers - 1)

    out = {"model": model_name, "seed": seed, "shape": shape, "inputIds": rows.tolist(), "loss": loss,
           "memberOrder": {"attn": oracle.ORDER["mha" if rep == 1 else "gqa"], "mlp": oracle.ORDER["mlp"]},
           "scores": {}, "picks": {}, "globalPicksSum": {}, "float32VsFloat64": {}}
    if (model_name, seed) in WITH_MEMBERS:
        out["members"] = {}
    close = 0
    for criterion in CRITERIA + (SECOND_ORDER if second else []):
        members = group_scores(oracle.named(model), G, A, shape, criterion)
        members64 = group_scores(exact.params, G64, A64, shape, criterion)
        scores, chosen, off = {}, {}, {}
        for agg in AGGREGATIONS:
            got, want = (reduced(m, shape, agg, folds) for m in (members, members64))
            scores[agg] = {k: digits(v) for k, v in got.items()}
            off[agg] = {"ofLargest": digits(worst_of_largest(got, want), 2), "ofItself": digits(worst_of_itself(got, want), 2)}
            chosen[agg] = {}
            for ratio in RATIOS:
                p = picks(got, shape, ratio)
                for what, layer, gap in differing(p, picks(want, shape, ratio)):
                    assert gap < CLOSE, (model_name, seed, criterion, agg, ratio, what, layer, gap)
                close += sum(g is not None and g < CLOSE for k in set(GAP_OF.values()) for g in p.get(k, []))
                chosen[agg][str(ratio)] = {k: (digits(v, 3) if k.startswith("gap") else v) for k, v in p.items()}
            if agg == "sum":
                lo, hi = window
                at = {str(r): oracle.select_global(got["kvHeads"][lo:hi], got["channels"][lo:hi], r) for r in RATIOS}
                out["globalPicksSum"][criterion] = {
                    r: {**g, "window": window, "threshold": digits(g["threshold"]), "gap": digits(g["gap"], 3)}
                    for r, g in at.items()}
        out["scores"][criterion], out["picks"][criterion], out["float32VsFloat64"][criterion] = scores, chosen, off
        if (model_name, seed) in WITH_MEMBERS:
            out["members"][criterion] = [{n: digits(s) for part in layer for n, s in part.items()} for layer in members]
    write("scores", f"{model_name}-{seed}", out)
    spread = {c: tuple(max(o[k] for o in off.values()) for k in ("ofLargest", "ofItself"))
              for c, off in out["float32VsFloat64"].items()}
    print(f"{model_name}-{seed}: loss {loss:.6f} (float64 off {abs(loss - loss64):.1e}), cuts below {CLOSE}: {close}, "
          f"worst (of the layer's largest, of itself): {spread}")
    return out


# ------------------------------------------------------------------ pruned models

def pruned_files(model_name, score):
    """Loss, logits and perplexity after surgery, on the rows the scores were made from."""
    folder = os.path.join(HERE, "models", model_name)
    tokens = json.load(open(os.path.join(HERE, "llama", model_name + ".json")))["perplexity"]["tokens"]
    chosen = score["picks"][PRUNED_BY["criterion"]][PRUNED_BY["aggregation"]][str(PRUNED_BY["ratio"])]
    rows = torch.tensor(score["inputIds"])
    cases, tensors = [], {}
    for lo, hi in PRUNED[model_name]:
        plan = {i: {k: chosen[k][i] for k in ("keptHeads", "keptKvHeads", "keptChannels")} for i in range(lo, hi)}
        model = oracle.prune_physically(oracle.load(folder), plan)
        with torch.no_grad():
            out = model(input_ids=rows, labels=rows, use_cache=False)
            masked = oracle.mask_instead(oracle.load(folder), plan)(input_ids=rows, use_cache=False).logits
        off = (out.logits - masked).abs().max().item()
        assert off < 1e-4, off
        tensors[f"logits.{lo}-{hi}"] = out.logits.contiguous()
        cases.append({"layers": [lo, hi], "plan": plan, "parametersBefore": oracle.count_params(oracle.load(folder)),
                      "parameters": oracle.count_params(model), "loss": out.loss.item(),
                      "perplexityByChunk": {str(c): oracle.perplexity(model, tokens, c) for c in (128, 32)},
                      "maskedVsPhysicalMaxAbs": digits(off, 3)})
        print(f"pruned {model_name} [{lo},{hi}): params {cases[-1]['parameters']} loss {score['loss']:.4f} -> "
              f"{cases[-1]['loss']:.4f}, masking instead differs by {off:.1e}")
    write("pruned", model_name, {"model": model_name, **PRUNED_BY, "inputIds": score["inputIds"], "cases": cases})
    path = os.path.join(HERE, "pruned", model_name + ".safetensors")
    save_file(tensors, path)
    os.chmod(path, 0o644)  # safetensors writes 0600


def main():
    torch.set_num_threads(1)
    made = {(m, s): score_file(m, s) for m, s in SETS}
    for model_name in PRUNED:
        pruned_files(model_name, made[model_name, PRUNED_BY["seed"]])


if __name__ == "__main__":
    main()

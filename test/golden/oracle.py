"""LLM-Pruner's published formulas on plain transformers models (LLaMA family), in PyTorch.

    python oracle.py ppl   --model DIR (--tokens tokens.json | --text FILE) [--chunk 128] [--batch 4]
    python oracle.py score --model DIR --rows rows.jsonl --criterion element1 --aggregation sum
                           --ratio 0.25 [--attn 1:3] [--mlp 1:3] [--fold correct|published] [--out plan.json]

rows.jsonl: one object a line, {"input_ids": [...]}, all of one length. tokens.json: one flat list of ids.
Everything is float32 on CPU with eager attention. Written from the published formulas; no code is taken over.
The make-*.py scripts beside this file import it.
"""
import argparse, json, math
from collections import OrderedDict

import torch

CRITERIA = ["vector", "element1", "element2", "mix", "l1", "l2"]
AGGREGATIONS = ["sum", "mean", "max", "prod", "first", "second", "last"]


# ------------------------------------------------------------------ model and data

def load(folder, attn="eager"):
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attn)
    return model.eval()


def read_rows(path):
    rows = [json.loads(line)["input_ids"] for line in open(path) if line.strip()]
    return torch.tensor(rows, dtype=torch.long)


def head_dim(model):
    return model.model.layers[0].self_attn.head_dim


def named(model):
    return OrderedDict(model.named_parameters())  # tied tensors once


PART = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.o_proj",
        "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}


def parameter_name(layer, member):
    return f"model.layers.{layer}.{PART[member]}.weight"


# ------------------------------------------------------------------ gradients

def batch_gradients(model, rows):
    """Loss and gradients of the mean next-token cross-entropy over the whole batch, one backward."""
    model.zero_grad(set_to_none=True)
    out = model(input_ids=rows, labels=rows, use_cache=False)
    out.loss.backward()
    grads = {n: p.grad.detach().clone() for n, p in named(model).items()}
    model.zero_grad(set_to_none=True)
    return out.logits.detach(), out.loss.item(), grads


def fisher_diagonal(model, rows):
    """A = sum_j g_j^2 / N, g_j the gradient of row j alone (its own mean loss)."""
    acc = {}
    for j in range(rows.shape[0]):
        _, _, grads = batch_gradients(model, rows[j:j + 1])
        for n, g in grads.items():
            term = g * g / rows.shape[0]
            acc[n] = acc[n] + term if n in acc else term
    return acc


# ------------------------------------------------------------------ importance

def salience(w, g, a, criterion):
    if criterion in ("vector", "element1"):
        return w * g
    if criterion == "element2":
        return w * a * w
    if criterion == "mix":
        return w * g - 0.5 * w * a * w
    return w.abs() if criterion == "l1" else w.abs().pow(2)


def member_score(w, g, a, criterion, side):
    """One number per output row (side 'row') or input column (side 'column') of one member of the group."""
    s = salience(w, g, a, criterion)
    dim = 1 if side == "row" else 0
    return s.sum(dim).abs() if criterion == "vector" else s.abs().sum(dim)


MEMBERS = {"attn": [("q", "row"), ("k", "row"), ("v", "row"), ("o", "column")],
           "mlp": [("gate", "row"), ("up", "row"), ("down", "column")]}


def members(params, G, A, layer, criterion, block):
    """Scores of every member of one layer's group, by member name; A only for the second-order criteria."""
    out = OrderedDict()
    for name, side in MEMBERS[block]:
        full = parameter_name(layer, name)
        w = params[full].detach()
        out[name] = member_score(w, G[full], A[full] if A else None, criterion, side)
    return out


# Order in which the group lists its members; 'first' is the root, 'second' the next one found: o_proj, not k_proj.
# MHA: root q_proj (hf_prune.py), GQA: root k_proj (llama3.py). Read off the published code while it ran.
ORDER = {"mha": ["q", "o", "v", "k"], "gqa": ["k", "o", "v", "q"], "mlp": ["gate", "up", "down"]}
# The structure of the group that executes last (paper 3.2, "Last-only"): no flag of the published code selects it.
LAST = {"mha": "o", "gqa": "o", "mlp": "down"}


def aggregate(scores, how, kind):
    """scores: member name -> one score per channel, all of one length -> one score per channel of the group."""
    if how == "last":
        return scores[LAST[kind]]
    stack = torch.stack([scores[m] for m in ORDER[kind]])
    return {"sum": lambda x: x.sum(0), "mean": lambda x: x.mean(0), "max": lambda x: x.max(0)[0],
            "prod": lambda x: torch.prod(x, 0), "first": lambda x: x[0], "second": lambda x: x[1]}[how](stack)


def fold(score, units, hd, how):
    """Bring a q/o member (n_heads*hd) to the length of the k/v members (n_kv*hd).

    correct:   query head h belongs to KV head h // rep -> view(n_kv, rep, hd).sum(1)
    published: view(rep, n_kv*hd).sum(0), which pairs query head h with KV head h % n_kv
    """
    n_kv_channels = units * hd
    if score.numel() == n_kv_channels:
        return score
    if how == "correct":
        return score.view(units, -1, hd).sum(1).reshape(-1)
    return score.view(-1, n_kv_channels).sum(0)


def attention_kv_scores(hd, mem, aggregation, fold_how):
    """Scores of the prunable attention units: heads for MHA, KV heads (whole groups) for GQA."""
    n_kv = mem["k"].numel() // hd
    kind = "mha" if mem["q"].numel() == mem["k"].numel() else "gqa"
    folded = {m: fold(s, n_kv, hd, fold_how) for m, s in mem.items()}
    return aggregate(folded, aggregation, kind).view(-1, hd).sum(1)


def channel_scores(mem, aggregation):
    return aggregate(mem, aggregation, "mlp")


# ------------------------------------------------------------------ selection

def n_pruned(current, init, ratio):
    return current - int(init * (1 - ratio))


def pick(scores, count):
    """Lowest `count` removed; returns kept (ascending) and the relative gap at the cut."""
    order = torch.argsort(scores)
    kept = sorted(order[count:].tolist())
    if count == 0 or count >= scores.numel():
        return kept, None
    lo, hi = scores[order[count - 1]].item(), scores[order[count]].item()
    return kept, (hi - lo) / max(abs(hi), 1e-30)


def select_layer(attn_scores, mlp_scores, hd, rep, ratio):
    n_kv = attn_scores.numel()
    kv_count = n_pruned(n_kv * hd, n_kv * hd, ratio) // hd
    ch_count = n_pruned(mlp_scores.numel(), mlp_scores.numel(), ratio)
    kv, gap_h = pick(attn_scores, max(kv_count, 0))
    ch, gap_c = pick(mlp_scores, max(ch_count, 0))
    heads = [h * rep + r for h in kv for r in range(rep)]
    return {"keptHeads": heads, "keptKvHeads": kv, "keptChannels": ch, "gapHeads": gap_h, "gapChannels": gap_c}


def select_global(attn, mlp, ratio):
    """Published global mode: all head and channel scores in one list, no normalisation, threshold = k-th smallest,
    everything <= threshold goes, a group that would become empty is left alone."""
    every = torch.cat(attn + mlp).sort()[0]
    k = n_pruned(every.numel(), every.numel(), ratio)
    thr, above = every[k - 1].item(), every[k].item()
    keep = lambda s: [i for i, v in enumerate(s.tolist()) if v > thr] or list(range(len(s)))
    return {"keptKvHeads": [keep(s) for s in attn], "keptChannels": [keep(s) for s in mlp], "threshold": thr,
            "gap": (above - thr) / max(abs(above), 1e-30)}


# ------------------------------------------------------------------ surgery

def shape_of(model):
    hd = head_dim(model)
    l0 = model.model.layers[0]
    nh, nkv = l0.self_attn.q_proj.out_features // hd, l0.self_attn.k_proj.out_features // hd
    return hd, nh, nkv, nh // nkv, l0.mlp.gate_proj.out_features, len(model.model.layers)


def cut(linear, rows=None, cols=None):
    w = linear.weight.data
    if rows is not None:
        w = w[rows]
        if linear.bias is not None:
            linear.bias = torch.nn.Parameter(linear.bias.data[rows].clone())
        linear.out_features = len(rows)
    if cols is not None:
        w = w[:, cols]
        linear.in_features = len(cols)
    linear.weight = torch.nn.Parameter(w.clone())


def prune_physically(model, plan):
    """plan: {layer: {keptHeads, keptKvHeads, keptChannels}}; layers not named stay whole."""
    hd = head_dim(model)
    for i, p in plan.items():
        layer = model.model.layers[int(i)]
        q = torch.tensor([h * hd + d for h in p["keptHeads"] for d in range(hd)])
        kv = torch.tensor([h * hd + d for h in p["keptKvHeads"] for d in range(hd)])
        ch = torch.tensor(p["keptChannels"])
        a, m = layer.self_attn, layer.mlp
        cut(a.q_proj, rows=q); cut(a.k_proj, rows=kv); cut(a.v_proj, rows=kv); cut(a.o_proj, cols=q)
        cut(m.gate_proj, rows=ch); cut(m.up_proj, rows=ch); cut(m.down_proj, cols=ch)
    return model


def mask_instead(model, plan):
    """Same plan by zeroing o_proj/down_proj columns: must give the same logits."""
    hd = head_dim(model)
    for i, p in plan.items():
        layer = model.model.layers[int(i)]
        q = [h * hd + d for h in p["keptHeads"] for d in range(hd)]
        for lin, keep in ((layer.self_attn.o_proj, q), (layer.mlp.down_proj, p["keptChannels"])):
            m = torch.zeros(lin.in_features); m[keep] = 1
            lin.weight.data *= m
    return model


def count_params(model):
    return sum(p.numel() for p in named(model).values())


# ------------------------------------------------------------------ perplexity

@torch.no_grad()
def perplexity(model, ids, chunk=128, batch=4):
    """Non-overlapping chunks, tail dropped, no extra BOS; exp(mean NLL of the chunk-1 predicted tokens of each)."""
    ids = torch.as_tensor(ids, dtype=torch.long)
    n = ids.numel() // chunk
    chunks = ids[:n * chunk].view(n, chunk)
    nll = []
    for i in range(0, n, batch):
        b = chunks[i:i + batch]
        logits = model(input_ids=b, use_cache=False).logits[:, :-1]
        nll.append(torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), b[:, 1:].reshape(-1),
                                                     reduction="none"))
    return math.exp(torch.cat(nll).mean().item())


# ------------------------------------------------------------------ command line

def span(text, layers):
    if not text:
        return 0, layers
    lo, hi = text.split(":")
    return int(lo), int(hi)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("command", choices=["ppl", "score"])
    ap.add_argument("--model", required=True)
    for flag in ("--rows", "--tokens", "--text", "--out", "--attn", "--mlp"):
        ap.add_argument(flag)
    ap.add_argument("--criterion", choices=CRITERIA, default="element1")
    ap.add_argument("--aggregation", choices=AGGREGATIONS, default="sum")
    ap.add_argument("--ratio", type=float, default=0.25)
    ap.add_argument("--fold", choices=["correct", "published"], default="correct")
    ap.add_argument("--chunk", type=int, default=128)
    ap.add_argument("--batch", type=int, default=4)
    a = ap.parse_args()
    torch.manual_seed(0)
    if a.command == "ppl":
        if a.tokens:
            ids = json.load(open(a.tokens))
        else:
            from transformers import AutoTokenizer
            ids = AutoTokenizer.from_pretrained(a.model)(open(a.text, encoding="utf-8").read())["input_ids"]
        print(json.dumps({"perplexity": perplexity(load(a.model), ids, a.chunk, a.batch), "chunk": a.chunk,
                          "chunks": len(ids) // a.chunk}))
    else:
        model, rows = load(a.model), read_rows(a.rows)
        hd, nh, nkv, rep, ffn, L = shape_of(model)
        _, loss, G = batch_gradients(model, rows)
        A = fisher_diagonal(model, rows) if a.criterion in ("element2", "mix") else None
        P = named(model)
        at, ml = span(a.attn, L), span(a.mlp, L)
        layers = []
        for i in range(L):
            s = attention_kv_scores(hd, members(P, G, A, i, a.criterion, "attn"), a.aggregation, a.fold)
            c = channel_scores(members(P, G, A, i, a.criterion, "mlp"), a.aggregation)
            p = select_layer(s, c, hd, rep, a.ratio)
            if not at[0] <= i < at[1]:
                p["keptHeads"], p["keptKvHeads"] = list(range(nh)), list(range(nkv))
            if not ml[0] <= i < ml[1]:
                p["keptChannels"] = list(range(ffn))
            layers.append({k: p[k] for k in ("keptHeads", "keptKvHeads", "keptChannels")})
        before = count_params(model)
        prune_physically(model, dict(enumerate(layers)))
        text = json.dumps({"loss": loss, "layers": layers, "paramsBefore": before, "paramsAfter": count_params(model)})
        open(a.out, "w").write(text) if a.out else print(text)


if __name__ == "__main__":
    main()

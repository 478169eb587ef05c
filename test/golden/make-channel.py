"""Makes channel/<model>-<seed>.json: scores and picks of the hidden indices, and what is left of the model, in PyTorch.

    python make-channel.py            # needs models/

One group through the whole network, listed here by hand: columns of embedding, head, q, k, v, gate and up, rows of o and
down, the weight of every norm. A tied embedding is one member.
"""
import json, os

import torch

import oracle
from reference64 import Reference64

HERE = os.path.dirname(os.path.abspath(__file__))
CRITERIA = ["vector", "element1", "element2", "mix", "l1", "l2"]
AGGREGATIONS = ["sum", "mean", "max", "prod", "first", "second", "last"]
RATIOS = [0.2, 0.5]
ROWS = {1: (10, 16), 2: (6, 40), 3: (24, 12)}  # seed: rows x tokens
SETS = [("mha", 1), ("mha", 2), ("gqa", 1), ("gqa", 3), ("tied", 1), ("tied", 2), ("headdim", 1), ("sharded-bf16", 1)]
CLOSE = 1e-5  # below this relative gap at the cut, a float32 pick proves nothing
COLUMNS, ROWS_OF, VECTOR = 0, 1, None  # the dimension a member's salience is summed over


def digits(x, n=9):
    if isinstance(x, torch.Tensor):
        x = x.tolist()
    if isinstance(x, list):
        return [digits(v, n) for v in x]
    return float(f"{x:.{n}g}") if isinstance(x, float) else x


def members(params, layers):
    """(name, summed dimension) of every member, in order of execution."""
    out = [("model.embed_tokens.weight", COLUMNS)]
    for i in range(layers):
        p = f"model.layers.{i}."
        out += [(p + "input_layernorm.weight", VECTOR)]
        out += [(f"{p}self_attn.{n}_proj.weight", COLUMNS) for n in "qkv"]
        out += [(p + "self_attn.o_proj.weight", ROWS_OF), (p + "post_attention_layernorm.weight", VECTOR)]
        out += [(f"{p}mlp.{n}_proj.weight", COLUMNS) for n in ("gate", "up")]
        out += [(p + "mlp.down_proj.weight", ROWS_OF)]
    out += [("model.norm.weight", VECTOR)]
    return out + ([("lm_head.weight", COLUMNS)] if "lm_head.weight" in params else [])


def member_score(w, g, a, criterion, dim):
    s = oracle.salience(w, g, a, criterion)
    if dim is VECTOR:
        return s.abs()
    return s.sum(dim).abs() if criterion == "vector" else s.abs().sum(dim)


def aggregated(by_name, how):
    """One score a hidden index; a product as the sum of logarithms, since hundreds of factors underflow."""
    stack = torch.stack(list(by_name.values()))
    if how == "first":  # the root: the search walks from the outputs, and the norm before the head is met first
        return by_name["model.norm.weight"]
    if how in ("second", "last"):  # the head: next to the root, and executed last
        return by_name.get("lm_head.weight", by_name["model.embed_tokens.weight"])
    return {"sum": lambda: stack.sum(0), "mean": lambda: stack.mean(0), "max": lambda: stack.max(0)[0],
            "prod": lambda: stack.double().log().sum(0)}[how]()


def every_score(params, G, A, layers, criterion):
    by_name = {n: member_score(params[n].detach(), G[n], A[n], criterion, d) for n, d in members(params, layers)}
    return {how: aggregated(by_name, how) for how in AGGREGATIONS}


def fisher64(exact, rows):
    acc = {}
    for row in rows:
        for n, g in exact.batch([row])[2].items():
            acc[n] = acc.get(n, 0) + g * g / len(rows)
    return acc


def keep_only(model, hidden):
    """The model without the other hidden indices."""
    keep = torch.tensor(hidden)
    for name, dim in members(oracle.named(model), len(model.model.layers)):
        module = model.get_submodule(name.removesuffix(".weight"))
        w = module.weight.data
        module.weight = torch.nn.Parameter(w[keep] if dim in (VECTOR, ROWS_OF) else w[:, keep])
    if model.config.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
    return model


def score_file(name, seed):
    folder = os.path.join(HERE, "models", name)
    model, exact = oracle.load(folder), Reference64(folder)
    layers, hidden = len(model.model.layers), model.config.hidden_size
    rows, length = ROWS[seed]
    generator = torch.Generator().manual_seed(seed * 6007 + sum(map(ord, name)))
    ids = torch.randint(0, model.config.vocab_size, (rows, length), generator=generator)
    _, loss, G = oracle.batch_gradients(model, ids)
    A = oracle.fisher_diagonal(model, ids)
    G64, A64 = exact.batch(list(ids))[2], fisher64(exact, ids)
    out = {"model": name, "seed": seed, "inputIds": ids.tolist(), "loss": loss, "scores": {}, "picks": {},
           "float32VsFloat64": {}}
    close = 0
    for criterion in CRITERIA:
        got = every_score(oracle.named(model), G, A, layers, criterion)
        want = every_score(exact.params, G64, A64, layers, criterion)
        out["scores"][criterion] = {how: digits(s) for how, s in got.items()}
        out["float32VsFloat64"][criterion] = {
            how: digits(((got[how].double() - want[how]).abs().max() / want[how].abs().max()).item(), 2) for how in AGGREGATIONS}
        out["picks"][criterion] = {}
        for how in AGGREGATIONS:
            out["picks"][criterion][how] = {}
            for ratio in RATIOS:
                count = oracle.n_pruned(hidden, hidden, ratio)
                (kept, gap), (kept64, _) = oracle.pick(got[how], count), oracle.pick(want[how], count)
                assert kept == kept64 or gap < CLOSE, (name, seed, criterion, how, ratio, gap)
                close += gap < CLOSE
                out["picks"][criterion][how][str(ratio)] = {"kept": kept, "gap": digits(gap, 3)}
    kept = out["picks"]["element1"]["sum"]["0.2"]["kept"]
    small = keep_only(oracle.load(folder), kept)
    with torch.no_grad():
        result = small(input_ids=ids, labels=ids, use_cache=False)
    out["pruned"] = {"hidden": kept, "parameters": oracle.count_params(small), "loss": result.loss.item(),
                     "logits": digits(result.logits[0])}
    os.makedirs(os.path.join(HERE, "channel"), exist_ok=True)
    with open(os.path.join(HERE, "channel", f"{name}-{seed}.json"), "w") as f:
        f.write(json.dumps(out, separators=(",", ":")) + "\n")
    worst = {c: max(v.values()) for c, v in out["float32VsFloat64"].items()}
    print(f"{name}-{seed}: loss {loss:.4f} -> {out['pruned']['loss']:.4f}, cuts below {CLOSE}: {close}, worst {worst}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, seed in SETS:
        score_file(name, seed)

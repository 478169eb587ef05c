"""Makes lora/: LoRA training by PyTorch and peft on the pico models of models/.

    python make-lora.py            # lora/<name>.json, lora/<name>.safetensors   (needs models/)
    python make-lora.py schedules  # lora/schedules.json
    python make-lora.py adapter    # lora/adapter-logits.safetensors: lora/adapter/, which the studio wrote, in peft

Base weights are the stored ones upcast to float32, eager attention, dropout 0. Rows of different lengths are padded
on the right; prompts and padding carry the label -100, and the loss is the mean over all labelled tokens of a step.
"""
import json, os, sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "lora")
RANK, ALPHA = 4, 6
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, ROWS, PAD = 50, 4, 8
WARMUP, RATE, DECAY, CLIP = 5, 1e-2, 0.01, 1.0
VOCAB = 97


def digits(x):
    """9 significant digits, which restore a float32 exactly."""
    return [digits(v) for v in x] if isinstance(x, list) else float(f"{x:.9g}")


def adapted(name, seed, zero_b):
    """A seeded adapter; with zero_b as peft starts, otherwise with B at random, so that every gradient is non-zero."""
    model = oracle.load(os.path.join(HERE, "models", name))
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=TARGETS, bias="none",
                        task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for n, p in trained(model).items():
            if "lora_A" in n:
                p.copy_((2 * torch.rand(p.shape, generator=g) - 1) / p.shape[1] ** 0.5)
            else:
                p.copy_(torch.zeros(p.shape) if zero_b else 0.2 * torch.randn(p.shape, generator=g))
    return model.eval()


def plain(name):
    """base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight as model.layers.0....lora_A.weight."""
    return name.removeprefix("base_model.model.").replace(".default.", ".")


def trained(model):
    return {plain(n): p for n, p in model.named_parameters() if p.requires_grad}


def random_rows(count, seed):
    """Rows of 5 to 21 tokens, each with a prompt of up to half of it that is not learnt."""
    g = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(count):
        length = int(torch.randint(5, 22, (1,), generator=g))
        prompt = int(torch.randint(0, length // 2 + 1, (1,), generator=g))
        rows.append({"ids": torch.randint(0, VOCAB, (length,), generator=g).tolist(), "prompt": prompt})
    return rows


def loss_of(model, rows):
    longest = max(len(r["ids"]) for r in rows)
    length = -(-longest // PAD) * PAD
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full((len(rows), length), -100)
    for i, r in enumerate(rows):
        n = len(r["ids"])
        ids[i, :n] = torch.tensor(r["ids"])
        labels[i, r["prompt"]:n] = torch.tensor(r["ids"][r["prompt"]:])
    logits = model(input_ids=ids, use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, VOCAB), labels[:, 1:].reshape(-1),
                                             ignore_index=-100)


def gradients(name, seed):
    model = adapted(name, seed, zero_b=False)
    rows = random_rows(6, seed + 1)
    loss = loss_of(model, rows)
    loss.backward()
    tensors = {}
    for n, p in trained(model).items():
        tensors[f"gradients.adapter.{n}"] = p.detach().clone()
        tensors[f"gradients.grad.{n}"] = p.grad.detach().clone()
    return {"rows": rows, "loss": loss.item()}, tensors


def curve(name, seed):
    """50 steps of AdamW with clipping, warm-up and linear decay over rows in a fixed order."""
    model = adapted(name, seed, zero_b=True)
    params = trained(model)
    tensors = {f"curve.start.{n}": p.detach().clone() for n, p in params.items()}
    rows = random_rows(STEPS // 5 * ROWS, seed + 1)
    optimiser = torch.optim.AdamW(params.values(), lr=RATE, weight_decay=DECAY, foreach=False, fused=False)
    scheduler = get_linear_schedule_with_warmup(optimiser, WARMUP, STEPS)
    steps = []
    for step in range(STEPS):
        first = step * ROWS % len(rows)
        rate = scheduler.get_last_lr()[0]
        loss = loss_of(model, rows[first:first + ROWS])
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(list(params.values()), CLIP)
        optimiser.step()
        scheduler.step()
        steps.append({"loss": digits(loss.item()), "learningRate": float(f"{rate:.15g}"),
                      "gradientNorm": digits(norm.item())})
    tensors.update({f"curve.end.{n}": p.detach().clone() for n, p in params.items()})
    return {"rows": rows, "rowsPerStep": ROWS, "weightDecay": DECAY, "maxGradientNorm": CLIP, "warmupSteps": WARMUP,
            "learningRate": RATE, "steps": steps}, tensors


def golden(name, seed):
    torch.set_num_threads(1)
    first, tensors = gradients(name, seed)
    second, more = curve(name, seed + 10)
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, name + ".safetensors")
    save_file({n: t.contiguous() for n, t in {**tensors, **more}.items()}, path)
    os.chmod(path, 0o644)
    info = {"rank": RANK, "alpha": ALPHA, "targets": TARGETS, "gradients": first, "curve": second}
    with open(os.path.join(OUT, name + ".json"), "w") as f:
        f.write(json.dumps(info, separators=(",", ":")) + "\n")
    losses = [s["loss"] for s in second["steps"]]
    print(name, "loss", losses[0], "->", losses[-1])


def schedules():
    out = []
    for kind, make in (("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)):
        for peak, warmup, total in ((1e-4, 4, 20), (5e-4, 0, 7), (1.0, 5, 5), (1.0, 10, 4)):
            optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=peak)
            scheduler = make(optimiser, warmup, total)
            rates = []
            for _ in range(total + 1):
                rates.append(float(f"{scheduler.get_last_lr()[0]:.15g}"))
                optimiser.step()
                scheduler.step()
            out.append({"kind": kind, "peak": peak, "warmupSteps": warmup, "totalSteps": total, "rates": rates})
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, "schedules.json"), "w") as f:
        f.write(json.dumps(out, separators=(",", ":")) + "\n")


def adapter():
    """The studio's adapter as peft loads it, beside its model and merged into it by peft."""
    model = oracle.load(os.path.join(HERE, "models", "gqa"))
    ids = torch.randint(0, VOCAB, (3, 16), generator=torch.Generator().manual_seed(99))
    with torch.no_grad():
        base = model(input_ids=ids, use_cache=False).logits
        model = PeftModel.from_pretrained(model, os.path.join(OUT, "adapter")).eval()
        beside = model(input_ids=ids, use_cache=False).logits
        merged = model.merge_and_unload()(input_ids=ids, use_cache=False).logits
    path = os.path.join(OUT, "adapter-logits.safetensors")
    save_file({"input_ids": ids.int(), "base": base, "beside": beside.contiguous(), "merged": merged.contiguous()}, path)
    os.chmod(path, 0o644)
    print("adapter changes logits by", (beside - base).abs().max().item(), "merged differs by",
          (beside - merged).abs().max().item())


if __name__ == "__main__":
    if sys.argv[1:] == ["schedules"]:
        schedules()
    elif sys.argv[1:] == ["adapter"]:
        adapter()
    else:
        for name, seed in (("gqa", 70), ("sharded-bf16", 170)):
            golden(name, seed)

"""Makes adamw.json: steps of torch.optim.AdamW, clip_grad_norm_ and transformers' cosine schedule with warm-up.

    python make-adamw.py
"""
import json, os

import torch
from transformers import get_cosine_schedule_with_warmup

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, SIZE = 8, 6
OPTIONS = [
    dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    dict(lr=3e-3, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1),
    dict(lr=5e-2, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.5),
]
SCHEDULES = [dict(peak=1e-3, warmup=4, total=20), dict(peak=5e-4, warmup=0, total=7), dict(peak=1.0, warmup=5, total=5)]


def digits(x):
    """9 significant digits, which restore a float32 exactly."""
    return [digits(v) for v in x] if isinstance(x, list) else float(f"{x:.9g}")


def adamw(options, seed):
    """A new learning rate at every step, and gradients whose sizes differ by orders of magnitude."""
    g = torch.Generator().manual_seed(seed)
    start = torch.randn(SIZE, generator=g)
    parameter = torch.nn.Parameter(start.clone())
    optimiser = torch.optim.AdamW([parameter], foreach=False, fused=False, **options)
    scale = torch.tensor([1.0, 1e-3, 10.0, 1e-6, 0.0, 1.0])
    steps = []
    for step in range(STEPS):
        rate = options["lr"] * (step + 1) / STEPS
        optimiser.param_groups[0]["lr"] = rate
        parameter.grad = torch.randn(SIZE, generator=g) * scale
        gradient = parameter.grad.tolist()
        optimiser.step()
        state = optimiser.state[parameter]
        steps.append({"learningRate": rate, "gradient": digits(gradient), "values": digits(parameter.tolist()),
                      "firstMoment": digits(state["exp_avg"].tolist()),
                      "secondMoment": digits(state["exp_avg_sq"].tolist())})
    return {"beta1": options["betas"][0], "beta2": options["betas"][1], "eps": options["eps"],
            "weightDecay": options["weight_decay"], "start": digits(start.tolist()), "steps": steps}


def clipping(max_norm, size, seed):
    g = torch.Generator().manual_seed(seed)
    parameters = [torch.nn.Parameter(torch.zeros(n)) for n in (5, 3)]
    for p in parameters:
        p.grad = torch.randn(p.shape, generator=g) * size
    gradients = [p.grad.tolist() for p in parameters]
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    return {"maxNorm": max_norm, "gradients": digits(gradients), "norm": digits(norm.item()),
            "clipped": digits([p.grad.tolist() for p in parameters])}


def schedule(peak, warmup, total):
    optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = get_cosine_schedule_with_warmup(optimiser, warmup, total)
    rates = []
    for _ in range(total + 1):
        rates.append(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()
    return {"peak": peak, "warmupSteps": warmup, "totalSteps": total, "rates": [float(f"{r:.15g}") for r in rates]}


def main():
    torch.set_num_threads(1)
    out = {"adamw": [adamw(o, 40 + i) for i, o in enumerate(OPTIONS)],
           # In the third, the 1e-6 that clip_grad_norm_ adds to the norm counts.
           "clipping": [clipping(1.0, 2.0, 50), clipping(1.0, 0.05, 51), clipping(1e-6, 1e-6, 52),
                        clipping(0.5, 1e-9, 53)],
           "schedules": [schedule(**s) for s in SCHEDULES]}
    with open(os.path.join(HERE, "adamw.json"), "w") as f:
        f.write(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()

"""A second LLaMA forward, in float64, written from the published description and not from transformers' code.

It reads a Hugging Face folder (config.json + safetensors) itself. Rotary tables, norms and softmax are float64 as
well, which a transformers model cast to float64 is not (it computes those in float32).
"""
import glob, json, math, os

import torch
from safetensors.torch import load_file


def inverse_frequencies(config, head_dim):
    rope = config.get("rope_parameters") or {}
    theta = rope.get("rope_theta", config.get("rope_theta", 10000.0))
    inv = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    scaling = rope if rope.get("rope_type", "default") != "default" else config.get("rope_scaling")
    if not scaling:
        return inv
    assert scaling.get("rope_type", scaling.get("type")) == "llama3", scaling
    factor, low, high = scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"]
    original = scaling["original_max_position_embeddings"]
    out = []
    for f in inv.tolist():
        wave = 2 * math.pi / f
        if wave > original / low:
            out.append(f / factor)
        elif wave < original / high:
            out.append(f)
        else:
            s = (original / wave - low) / (high - low)
            out.append((1 - s) * f / factor + s * f)
    return torch.tensor(out, dtype=torch.float64)


class Reference64:
    def __init__(self, folder):
        self.config = c = json.load(open(os.path.join(folder, "config.json")))
        self.params = {}
        for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
            for name, tensor in load_file(path).items():
                self.params[name] = tensor.double().requires_grad_(True)
        self.head_dim = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
        self.inv_freq = inverse_frequencies(c, self.head_dim)

    def norm(self, x, name):
        scale = torch.sqrt((x * x).mean(-1, keepdim=True) + self.config["rms_norm_eps"])
        return x / scale * self.params[name]

    def rotate(self, x):
        """x [T, heads, d]; dimension i turns with dimension i + d/2."""
        angle = torch.arange(x.shape[0], dtype=torch.float64)[:, None, None] * self.inv_freq
        a, b = x[..., : self.head_dim // 2], x[..., self.head_dim // 2:]
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

    def attention(self, x, prefix):
        length, d = x.shape[0], self.head_dim
        q, k, v = ((x @ self.params[f"{prefix}.{p}_proj.weight"].T).view(length, -1, d) for p in "qkv")
        q, k = self.rotate(q), self.rotate(k)
        rep = q.shape[1] // k.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        heads = []
        for h in range(q.shape[1]):
            s = q[:, h] @ k[:, h // rep].T / math.sqrt(d)
            heads.append(s.masked_fill(future, -math.inf).softmax(-1) @ v[:, h // rep])
        return torch.cat(heads, -1) @ self.params[f"{prefix}.o_proj.weight"].T

    def mlp(self, x, prefix):
        gate = x @ self.params[f"{prefix}.gate_proj.weight"].T
        up = x @ self.params[f"{prefix}.up_proj.weight"].T
        return (gate * torch.sigmoid(gate) * up) @ self.params[f"{prefix}.down_proj.weight"].T

    def forward(self, row):
        """Logits [T, V] and the residual stream after the embedding and each block, for one row of ids."""
        x = self.params["model.embed_tokens.weight"][row]
        hidden = [x]
        for i in range(self.config["num_hidden_layers"]):
            p = f"model.layers.{i}"
            x = x + self.attention(self.norm(x, f"{p}.input_layernorm.weight"), f"{p}.self_attn")
            x = x + self.mlp(self.norm(x, f"{p}.post_attention_layernorm.weight"), f"{p}.mlp")
            hidden.append(x)
        head = "model.embed_tokens.weight" if self.config.get("tie_word_embeddings") else "lm_head.weight"
        return self.norm(x, "model.norm.weight") @ self.params[head].T, hidden

    def batch(self, rows):
        """Logits of all tokens, mean loss of all predicted tokens, its gradients, and the residual streams."""
        for p in self.params.values():
            p.grad = None
        count = sum(len(r) - 1 for r in rows)
        total, logits, streams = 0.0, [], []
        for row in rows:
            out, hidden = self.forward(row)
            picked = out[:-1].log_softmax(-1).gather(1, row[1:, None])
            loss = -picked.sum() / count
            loss.backward()
            total += loss.item()
            logits.append(out.detach())
            streams.append([h.detach() for h in hidden])
        grads = {n: p.grad.clone() for n, p in self.params.items()}
        return torch.cat(logits), total, grads, [torch.cat(s) for s in zip(*streams)]

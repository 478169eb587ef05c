"""Makes the pico models of families/ with their golden forward, loss and gradients.

    python make-families.py SOURCES [NAME ...]

Mistral, Qwen2, Qwen3 and BLOOM are transformers' own. ChatGLM and Baichuan are run from published modeling files, which
lie in the folder SOURCES, outside the repository, one folder each (see VENDORED); their commit and SHA-256 go into
the golden file. Values are of the weights as stored, float32, eager attention.
"""
import hashlib, importlib, json, os, shutil, sys, types

import torch, transformers
from safetensors.torch import save_file

import oracle

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "families")
VOCAB = 97
ROWS, LENGTH = 4, 14

# folder of SOURCES: (modeling file, configuration's class, model's class, where it was published)
VENDORED = {
    "chatglm2": ("modeling_chatglm", "configuration_chatglm", "ChatGLMConfig", "ChatGLMForConditionalGeneration",
                 "github.com/syjjhl/chatglm2-6b, a mirror of THUDM/chatglm2-6b, 8fd7fba285f7171d3ae7ea3b35c53b6340501ed1"),
    "chatglm3": ("modeling_chatglm", "configuration_chatglm", "ChatGLMConfig", "ChatGLMForConditionalGeneration",
                 "github.com/czk1997/chatglm3-copy, a mirror of THUDM/chatglm3-6b, 456aa875cf1f46623006edaa23103774ea9c0eae"),
    "chatglm": ("modeling_chatglm", "configuration_chatglm", "ChatGLMConfig", "ChatGLMForConditionalGeneration",
                "github.com/horseee/LLM-Pruner, LLMPruner/models/hf_chatglm, 128a07d977f9b205d60ab14cfbc6a78f8a8e39d2"),
    "baichuan7b": ("modeling_baichuan_7B", "configuration_baichuan", "BaiChuanConfig", "BaiChuanForCausalLM",
                   "github.com/horseee/LLM-Pruner, LLMPruner/models/hf_baichuan/baichuan7B, 128a07d977f9b205d60ab14cfbc6a78f8a8e39d2"),
    "baichuan13b": ("modeling_baichuan_13B", "configuration_baichuan", "BaichuanConfig", "BaichuanForCausalLM",
                    "github.com/horseee/LLM-Pruner, LLMPruner/models/hf_baichuan/baichuan13B, 128a07d977f9b205d60ab14cfbc6a78f8a8e39d2"),
}

GLM2 = dict(model_type="chatglm", architectures=["ChatGLMModel"], padded_vocab_size=VOCAB, kv_channels=8,
            multi_query_attention=True, add_bias_linear=False, add_qkv_bias=True, rmsnorm=True, post_layer_norm=True,
            apply_query_key_layer_scaling=True, apply_residual_connection_post_layernorm=False, original_rope=True,
            attention_softmax_in_fp32=True, fp32_residual_connection=False, layernorm_epsilon=1e-5, seq_length=128,
            tie_word_embeddings=False, eos_token_id=2, pad_token_id=0, use_cache=True, attention_dropout=0.0,
            hidden_dropout=0.0, bias_dropout_fusion=True)
GLM1 = dict(model_type="chatglm", architectures=["ChatGLMModel"], vocab_size=VOCAB, layernorm_epsilon=1e-5,
            max_sequence_length=128, position_encoding_2d=True, bos_token_id=94, eos_token_id=95, mask_token_id=90,
            gmask_token_id=91, pad_token_id=3, use_cache=True)
BAICHUAN = dict(model_type="baichuan", vocab_size=VOCAB, hidden_act="silu", rms_norm_eps=1e-6, bos_token_id=1,
                eos_token_id=2, pad_token_id=0, tie_word_embeddings=False, use_cache=True)
LLAMA = dict(vocab_size=VOCAB, hidden_act="silu", max_position_embeddings=128, bos_token_id=1, eos_token_id=2)

# name: (seed, source, config.json)
MODELS = {
    "chatglm2": (31, "chatglm2", dict(GLM2, num_layers=3, hidden_size=48, ffn_hidden_size=40, num_attention_heads=8,
                                      multi_query_group_num=2)),
    # One group, heads that do not fill the hidden size, from ChatGLM3's file.
    "chatglm3": (32, "chatglm3", dict(GLM2, num_layers=2, hidden_size=32, ffn_hidden_size=20, num_attention_heads=3,
                                      multi_query_group_num=1, kv_channels=12)),
    "mistral": (33, None, dict(LLAMA, model_type="mistral", architectures=["MistralForCausalLM"], hidden_size=32,
                               num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40,
                               head_dim=12, rms_norm_eps=1e-5, sliding_window=5, rope_theta=10000.0)),
    "qwen2": (34, None, dict(LLAMA, model_type="qwen2", architectures=["Qwen2ForCausalLM"], hidden_size=48,
                             num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2, intermediate_size=40,
                             rms_norm_eps=1e-6, rope_theta=1000000.0, use_sliding_window=False, sliding_window=4,
                             max_window_layers=2, tie_word_embeddings=True)),
    "qwen3": (35, None, dict(LLAMA, model_type="qwen3", architectures=["Qwen3ForCausalLM"], hidden_size=32,
                             num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40,
                             head_dim=12, rms_norm_eps=1e-6, rope_theta=1000000.0, attention_bias=False,
                             tie_word_embeddings=False)),
    # Six heads: four slopes of the power of two, two between them.
    "bloom": (36, None, dict(model_type="bloom", architectures=["BloomForCausalLM"], vocab_size=VOCAB, hidden_size=48,
                             n_layer=3, n_head=6, layer_norm_epsilon=1e-5, hidden_dropout=0.0, attention_dropout=0.0,
                             apply_residual_connection_post_layernorm=False, bos_token_id=1, eos_token_id=2,
                             pad_token_id=3, unk_token_id=0)),
    "baichuan-7b": (37, "baichuan7b", dict(BAICHUAN, architectures=["BaiChuanForCausalLM"], hidden_size=32,
                                           num_hidden_layers=3, num_attention_heads=4, intermediate_size=44,
                                           max_position_embeddings=128)),
    "baichuan-13b": (38, "baichuan13b", dict(BAICHUAN, architectures=["BaichuanForCausalLM"], hidden_size=36,
                                             num_hidden_layers=2, num_attention_heads=6, intermediate_size=44,
                                             model_max_length=128)),
    # A tenth of twenty heads is two.
    "chatglm-20": (40, "chatglm", dict(GLM1, num_layers=2, hidden_size=80, inner_hidden_size=50,
                                       num_attention_heads=20)),
    "chatglm": (39, "chatglm", dict(GLM1, num_layers=3, hidden_size=32, inner_hidden_size=56, num_attention_heads=4)),
}


# Which rows of which weight a structure is made of, for the published formulas: the fused weights cut into their parts.
# name: (ratio, prefix of a layer, what cuts a layer's tensors into members)
SCORED = {
    "chatglm": (0.5, "transformer.layers.{}.", "interleaved"),
    "chatglm-20": (0.1, "transformer.layers.{}.", "interleaved"),
    "bloom": (0.5, "transformer.h.{}.", "interleaved"),
    "chatglm2": (0.5, "transformer.encoder.layers.{}.", "stacked"),
    "baichuan-7b": (0.5, "model.layers.{}.", "packed"),
}
CRITERIA = ("vector", "element1", "l1", "l2")
AGGREGATIONS = ("sum", "max", "first", "second", "last")


# ------------------------------------------------------------------ models

def load_vendored(sources, folder):
    """The two classes of a published modeling file, imported as a package of its own."""
    modeling, configuration, config_class, model_class, published = VENDORED[folder]
    package = types.ModuleType("vendored_" + folder)
    package.__path__ = [os.path.join(sources, folder)]
    sys.modules[package.__name__] = package
    config = getattr(importlib.import_module(f"{package.__name__}.{configuration}"), config_class)
    model = getattr(importlib.import_module(f"{package.__name__}.{modeling}"), model_class)
    path = os.path.join(sources, folder, modeling + ".py")
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    return config, model, {"file": modeling + ".py", "publishedAs": published, "sha256": digest}


def build(sources, source, config):
    """The model in float32 and where its code comes from."""
    if source is None:
        keys = {k: v for k, v in config.items() if k not in ("model_type", "architectures")}
        made = transformers.AutoConfig.for_model(config["model_type"], **keys)
        made._attn_implementation = "eager"
        model = transformers.AutoModelForCausalLM.from_config(made, attn_implementation="eager")
        return model.float().eval(), {"transformers": transformers.__version__}
    config_class, model_class, origin = load_vendored(sources, source)
    # transformers 5 ties weights by a table that these files do not have.
    model_class._tied_weights_keys = {}
    made = config_class(**{k: v for k, v in config.items() if k != "model_type"})
    for key, value in dict(max_length=128, torch_dtype=torch.float32, use_cache=False, output_hidden_states=False,
                           output_attentions=False, use_return_dict=True).items():
        try:
            setattr(made, key, value)
        except AttributeError:
            pass
    return model_class(made).float().eval(), {"transformers": transformers.__version__, **origin}


def used_parameters(model, rows):
    """Parameters that the forward reads, a tied tensor once; a published file may carry others."""
    model.zero_grad(set_to_none=True)
    logits_of(model, rows).sum().backward()
    used = {n: p for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return used


def randomise(model, tied, seed):
    """Weights of a size that makes logits O(1) and attention far from uniform; norm weights scattered around 1."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            if p.dim() == 1:
                p.copy_((1 if name.endswith("weight") else 0) + 0.2 * noise)
            elif "embed" in name and not tied:
                p.copy_(0.7 * noise)
            else:
                p.copy_(0.3 * noise)


def random_rows(config, seed):
    g = torch.Generator().manual_seed(seed)
    rows = torch.randint(4, 89, (ROWS, LENGTH), generator=g)
    if "gmask_token_id" not in config:
        rows[0, 3] = 0  # a padding token in the text has no gradient of its own in Baichuan
        return rows
    # Contexts of different length; one with [MASK] in place of [gMASK], one where it is not the last before <sop>.
    for row, (mask, start, token) in enumerate([(5, 6, 91), (0, 1, 91), (3, 8, 91), (9, 10, 90)]):
        rows[row, mask] = token
        rows[row, start] = config["bos_token_id"]
    return rows


def logits_of(model, rows):
    return model(input_ids=rows, use_cache=False, return_dict=True).logits


# ------------------------------------------------------------------ golden values

def golden(sources, name):
    seed, source, config = MODELS[name]
    torch.manual_seed(seed)
    model, origin = build(sources, source, config)
    tied = config.get("tie_word_embeddings", source == "chatglm" or config["model_type"] == "bloom")
    if source == "chatglm":
        model.lm_head.weight = model.transformer.word_embeddings.weight
    randomise(model, tied, seed)
    rows = random_rows(config, seed)
    used = used_parameters(model, rows)
    logits = logits_of(model, rows)
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, VOCAB), rows[:, 1:].reshape(-1))
    loss.backward()

    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    written = dict(config, dtype="float32")
    with open(os.path.join(folder, "config.json"), "w") as f:
        f.write(json.dumps(written, indent=2) + "\n")
    weights = {n: p.detach().clone().contiguous() for n, p in used.items()}
    save(weights, os.path.join(folder, "model.safetensors"))
    tensors = {"logits": logits.detach(), **{f"grad.{n}": p.grad.detach() for n, p in used.items()}}
    save({n: t.contiguous() for n, t in tensors.items()}, os.path.join(folder, "golden.safetensors"))
    info = {"made_with": {"torch": torch.__version__, **origin}, "inputIds": rows.tolist(), "loss": loss.item(),
            "parameters": sum(p.numel() for p in used.values())}
    with open(os.path.join(folder, "golden.json"), "w") as f:
        f.write(json.dumps(info, separators=(",", ":")) + "\n")
    if name in SCORED:
        scored = scores_of(name, weights, {n: p.grad.detach() for n, p in used.items()})
        with open(os.path.join(folder, "scores.json"), "w") as f:
            f.write(json.dumps(scored, separators=(",", ":")) + "\n")
    print(f"{name}: {info['parameters']} parameters, loss {loss.item():.4f}, logits std {logits.std():.2f}")


# ------------------------------------------------------------------ scores

def parts_of(name, kind, tensors, prefix):
    """The members of a layer's two groups as (tensor, side), head_dim, and query heads a KV head."""
    _, _, config = MODELS[name]
    get = lambda part: tensors[prefix + part + ".weight"]
    if kind == "packed":
        q, k, v = get("self_attn.W_pack").chunk(3)
        heads = config["num_attention_heads"]
        mlp = {"gate": (get("mlp.gate_proj"), "row"), "up": (get("mlp.up_proj"), "row"),
               "down": (get("mlp.down_proj"), "column")}
        return (dict(q=(q, "row"), k=(k, "row"), v=(v, "row"), o=(get("self_attn.o_proj"), "column")), mlp,
                config["hidden_size"] // heads, 1)
    fused = tensors[next(n for n in tensors if n.startswith(prefix) and "query_key_value.weight" in n)]
    dense = tensors[next(n for n in tensors if n.startswith(prefix) and n.endswith(".dense.weight"))]
    up, down = get("mlp.dense_h_to_4h"), get("mlp.dense_4h_to_h")
    if kind == "interleaved":
        heads = config.get("num_attention_heads") or config["n_head"]
        d = config["hidden_size"] // heads
        q, k, v = fused.view(heads, 3, d, -1).transpose(0, 1).reshape(3, heads * d, -1)
        mlp, rep = {"gate": (up, "row"), "down": (down, "column")}, 1
    else:
        heads, d, groups = config["num_attention_heads"], config["kv_channels"], config["multi_query_group_num"]
        q, k, v = fused.split([heads * d, groups * d, groups * d])
        gate, rest = up.chunk(2)
        mlp, rep = {"gate": (gate, "row"), "up": (rest, "row"), "down": (down, "column")}, heads // groups
    return dict(q=(q, "row"), k=(k, "row"), v=(v, "row"), o=(dense, "column")), mlp, d, rep


def channel_scores(members, how):
    """An MLP without a gate has two members: the first is the root, the second executes last."""
    if len(members) == 3:
        return oracle.channel_scores(members, how)
    if how in ("second", "last"):
        return members["down"]
    return members["gate"] if how == "first" else oracle.aggregate(
        {"gate": members["gate"], "up": torch.zeros_like(members["gate"]), "down": members["down"]}, how, "mlp")


def digits(x, n=9):
    if isinstance(x, torch.Tensor):
        return [float(f"{v:.{n}g}") for v in x.tolist()]
    return float(f"{x:.{n}g}")


def scores_of(name, weights, grads):
    """LLM-Pruner's scores and the structures that stay, by the formulas of oracle.py on the separated weights."""
    ratio, prefix, kind = SCORED[name]
    layers = MODELS[name][2].get("num_layers") or MODELS[name][2].get("num_hidden_layers") or MODELS[name][2]["n_layer"]
    out = {}
    for criterion in CRITERIA:
        for how in AGGREGATIONS:
            per = []
            for layer in range(layers):
                w = parts_of(name, kind, weights, prefix.format(layer))
                g = parts_of(name, kind, grads, prefix.format(layer))
                attention, mlp = [{m: oracle.member_score(t, g[i][m][0], None, criterion, side)
                                   for m, (t, side) in w[i].items()} for i in (0, 1)]
                _, _, d, rep = w
                heads = oracle.attention_kv_scores(d, attention, how, "correct")
                channels = channel_scores(mlp, how)
                picked = oracle.select_layer(heads, channels, d, rep, ratio)
                per.append({"heads": digits(heads), "channels": digits(channels),
                            **{k: (digits(v, 3) if isinstance(v, float) else v) for k, v in picked.items()}})
            out.setdefault(criterion, {})[how] = per
    return {"ratio": ratio, "scores": out}


def save(tensors, path):
    save_file(tensors, path)
    os.chmod(path, 0o644)


def main():
    torch.set_num_threads(1)
    os.makedirs(OUT, exist_ok=True)
    sources = sys.argv[1]
    for name in sys.argv[2:] or MODELS:
        golden(sources, name)


if __name__ == "__main__":
    main()

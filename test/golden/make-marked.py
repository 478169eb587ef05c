"""Makes families/<name>/marked.json: losses of rows of which only a reply is predicted, and perplexities of a text whose
chunks stand behind ChatGLM's marks, by the published modeling files.

    python make-marked.py SOURCES   # SOURCES as for make-families.py; needs families/

Weights are those of families/<name>/model.safetensors. Rows of ChatGLM-6B are put together by the method
build_inputs_with_special_tokens of its own tokenizer (tokenizer_chatglm.py in SOURCES/chatglm).
"""
import ast, hashlib, importlib, json, math, os, sys

import torch
from safetensors.torch import load_file

families = importlib.import_module("make-families")

CONTEXTS, REPLIES = (5, 1, 9), (4, 7, 2)
TEXT, CHUNKS = 150, (32, 16)
# Parameters whose gradients are kept.
KEPT = {"chatglm": ["transformer.layers.0.mlp.dense_h_to_4h.bias", "transformer.layers.2.attention.query_key_value.bias"],
        "chatglm2": ["transformer.encoder.layers.0.self_attention.query_key_value.bias",
                     "transformer.encoder.layers.2.post_attention_layernorm.weight"]}


def published_rows(sources, config):
    """The method of ChatGLM-6B's tokenizer that puts the tokens of a pair together, and its file's hash."""
    path = os.path.join(sources, "chatglm", "tokenizer_chatglm.py")
    text = open(path, encoding="utf-8").read()
    method = next(n for n in ast.walk(ast.parse(text)) if getattr(n, "name", "") == "build_inputs_with_special_tokens")
    method.decorator_list, method.returns = [], None
    for argument in method.args.args:
        argument.annotation = None
    scope = {}
    exec(compile(ast.Module([method], []), path, "exec"), scope)

    class Self:
        gmask_token, bos_token, eos_token = "[gMASK]", "<sop>", "<eop>"
        sp_tokenizer = {"[gMASK]": config["gmask_token_id"], "<sop>": config["bos_token_id"],
                        "<eop>": config["eos_token_id"]}

    digest = hashlib.sha256(text.encode()).hexdigest()
    return lambda context, reply: scope[method.name](Self(), context, reply), digest


def opened(sources, name):
    _, source, config = families.MODELS[name]
    model, origin = families.build(sources, source, config)
    if source == "chatglm":
        model.lm_head.weight = model.transformer.word_embeddings.weight
    weights = load_file(os.path.join(families.OUT, name, "model.safetensors"))
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected, unexpected
    return model, config, origin, set(missing)


def loss_of(model, ids, read):
    """Mean loss of what stands behind the first `read` tokens, by the model's own labels."""
    labels = [-100] * read + ids[read:]
    return model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels]), use_cache=False, return_dict=True).loss


def make(sources, name):
    model, config, origin, missing = opened(sources, name)
    g = torch.Generator().manual_seed(77)
    draw = lambda n: torch.randint(4, 89, (n,), generator=g).tolist()
    pairs = [(draw(c), draw(r)) for c, r in zip(CONTEXTS, REPLIES)]
    if name == "chatglm":
        marks, place, eos = [config["gmask_token_id"], config["bos_token_id"]], "after", config["eos_token_id"]
        together, origin["tokenizerSha256"] = published_rows(sources, config)
        rows = [together(list(context), list(reply)) for context, reply in pairs]
    else:
        marks, place, eos = [90, 92], "before", config["eos_token_id"]
        rows = [marks + context + reply + [eos] for context, reply in pairs]
    dialogues, total, count = [], 0.0, 0
    for (context, reply), ids in zip(pairs, rows):
        learnt = len(reply) + 1
        loss = loss_of(model, ids, len(ids) - learnt)
        dialogues.append({"context": context, "reply": reply, "ids": ids, "learnt": learnt, "loss": loss.item()})
        total, count = total + loss * learnt, count + learnt
    model.zero_grad(set_to_none=True)
    (total / count).backward()
    params = dict(model.named_parameters())
    # What the file does not hold, the forward does not read.
    assert all(p.grad is None for n, p in params.items() if n in missing)
    text = draw(TEXT)
    by_chunk = {}
    with torch.no_grad():
        for size in CHUNKS:
            chunks = [text[i:i + size] for i in range(0, len(text) - size + 1, size)]
            losses = [loss_of(model, marks + chunk, len(marks)).item() for chunk in chunks]
            by_chunk[size] = math.exp(sum(losses) / len(losses))
    made = {"made_with": {"torch": torch.__version__, **origin}, "marks": {"ids": marks, "place": place}, "eosId": eos,
            "dialogues": dialogues, "loss": (total / count).item(),
            "gradients": {n: families.digits(params[n].grad) for n in KEPT[name]},
            "text": text, "perplexity": by_chunk}
    with open(os.path.join(families.OUT, name, "marked.json"), "w") as f:
        f.write(json.dumps(made, separators=(",", ":")) + "\n")
    print(name, made["loss"], by_chunk)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for each in KEPT:
        make(sys.argv[1], each)

"""Opens a pruned folder written by the studio with stock transformers and measures it. Run by hand.

    python check-result.py FOLDER --text-ids FILE [--chunk 128] [--remote-code]

FILE: JSON, a flat list of token ids, or a golden llama/<name>.json (its perplexity.tokens are taken).
Prints one JSON object: class, parameters, perplexity. Exits 1 if a tensor is missing, unexpected or misshapen, or if
the loaded model is not finite.
"""
import argparse, json, math, sys

import torch
from transformers import AutoModelForCausalLM

import oracle


def read_ids(path):
    content = json.load(open(path))
    return content if isinstance(content, list) else content["perplexity"]["tokens"]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("folder")
    ap.add_argument("--text-ids", required=True)
    ap.add_argument("--chunk", type=int, default=128)
    ap.add_argument("--remote-code", action="store_true", help="run the modeling_*.py beside the weights")
    a = ap.parse_args()
    torch.set_num_threads(1)
    model, info = AutoModelForCausalLM.from_pretrained(
        a.folder, dtype=torch.float32, attn_implementation="eager", trust_remote_code=a.remote_code,
        local_files_only=True, output_loading_info=True)
    model.eval()
    ids = read_ids(a.text_ids)
    if len(ids) < a.chunk:
        sys.exit(f"{a.text_ids} has {len(ids)} tokens, fewer than one chunk of {a.chunk}")
    wrong = {k: sorted(map(str, info[k])) for k in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[k]}
    perplexity = oracle.perplexity(model, ids, a.chunk)
    print(json.dumps({"class": type(model).__name__, "parameters": oracle.count_params(model), "chunk": a.chunk,
                      "chunks": len(ids) // a.chunk, "perplexity": perplexity, **wrong}))
    sys.exit(0 if not wrong and math.isfinite(perplexity) else 1)


if __name__ == "__main__":
    main()

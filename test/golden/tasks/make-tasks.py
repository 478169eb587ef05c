"""Makes the golden files of the zero-shot tasks with lm-evaluation-harness itself.

    python make-data.py
    python make-tasks.py [MODEL_FOLDER OUT.json]   # another model, by hand, over the same data

Two pico models with real tokenizers, byte-level (SmolLM2) and SentencePiece-like with BOS (Llama 2), of which the second
sees so few tokens that questions are cut. The harness's own task files are run, their data sets replaced by data/.
"""

import json
import logging
import shutil
import sys
from pathlib import Path

import datasets
import lm_eval
import torch
import transformers
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
DATA = HERE / "data"
TOKENIZERS = HERE.parent.parent / "engine/tokenizer/golden"

MODELS = {
    "byte-level": dict(seed=41, tokenizer="smollm2", max_position_embeddings=512, tie_word_embeddings=True),
    "metaspace": dict(seed=42, tokenizer="llama-2", max_position_embeddings=96, tie_word_embeddings=False),
}


def files(folder, split, kind):
    return [str(path) for path in sorted((DATA / folder).rglob(f"{split}*.{kind}"))]


MANAGER = TaskManager()


def task(name, folder, split, kind):
    """The harness's own task, reading our files in place of its data set."""
    overrides = {
        "dataset_path": {"parquet": "parquet", "jsonl": "json"}[kind],
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {s: files(folder, s, kind) for s in (split, "train")}},
    }
    return MANAGER._factory.build(MANAGER._entry(name), overrides=overrides, registry=MANAGER._index)


def tasks():
    return [
        task("boolq", "super_glue/boolq", "validation", "parquet"),
        task("piqa", "piqa", "validation", "jsonl"),
        task("hellaswag", "hellaswag", "validation", "parquet"),
        task("winogrande", "winogrande_xl", "validation", "jsonl"),
        task("arc_easy", "ai2_arc/ARC-Easy", "test", "parquet"),
        task("arc_challenge", "ai2_arc/ARC-Challenge", "test", "parquet"),
        task("openbookqa", "openbookqa/main", "test", "jsonl"),
    ]


def make_model(name, seed, tokenizer, **config):
    folder = HERE / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(seed)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOKENIZERS / tokenizer / file, folder / file)
    vocabulary = len(AutoTokenizer.from_pretrained(folder))
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=vocabulary, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=32, **config))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.normal_(0, 0.3)
            else:
                parameter.normal_(1, 0.2)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    return folder


def evaluate(folder, shots, limit=None, bos=False):
    # None: what the tokenizer does by itself, the harness's default since 0.4.10.
    lm = HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=1, add_bos_token=None if bos else False)
    found = lm_eval.simple_evaluate(
        model=lm, tasks=tasks(), num_fewshot=shots, limit=limit, log_samples=True, bootstrap_iters=100)
    return {
        name: {
            "result": {key: value for key, value in result.items() if key != "alias"},
            "samples": [
                {
                    "arguments": [list(argument) for argument in sample["arguments"]],
                    "logLikelihoods": [response[0] for response in sample["filtered_resps"]],
                    "isGreedy": [response[1] for response in sample["filtered_resps"]],
                    "acc": sample["acc"],
                    **({"acc_norm": sample["acc_norm"]} if "acc_norm" in sample else {}),
                    "promptHash": sample["prompt_hash"],
                    "docHash": sample["doc_hash"],
                    "targetHash": sample["target_hash"],
                }
                for sample in sorted(found["samples"][name], key=lambda sample: sample["doc_id"])
            ],
        }
        for name, result in found["results"].items()
    }


def greedy(folder):
    """Requests of which the model would say some by itself, answered by the harness."""
    lm = HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=1, add_bos_token=False)
    requests = []
    for number in range(400):
        context = f"Question: What has number {number}?\nAnswer:"
        ids = lm.tok_encode(context, add_special_tokens=False)
        said = []
        for _ in range(3):
            said.append(int(lm.model(torch.tensor([ids + said])).logits[0, -1].argmax()))
        choices = [lm.tok_decode(ids + said[:n])[len(context):] for n in (1, 2, 3)]
        whole = [lm.tok_encode(context + choice, add_special_tokens=False) for choice in choices]
        if all(choice and tokens == ids + said[: n + 1] for n, (choice, tokens) in enumerate(zip(choices, whole))):
            requests += [(context, choice) for choice in (*choices, choices[0] + " a", " a lamp")]
        if len(requests) == 10:
            break
    answers = lm.loglikelihood([
        Instance(request_type="loglikelihood", doc={}, arguments=request, idx=0) for request in requests])
    return [
        {"context": context, "continuation": choice, "logLikelihood": value, "isGreedy": bool(is_greedy)}
        for (context, choice), (value, is_greedy) in zip(requests, answers)
    ]


def golden(folder):
    return {
        "madeWith": {"lm_eval": lm_eval.__version__, "transformers": transformers.__version__,
                     "torch": torch.__version__, "datasets": datasets.__version__},
        "zeroShot": evaluate(folder, 0),
        "twoShot": evaluate(folder, 2),
        "withBos": evaluate(folder, 0, bos=True),
        "greedy": greedy(folder),
        "limited": {name: one["result"] for name, one in evaluate(folder, 0, 3).items()},
    }


def main():
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    if len(sys.argv) == 3:
        Path(sys.argv[2]).write_text(json.dumps(golden(sys.argv[1]), ensure_ascii=False, indent=1) + "\n")
        return
    for name, settings in MODELS.items():
        made = golden(make_model(name, **settings))
        (HERE / f"{name}.json").write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main()

"""Makes fastchat/: Vicuna conversations as FastChat 0.2.36 turns them into tokens and labels.

    python make-fastchat.py      # fastchat/<kind>/tokenizer.json, fastchat/conversations.json   (fschat 0.2.36)

Calls fastchat.train.train.preprocess, the published function, with tokenizers of LLaMA's kind (BPE with byte fallback,
spaces as U+2581), trained here on the conversations themselves: "legacy" puts a space in front of every piece of text,
also behind </s>, as LLaMA 1 does; "first" only in front of the whole. A label of -100 is not learnt.
"""
import json, os

from fastchat.train.train import preprocess
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "fastchat")
VOCAB, LENGTHS = 420, (512, 170)


def turns(*texts, first="human"):
    roles = ("human", "gpt") if first == "human" else ("gpt", "human")
    return [{"from": roles[i % 2], "value": text} for i, text in enumerate(texts)]


CONVERSATIONS = [
    turns("What is two and two?", "Four."),
    turns("Name a river.", "The Nile.", "And a longer one?", "There is none: the Nile is the longest.", "Sure?", "Yes."),
    turns("I answer first, without a question.", "Who are you?", "A model.", first="gpt"),
    turns("Write a list:\n- one\n- two", "- one\n- two\n\n```py\nprint(1)\n```", "  Indented question ", " Spaces before and after "),
    turns("naïve café, 北京, 🙂?", "Ünïcode: 你好 🙂", "Again.", "你好。"),
    turns("USER: and ASSISTANT: are only words here?", "They are, as in USER: without a space.", "Good.", "Good."),
    turns("A last question without an answer?", "An answer.", "This one has none."),
]


def tokenizer(kind):
    made = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    words = [turn["value"] for conversation in CONVERSATIONS for turn in conversation] + ["USER: ASSISTANT:"] * 20
    pieces = [" " + word for text in words for word in text.split()]
    made.train_from_iterator(pieces, trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=special, show_progress=False))
    document = json.loads(made.to_str())
    # Byte tokens are part of the vocabulary, not special; the three others are.
    document["added_tokens"] = [token for token in document["added_tokens"] if token["id"] < 3]
    if kind == "first":
        document["normalizer"] = None
    made = Tokenizer.from_str(json.dumps(document))
    if kind == "first":
        made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return made


def main():
    cases = []
    for kind, length in ((kind, length) for kind in ("legacy", "first") for length in LENGTHS):
        made = tokenizer(kind)
        os.makedirs(os.path.join(OUT, kind), exist_ok=True)
        made.save(os.path.join(OUT, kind, "tokenizer.json"))
        fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
                                       pad_token="<unk>", model_max_length=length, padding_side="right")
        fast.legacy = kind == "legacy"
        for conversation in CONVERSATIONS:
            found = preprocess([conversation], fast)
            size = int(found["attention_mask"][0].sum())
            ids, labels = found["input_ids"][0][:size].tolist(), found["labels"][0][:size].tolist()
            cases.append({"tokenizer": kind, "length": length, "conversations": conversation, "ids": ids, "labels": labels})
    header = "fastchat.train.train.preprocess of FastChat (fschat 0.2.36), by make-fastchat.py"
    with open(os.path.join(OUT, "conversations.json"), "w") as file:
        json.dump({"source": header, "eosId": 2, "vocabSize": made.get_vocab_size(), "cases": cases}, file, ensure_ascii=False)


main()

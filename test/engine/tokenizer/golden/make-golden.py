"""Makes the golden files of tokenizer.test.ts: small tokenizers of each form that the engine reads, and the ids and
texts that transformers gives for them. Run it in this folder; transformers 5.23.0 and tokenizers 0.23.3 were used.

    python make-golden.py
"""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

HERE = Path(__file__).parent
CORPUS = (HERE / '../../../../resources/demo/recovery.txt').read_text(encoding='utf-8')[:100_000]

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r'\s*[\r\n]+|\s+(?!\S)|\s+'
)
BLOOM = ' ?[^(\\s|[.,!?…。，、।۔،])]+'
MARK = '\u2581'

TEXTS = [
    '',
    ' ',
    'The capital of France is Paris.',
    "  runs   of    spaces\tand\ttabs \n\n\n   \n line one\r\nline two\r alone\u00a0nbsp\u2003em\u3000wide   ",
    'a\ufeffb \ufeff!x <s>\ufeff \u0085y\u0085.z\u200bw\u2028v',
    '日本語のテキスト、中文文本，한국어 텍스트。ไทย العربية עברית हिन्दी',
    'emoji 😀😃👨‍👩‍👧‍👦🏳️‍🌈 👍🏽 🇩🇪',
    '<s>user\nHello</s> <|end|>\n<|end|> x<s> </s>  <unk>[INST] y',
    'combining e\u0301 a\u0308\u0323 n\u0303 Z\u0351\u036b\u0343\u036a',
    'numbers 0123456789 3.14159 1,000,000 x²y³ ½ ٣٤٥ ⅷ Ⅻ ①② 𝟘𝟙 １２３',
    "don't DON'T we'll I'm they've 'S \"quotes\" «» —–… $1 $& $$ \\n",
    f'{MARK}mark {MARK}{MARK} a{MARK}b Ġ Ċ ' + 'ab' * 200 + '!' * 50,
]

special = {'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>'}


def byte_level(pre_tokenizer, normalizer=None, ignore_merges=False, post_processor=None):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    if post_processor:
        tokenizer.post_processor = post_processor
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([CORPUS], trainers.BpeTrainer(
        vocab_size=450, special_tokens=['<unk>', '<s>', '</s>'], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def sentence_piece(normalizer, pre_tokenizer, change=lambda definition: None):
    """SentencePiece's form: one word, marks for spaces, unknown characters as bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token='<unk>', fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(' ', MARK)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(MARK, 'merged_with_next')
    tokenizer.train_from_iterator(CORPUS.split('\n'), trainers.BpeTrainer(
        vocab_size=450, limit_alphabet=60, show_progress=False,
        special_tokens=['<unk>', '<s>', '</s>'] + [f'<0x{byte:02X}>' for byte in range(256)]))
    tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(MARK, ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(' ', 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single='<s> $A', pair='<s> $A <s> $B', special_tokens=[('<s>', 1)])
    definition = json.loads(tokenizer.to_str())
    definition['pre_tokenizer'] = pre_tokenizer
    definition['added_tokens'] = definition['added_tokens'][:3]
    for length in (2, 4):
        run = MARK * (length // 2)
        definition['model']['vocab'][run * 2] = len(definition['model']['vocab'])
        definition['model']['merges'].append([run, run])
    change(definition)
    return Tokenizer.from_str(json.dumps(definition))


def metaspace(scheme, split):
    return {'type': 'Metaspace', 'replacement': MARK, 'prepend_scheme': scheme, 'split': split}


def merge_over_mark(definition):
    definition['model']['vocab']['e' + MARK] = len(definition['model']['vocab'])
    definition['model']['merges'].insert(0, ['e', MARK])


def strip_both(definition):
    for token in definition['added_tokens']:
        token['lstrip'] = token['content'] == '<s>'
        token['rstrip'] = token['content'] == '</s>'


llama = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(' ', MARK)])
pre = pre_tokenizers
plain = pre.ByteLevel(add_prefix_space=False, use_regex=False)
bos_template = processors.TemplateProcessing(
    single='<s> $A </s>', pair='<s> $A <s> $B', special_tokens=[('<s>', 1), ('</s>', 2)])

KINDS = {
    'llama-2': sentence_piece(llama, None),
    'llama-metaspace': sentence_piece(None, metaspace('first', False)),
    'metaspace-split': sentence_piece(None, metaspace('always', True)),
    'merge-over-mark': sentence_piece(llama, None, merge_over_mark),
    'stripping-tokens': sentence_piece(llama, None, strip_both),
    'llama-3': byte_level(pre.Sequence([pre.Split(Regex(LLAMA3), 'isolated'), plain]), ignore_merges=True,
                          post_processor=processors.Sequence([processors.ByteLevel(trim_offsets=False), bos_template])),
    'smollm2': byte_level(pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)])),
    'bloom': byte_level(pre.Sequence([pre.Split(Regex(BLOOM), 'isolated'), plain])),
    'gpt-2-prefix-space': byte_level(pre.Sequence([pre.Digits(), pre.ByteLevel(add_prefix_space=True)])),
    'inverted': byte_level(pre.Sequence([pre.Split(Regex(r'\p{N}+'), 'isolated', invert=True), plain]),
                           normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Replace('$', '$1$&')])),
}

for name, tokenizer in KINDS.items():
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    next_id = max(tokenizer.get_vocab().values()) + 1
    config = {'tokenizer_class': 'PreTrainedTokenizerFast', **special,
              'added_tokens_decoder': {str(next_id): {'content': '<|end|>', 'special': False, 'normalized': False}}}
    definition = json.loads(tokenizer.to_str())
    (folder / 'tokenizer.json').write_text(json.dumps(definition, ensure_ascii=False, indent=0) + '\n', encoding='utf-8')
    (folder / 'tokenizer_config.json').write_text(json.dumps(config, indent=1) + '\n', encoding='utf-8')
    loaded = AutoTokenizer.from_pretrained(folder)
    cases = []
    for text in TEXTS:
        ids = loaded(text)['input_ids']
        cases.append({'text': text, 'ids': ids, 'withoutSpecial': loaded(text, add_special_tokens=False)['input_ids'],
                      'decoded': loaded.decode(ids)})
    # Ids in an order that no text gives: bytes that are no UTF-8 among them.
    loose = [[number * 37 % len(loaded) for number in range(start, start + 9)] for start in range(0, 120, 9)]
    expected = {'vocabSize': len(loaded), 'cases': cases,
                'decoded': [{'ids': ids, 'text': loaded.decode(ids)} for ids in loose]}
    (folder / 'expected.json').write_text(json.dumps(expected, indent=0) + '\n', encoding='utf-8')

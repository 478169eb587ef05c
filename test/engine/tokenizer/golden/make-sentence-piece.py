"""Makes the golden files of SentencePiece models for tokenizer.test.ts: small models of each kind that the engine
reads, and the ids and texts that SentencePiece, transformers and ChatGLM's own tokenizers give for them.

    python make-sentence-piece.py CHATGLM CHATGLM3

CHATGLM and CHATGLM3 are published copies of tokenization_chatglm.py, of ChatGLM-6B and of ChatGLM3-6B (whose first
five special tokens are ChatGLM2's); their SPTokenizer classes are run as they are. sentencepiece 0.2.3 and transformers
5.23.0 were used.
"""

import ast
import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers.tokenization_utils_sentencepiece import SentencePieceBackend

HERE = Path(__file__).parent
CORPUS = (HERE / '../../../../resources/demo/recovery.txt').read_text(encoding='utf-8')[:150_000]
MARK = '\u2581'

TEXTS = [
    '',
    ' ',
    'The capital of France is Paris.',
    '   leading and trailing spaces   ',
    "  runs   of    spaces\tand\ttabs \n\n\n   \n line one\r\nline two\r alone\u00a0nbsp\u2003em\u3000wide   ",
    'a\ufeffb \ufeff!x <s>\ufeff \u0085y\u0085.z\u200bw\u2028v\u0001c',
    '日本語のテキスト、中文文本，한국어 텍스트。ไทย العربية עברית हिन्दी',
    '你好\n问：今天天气怎么样？\n\n答：很好。',
    'emoji 😀😃👨‍👩‍👧‍👦🏳️‍🌈 👍🏽 🇩🇪',
    '<s>user\nHello</s> <|end|>\n<|end|> x<s> </s>  <unk>[INST] y[PAD]z',
    'combining e\u0301 a\u0308\u0323 n\u0303 Z\u0351\u036b\u0343\u036a \u1e9b\u0323 ﬁ ㌔ ① ½ Å',
    'numbers 0123456789 3.14159 1,000,000 x²y³ ½ ٣٤٥ ⅷ Ⅻ ①② 𝟘𝟙 １２３',
    "don't DON'T we'll I'm they've 'S \"quotes\" «» —–… $1 $& $$ \\n",
    f'{MARK}mark {MARK}{MARK} a{MARK}b Ġ Ċ ' + 'ab' * 200 + '!' * 50,
    '[gMASK] <sop> [MASK] sop eop <eop><pad> <|user|>\n hi <|assistant|> <n> <|tab|> <|blank_7|> <|blank_99|>',
    'spaces ' + ' ' * 79 + 'a' + ' ' * 80 + 'b' + ' ' * 81 + 'c' + ' ' * 163 + '\n\t\t  \td',
    'user<sep>defined <sep> symbols<sep><sep>, ab<se sep>',
]


def train(**options):
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / 'text'
        text.write_text(CORPUS, encoding='utf-8')
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=f'{folder}/m', num_threads=1, minloglevel=2, hard_vocab_limit=False,
            input_sentence_size=2000, shuffle_input_sentence=False, **options)
        return (Path(folder) / 'm.model').read_bytes()


def changed(model, change):
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    change(proto)
    return proto.SerializeToString()


def unused(proto):
    """Puts every seventh longer piece out of use, as sentencepiece's vocabulary restriction does."""
    for piece in [piece for piece in proto.pieces if piece.type == 1 and len(piece.piece) > 2][::7]:
        piece.type = 5


llama_like = dict(model_type='bpe', vocab_size=700, byte_fallback=True, normalization_rule_name='identity',
                  remove_extra_whitespaces=False, character_coverage=0.995, add_dummy_prefix=True)
BLANKS = ['<n>', '<|tab|>'] + [f'<|blank_{k}|>' for k in range(2, 81)]

MODELS = {
    'sentencepiece-llama': train(**llama_like),
    'sentencepiece-bpe': train(model_type='bpe', vocab_size=400, user_defined_symbols=['<sep>'], control_symbols=['<c>']),
    'sentencepiece-unigram': train(
        model_type='unigram', vocab_size=400, normalization_rule_name='nfkc', user_defined_symbols=['<sep>']),
    'sentencepiece-unigram-bytes': train(
        model_type='unigram', vocab_size=700, byte_fallback=True, normalization_rule_name='identity',
        remove_extra_whitespaces=False, split_digits=True, user_defined_symbols=['<sep>']),
    'sentencepiece-chatglm': train(
        model_type='unigram', vocab_size=800, byte_fallback=True, normalization_rule_name='identity',
        remove_extra_whitespaces=False, pad_id=3, user_defined_symbols=BLANKS,
        control_symbols=['[MASK]', '[gMASK]', '[sMASK]', '<unused_0>', '<sop>', '<eop>', '<ENC>', '<dBLOCK>']),
}
MODELS['sentencepiece-bpe-unused'] = changed(MODELS['sentencepiece-llama'], unused)
MODELS['sentencepiece-unigram-unused'] = changed(MODELS['sentencepiece-unigram-bytes'], unused)


def processor(model):
    sp = sentencepiece.SentencePieceProcessor()
    sp.LoadFromSerializedProto(model)
    return sp


class Plain:
    """SentencePiece by itself, with the special tokens of a LLaMA cut out by transformers' own slow tokenizer."""

    def __init__(self, folder, model, settings):
        self.sp, self.settings = processor(model), settings
        self.slow = SentencePieceBackend(
            vocab_file=str(folder / 'tokenizer.model'), bos_token='<s>', eos_token='</s>', unk_token='<unk>', legacy=True)
        self.added = json.loads((folder / 'added_tokens.json').read_text()) if (folder / 'added_tokens.json').exists() else {}
        for token in self.added:
            self.slow.add_tokens([token])
        self.size = self.sp.get_piece_size() + len(self.added)

    def encode(self, text, special=True):
        ids = self.slow.convert_tokens_to_ids(self.tokenize(text))
        return ([1] if special and self.settings.get('add_bos_token', True) else []) + ids

    def tokenize(self, text):
        return self.slow.tokenize(text)

    def decode(self, ids):
        """Special tokens as they are called; what is between them by SentencePiece."""
        named = {self.sp.piece_to_id(token): token for token in ('<s>', '</s>', '<unk>')}
        named |= {number: token for token, number in self.added.items()}
        return decode_runs(ids, named, self.sp.decode, self.sp.get_piece_size())


class NotLegacy(Plain):
    """LlamaTokenizer of transformers 4 with legacy=False: a space in front of the whole text, of no other part."""

    def __init__(self, folder, model, settings):
        super().__init__(folder, model, settings)

        def bare(proto):
            proto.normalizer_spec.add_dummy_prefix = False
        self.bare = processor(changed(model, bare))

    def tokenize(self, text):
        if not text:
            return []
        text = MARK + text.replace(MARK, ' ')
        parts = self.slow.tokens_trie.split(text)
        special = set(self.slow.all_special_tokens) | set(self.added)
        tokens = []
        for part in parts:
            if part in special:
                tokens.append(part)
            elif part:
                unk = len(self.bare.encode('<unk>', out_type=str))
                starts = part.startswith((MARK, ' '))
                tokens += self.bare.encode('<unk>' + part, out_type=str)[unk:] if starts else self.bare.encode(part, out_type=str)
        return tokens[1:] if len(tokens) > 1 and tokens[0] == MARK and tokens[1] in special else tokens


def decode_runs(ids, named, decode, size):
    text, run = '', []
    for number in list(ids) + [None]:
        if number is None or number in named:
            text += decode(run) if run else ''
            run = []
            text += named.get(number, '')
        elif number < size:
            run.append(number)
    return text


def published(path):
    """SPTokenizer of a published copy, and the hash of that file."""
    source = Path(path).read_text(encoding='utf-8')
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name != 'ChatGLMTokenizer']
    scope = {}
    exec('import json\nimport os\nimport re\nfrom typing import *\nimport sentencepiece as spm\nfrom sentencepiece import SentencePieceProcessor\n'
         + '\n'.join(ast.unparse(node) for node in classes), scope)
    return scope['SPTokenizer'], hashlib.sha256(source.encode()).hexdigest()


def split(text, tokens):
    """As transformers cuts a text at special tokens before a slow tokenizer sees it."""
    return [part for part in re.split('(' + '|'.join(map(re.escape, sorted(tokens, key=len, reverse=True))) + ')', text) if part]


class ChatGLM:
    def __init__(self, folder, model, settings):
        SPTokenizer, self.hash = published(sys.argv[1])
        self.offset = settings.get('num_image_tokens', 20000)
        self.sp = SPTokenizer(str(folder / 'ice_text.model'), num_image_tokens=self.offset)
        self.read = ['<sop>', '<eop>', '[MASK]', '<pad>', '<unk>']
        self.size = self.sp.num_tokens

    def encode(self, text, special=True):
        ids = []
        for part in split(text, self.read):
            ids += [self.sp[part]] if part in self.read else [self.sp[token] for token in self.sp.tokenize(part)]
        return ids + ([self.sp['[gMASK]'], self.sp['<sop>']] if special else [])

    def decode(self, ids):
        named = {self.sp[token]: token for token in self.read + ['[gMASK]', '[sMASK]']}
        return decode_runs([number for number in ids if number >= self.offset], named, self.sp.decode, self.size)


class ChatGLM2:
    def __init__(self, folder, model, settings):
        SPTokenizer, self.hash = published(sys.argv[2])
        self.sp = SPTokenizer(str(folder / 'tokenizer.model'))
        self.read = ['</s>', '<unk>']
        self.size = self.sp.n_words

    def encode(self, text, special=True):
        token_id = self.sp.convert_token_to_id
        ids = [token_id('[gMASK]'), token_id('sop')] if special else []
        for part in split(text, self.read):
            ids += [token_id(part)] if part in self.read else self.sp.encode(part)
        return ids

    def decode(self, ids):
        named = {self.sp.convert_token_to_id(token): token for token in self.read} | self.sp.index_special_tokens
        return decode_runs(ids, named, self.sp.sp_model.decode, self.size)


llama = {'tokenizer_class': 'LlamaTokenizer', 'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>'}
KINDS = {
    'sentencepiece-llama': (Plain, llama, {'[PAD]': 700, '<|end|>': 701}),
    'sentencepiece-llama-not-legacy': (NotLegacy, llama | {'legacy': False}, {'[PAD]': 700}),
    'sentencepiece-baichuan': (Plain, {'tokenizer_class': 'BaichuanTokenizer', 'add_bos_token': False}, {}),
    'sentencepiece-bpe': (Plain, {}, {}),
    'sentencepiece-bpe-unused': (Plain, {}, {}),
    'sentencepiece-unigram': (Plain, {}, {}),
    'sentencepiece-unigram-bytes': (Plain, {}, {}),
    'sentencepiece-unigram-unused': (Plain, {}, {}),
    'sentencepiece-chatglm': (ChatGLM, {'tokenizer_class': 'ChatGLMTokenizer', 'num_image_tokens': 0}, {}),
    'sentencepiece-chatglm-offset': (ChatGLM, {}, {}),
    'sentencepiece-chatglm2': (ChatGLM2, {'tokenizer_class': 'ChatGLMTokenizer'}, {}),
}
SAME = {'sentencepiece-llama-not-legacy': 'sentencepiece-llama', 'sentencepiece-baichuan': 'sentencepiece-llama',
        'sentencepiece-chatglm2': 'sentencepiece-llama', 'sentencepiece-chatglm-offset': 'sentencepiece-chatglm'}

for name, (kind, settings, added) in KINDS.items():
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    model = MODELS[SAME.get(name, name)]
    (folder / ('ice_text.model' if kind is ChatGLM else 'tokenizer.model')).write_bytes(model)
    if settings:
        (folder / 'tokenizer_config.json').write_text(json.dumps(settings, indent=1) + '\n')
    if added:
        (folder / 'added_tokens.json').write_text(json.dumps(added) + '\n')
    reference = kind(folder, model, settings)
    cases = []
    for text in TEXTS:
        ids = reference.encode(text)
        cases.append({'text': text, 'ids': ids, 'withoutSpecial': reference.encode(text, special=False),
                      'decoded': reference.decode(ids)})
    loose = [[number * 37 % reference.size for number in range(start, start + 9)] for start in range(0, 240, 9)]
    first = reference.offset if kind is ChatGLM else 0
    loose = [[first + number % (reference.size - first) for number in ids] for ids in loose]
    expected = {'vocabSize': reference.size, 'cases': cases,
                'decoded': [{'ids': ids, 'text': reference.decode(ids)} for ids in loose]}
    if hasattr(reference, 'hash'):
        expected = {'reference': f'SPTokenizer of tokenization_chatglm.py, sha256 {reference.hash}'} | expected
    (folder / 'expected.json').write_text(json.dumps(expected, indent=0) + '\n', encoding='utf-8')

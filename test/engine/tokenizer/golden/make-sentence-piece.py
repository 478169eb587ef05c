"""Makes the golden files of SentencePiece models for tokenizer.test.ts: small models of each kind that the engine
reads, and the ids and texts that SentencePiece, transformers and ChatGLM's own tokenizers give for them.

    python make-sentence-piece.py CHATGLM CHATGLM2 CHATGLM3

CHATGLM, CHATGLM2 and CHATGLM3 are published copies of tokenization_chatglm.py, of ChatGLM-6B, ChatGLM2-6B and
ChatGLM3-6B. Their classes are run as they are, loaded by from_pretrained; that of ChatGLM3-6B stands for ChatGLM2-6B's
too, which transformers since 4.34 cannot load and whose special tokens are the first five of the same list.
transformers 4.40.2, whose LlamaTokenizer is SentencePiece alone, sentencepiece 0.2.3 and torch 2.13.0 were used.
"""

import hashlib
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import sentencepiece
from transformers import LlamaTokenizer
from transformers.convert_slow_tokenizer import import_protobuf

HERE = Path(__file__).parent
CORPUS = (HERE / '../../../../resources/demo/recovery.txt').read_text(encoding='utf-8')[:150_000]
MARK = '\u2581'
RULE = '\u2500'
sentencepiece_model_pb2 = import_protobuf()  # there cannot be a second one beside it

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
    # Many ways through these have nearly the same score.
    ' ' * 200 + 'a' + ' ' * 33 + '\n' + RULE * 60 + ' ' + RULE * 7 + '\n' + RULE * 211 + '\n' + 'a' * 61 + '.' * 45,
    'What do people think of the philosophy of a sophisticated geopolitical gallop? sop eop [gMASK]sop',
    '[PAD] in front',
    '<s> a </s>  b <unk> c\n</s>\u2003d',
    MARK,
    f'{MARK} <s>{MARK}</s> {MARK}{MARK}<unk>the',
    'the theory of the <sep>the, the<s>the </s> the\tthe',
    f'<|x|> a <|x|>\n <|x|>the  the{MARK}the\u001c <|x|>\u001cb\u0085<|x|>c',
]


def train(corpus=CORPUS, **options):
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / 'text'
        text.write_text(corpus, encoding='utf-8')
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=f'{folder}/m', num_threads=1, minloglevel=2, hard_vocab_limit=False,
            input_sentence_size=2000, shuffle_input_sentence=False, **options)
        return changed((Path(folder) / 'm.model').read_bytes(), without_paths)


def changed(model, change):
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    change(proto)
    return proto.SerializeToString()


def without_paths(proto):
    """The names of the temporary folder would make other bytes each time."""
    proto.trainer_spec.ClearField('input')
    proto.trainer_spec.ClearField('model_prefix')


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
MODELS['sentencepiece-unigram-runs'] = train(
    CORPUS[:20_000] + ''.join(f'{" " * (i % 13)}x\n{RULE * (i % 17 + 3)}\n' for i in range(200)), model_type='unigram',
    vocab_size=400, byte_fallback=True, normalization_rule_name='identity', remove_extra_whitespaces=False,
    allow_whitespace_only_pieces=True)
MODELS['sentencepiece-no-dummy-prefix'] = changed(
    MODELS['sentencepiece-llama'], lambda proto: setattr(proto.normalizer_spec, 'add_dummy_prefix', False))
MODELS['sentencepiece-bpe-unused'] = changed(MODELS['sentencepiece-llama'], unused)
MODELS['sentencepiece-unigram-unused'] = changed(MODELS['sentencepiece-unigram-bytes'], unused)


def processor(model):
    sp = sentencepiece.SentencePieceProcessor()
    sp.LoadFromSerializedProto(model)
    return sp


class Llama:
    """LlamaTokenizer, which also reads Baichuan's files."""

    def __init__(self, folder, model):
        self.sp = processor(model)
        self.tokenizer = LlamaTokenizer.from_pretrained(str(folder))
        self.added = {number: token.content for number, token in self.tokenizer.added_tokens_decoder.items()}
        self.size = max([self.sp.get_piece_size(), *(number + 1 for number in self.added)])

    def encode(self, text, special=True):
        return self.tokenizer(text, add_special_tokens=special)['input_ids']

    def decode(self, ids):
        """Special tokens as they are called; what is between them by SentencePiece."""
        return decode_runs(ids, self.added, self.sp.decode, self.sp.get_piece_size())


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
    """A published copy as a module, and the hash of that file."""
    spec = importlib.util.spec_from_file_location(Path(path).parent.name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, hashlib.sha256(Path(path).read_bytes()).hexdigest()


# Turns of a conversation: user and assistant by turns.
CHATS = [
    ['What do people think about philosophy?'],
    ['Hi', 'Hello! ', 'a sophisticated topology\nof  a European gallop'],
    ['geopolitics', 'sop eop', '\u4f60\u597d', '', '  x <|user|> y <|assistant|>\n</s> <unk> <s>[gMASK]sop [MASK] <sop> <eop>'],
]


def messages(chat):
    return [{'role': 'assistant' if i % 2 else 'user', 'content': content} for i, content in enumerate(chat)]


def chats(template, made):
    return [{'template': template, 'messages': messages(chat), 'ids': made(chat)} for chat in CHATS]


class ChatGLM:
    def __init__(self, folder, model):
        module, self.hash = published(sys.argv[1])

        class Tokenizer(module.ChatGLMTokenizer):
            """transformers since 4.34 asks for the vocabulary before the published class has it."""

            def __init__(self, vocab_file, num_image_tokens=20000, **options):
                self.sp_tokenizer = module.SPTokenizer(vocab_file, num_image_tokens=num_image_tokens)
                super().__init__(vocab_file, num_image_tokens=num_image_tokens, **options)

        self.tokenizer = Tokenizer.from_pretrained(str(folder))
        self.sp = self.tokenizer.sp_tokenizer
        self.offset = self.sp.num_image_tokens
        self.size = self.sp.num_tokens

    def encode(self, text, special=True):
        return self.tokenizer(text, add_special_tokens=special)['input_ids']

    def decode(self, ids):
        named = {number: token.content for number, token in self.tokenizer.added_tokens_decoder.items()}
        named |= {self.sp[token]: token for token in ['[gMASK]', '[sMASK]']}
        return decode_runs([number for number in ids if number >= self.offset], named, self.sp.decode, self.size)

    def chats(self):
        return chats('chatglm', lambda chat: self.encode(self.prompt(chat)))

    @staticmethod
    def prompt(chat):
        """`chat` of modeling_chatglm.py."""
        if len(chat) == 1:
            return chat[0]
        rounds = [f'[Round {i // 2}]\n\u95ee\uff1a{chat[i]}\n\u7b54\uff1a' for i in range(0, len(chat), 2)]
        return ''.join(f'{asked}{answer}\n' for asked, answer in zip(rounds, chat[1::2])) + rounds[-1]


class ChatGLM2:
    def __init__(self, folder, model):
        module, self.hash = published(sys.argv[3])
        self.build_prompt = published(sys.argv[2])[0].ChatGLMTokenizer.build_prompt
        self.tokenizer = module.ChatGLMTokenizer.from_pretrained(str(folder))
        self.sp = self.tokenizer.tokenizer
        self.size = self.sp.n_words

    def encode(self, text, special=True):
        return self.tokenizer(text, add_special_tokens=special)['input_ids']

    def decode(self, ids):
        named = {self.sp.convert_token_to_id(token): token for token in ['</s>', '<unk>']} | self.sp.index_special_tokens
        return decode_runs(ids, named, self.sp.sp_model.decode, self.size)

    def chats(self):
        def second(chat):
            return self.encode(self.build_prompt(self.tokenizer, chat[-1], list(zip(chat[:-1:2], chat[1::2]))))

        def third(chat):
            return self.tokenizer.build_chat_input(chat[-1], history=messages(chat[:-1]))['input_ids'][0].tolist()

        return chats('chatglm2', second) + chats('chatglm3', third)


llama = {'tokenizer_class': 'LlamaTokenizer', 'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>'}
flags = {'lstrip': False, 'normalized': False, 'rstrip': False, 'single_word': False, 'special': True}
added = {
    'added_tokens_decoder': {
        '0': flags | {'content': '<unk>'}, '1': flags | {'content': '<s>'}, '2': flags | {'content': '</s>'},
        '400': flags | {'content': '<|x|>', 'lstrip': True, 'rstrip': True},
        '401': flags | {'content': 'the', 'single_word': True, 'special': False}},
    'legacy': False}
KINDS = {
    'sentencepiece-llama': (Llama, {'tokenizer_config': llama, 'added_tokens': {'[PAD]': 700, '<|end|>': 701}}),
    'sentencepiece-llama-not-legacy': (
        Llama, {'tokenizer_config': llama | {'legacy': False}, 'added_tokens': {'[PAD]': 700}}),
    'sentencepiece-baichuan': (Llama, {
        'tokenizer_config': {'tokenizer_class': 'BaichuanTokenizer', 'add_bos_token': False},
        'special_tokens_map': {
            key: {'content': token, 'lstrip': False, 'normalized': True, 'rstrip': False, 'single_word': True}
            for key, token in (('bos_token', '<s>'), ('eos_token', '</s>'), ('unk_token', '<unk>'))}}),
    # The settings of decapoda-research/llama-7b-hf, and of Vicuna's first release.
    'sentencepiece-decapoda': (Llama, {
        'tokenizer_config': {'bos_token': '', 'eos_token': '', 'unk_token': '', 'tokenizer_class': 'LLaMATokenizer'},
        'special_tokens_map': {}}),
    'sentencepiece-vicuna-0': (Llama, {
        'tokenizer_config': {'add_bos_token': True, 'add_eos_token': False, 'tokenizer_class': 'LlamaTokenizer'},
        'special_tokens_map': {'bos_token': '</s>', 'eos_token': '</s>', 'pad_token': '[PAD]', 'unk_token': '</s>'},
        'added_tokens': {'[PAD]': 700}}),
    'sentencepiece-added-tokens': (Llama, {'tokenizer_config': llama | added}),
    'sentencepiece-no-dummy-prefix': (Llama, {'tokenizer_config': llama | {'legacy': False}}),
    'sentencepiece-no-prefix-space': (
        Llama, {'tokenizer_config': llama | {'legacy': False, 'add_prefix_space': False, 'add_eos_token': True}}),
    'sentencepiece-bpe': (Llama, {}),
    'sentencepiece-bpe-unused': (Llama, {}),
    'sentencepiece-unigram': (Llama, {}),
    'sentencepiece-unigram-bytes': (Llama, {}),
    'sentencepiece-unigram-runs': (Llama, {}),
    'sentencepiece-unigram-unused': (Llama, {}),
    'sentencepiece-chatglm': (ChatGLM, {'tokenizer_config': {'tokenizer_class': 'ChatGLMTokenizer', 'num_image_tokens': 0}}),
    'sentencepiece-chatglm-offset': (ChatGLM, {}),
    'sentencepiece-chatglm2': (ChatGLM2, {'tokenizer_config': {'tokenizer_class': 'ChatGLMTokenizer'}}),
}
SAME = {'sentencepiece-llama-not-legacy': 'sentencepiece-llama', 'sentencepiece-baichuan': 'sentencepiece-llama',
        'sentencepiece-decapoda': 'sentencepiece-llama', 'sentencepiece-vicuna-0': 'sentencepiece-llama',
        'sentencepiece-added-tokens': 'sentencepiece-bpe', 'sentencepiece-no-prefix-space': 'sentencepiece-bpe',
        'sentencepiece-chatglm2': 'sentencepiece-llama', 'sentencepiece-chatglm-offset': 'sentencepiece-chatglm'}

for name, (kind, settings) in KINDS.items():
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    model = MODELS[SAME.get(name, name)]
    (folder / ('ice_text.model' if kind is ChatGLM else 'tokenizer.model')).write_bytes(model)
    for file, value in settings.items():
        (folder / f'{file}.json').write_text(json.dumps(value, indent=1 if file == 'tokenizer_config' else None) + '\n')
    reference = kind(folder, model)
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
        expected = {'reference': f'ChatGLMTokenizer of tokenization_chatglm.py, sha256 {reference.hash}'} | expected
        expected['chats'] = reference.chats()
    (folder / 'expected.json').write_text(json.dumps(expected, indent=0) + '\n', encoding='utf-8')

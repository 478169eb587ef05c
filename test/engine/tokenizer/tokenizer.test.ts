import { cp, mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../../main/engine/errors.ts';
import { loadTokenizer } from '../../../main/engine/tokenizer/tokenizer.ts';

interface Expected {
  readonly vocabSize: number;
  readonly cases: readonly { text: string; ids: number[]; withoutSpecial: number[]; decoded: string }[];
  readonly decoded: readonly { ids: number[]; text: string }[];
}

const golden = path.join(import.meta.dirname, 'golden');
const kinds = (await readdir(golden, { withFileTypes: true })).filter((entry) => entry.isDirectory());

describe.each(kinds.map((entry) => entry.name))('%s, as transformers has it', (kind) => {
  const folder = path.join(golden, kind);
  const expected = async (): Promise<Expected> =>
    JSON.parse(await readFile(path.join(folder, 'expected.json'), 'utf8'));

  it('has the same size and gives the same ids', async () => {
    const tokenizer = await loadTokenizer(folder);
    const { vocabSize, cases } = await expected();
    expect(tokenizer.vocabSize).toBe(vocabSize);
    expect(cases.length).toBeGreaterThan(10);
    for (const { text, ids, withoutSpecial } of cases) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecialTokens: false }), JSON.stringify(text)).toEqual(
        withoutSpecial,
      );
    }
  });

  it('gives the same text for ids', async () => {
    const tokenizer = await loadTokenizer(folder);
    const { cases, decoded } = await expected();
    for (const { ids, decoded: text } of cases) expect(tokenizer.decode(ids)).toBe(text);
    for (const { ids, text } of decoded) expect(tokenizer.decode(ids)).toBe(text);
  });
});

describe('a long text', () => {
  // Seconds, however many cores are busy; by comparing every pair with every other it would take hours.
  const limitMs = 60_000;

  it.each([
    'llama-2',
    'llama-3',
    'merge-over-mark',
    'sentencepiece-llama',
    'sentencepiece-bpe-unused',
    'sentencepiece-unigram-bytes',
  ])('is encoded in seconds by %s, and decoded again', async (kind) => {
    const tokenizer = await loadTokenizer(path.join(golden, kind));
    const page = await readFile(
      path.join(import.meta.dirname, '../../../resources/demo/heldout.txt'),
      'utf8',
    );
    const text = page.repeat(3);
    const startedMs = performance.now();
    const ids = tokenizer.encode(text, { addSpecialTokens: false });
    expect(performance.now() - startedMs).toBeLessThan(limitMs);
    expect(tokenizer.decode(ids)).toBe(text);
  });
});

describe('decode', () => {
  it('gives no text for no ids, and passes over ids past the vocabulary', async () => {
    const tokenizer = await loadTokenizer(path.join(golden, 'llama-3'));
    expect(tokenizer.decode([])).toBe('');
    const [first = 0, ...rest] = tokenizer.encode('Paris', { addSpecialTokens: false });
    expect(tokenizer.decode([first, tokenizer.vocabSize, ...rest, 1_000_000])).toBe('Paris');
  });
});

describe('a tokenizer that cannot be used', () => {
  let folder = '';
  const definitionPath = (): string => path.join(folder, 'tokenizer.json');

  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tokenizer-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Puts a good tokenizer into the folder, with the value at one place of its definition replaced. */
  async function writeChanged(kind: string, place: string, value: unknown): Promise<void> {
    await cp(path.join(golden, kind), folder, { recursive: true });
    const definition: unknown = JSON.parse(await readFile(definitionPath(), 'utf8'));
    const keys = place.split('.');
    const last = keys.pop() ?? '';
    let holder = definition as Record<string, unknown>;
    for (const key of keys) holder = holder[key] as Record<string, unknown>;
    holder[last] = value;
    await writeFile(definitionPath(), JSON.stringify(definition));
  }

  async function failure(): Promise<EngineError> {
    const error: unknown = await loadTokenizer(folder).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof EngineError) return error;
    throw new Error(`expected an EngineError, found ${String(error)}`);
  }

  it('is missing', async () => {
    await rm(definitionPath(), { force: true });
    const error = await failure();
    expect(error.code).toBe('tokenizer-missing');
    expect(error.message).toBe(
      `${folder} has no tokenizer: expected one of the files tokenizer.json, ice_text.model, tokenizer.model, found none`,
    );
    expect(error.hint).toContain('save_pretrained');
  });

  it('is not JSON', async () => {
    await writeFile(definitionPath(), '{"model": ');
    const error = await failure();
    expect(error.code).toBe('tokenizer-invalid');
    expect(error.message).toContain(`${definitionPath()} cannot be used: it is not JSON`);
  });

  it('is larger than any tokenizer', async () => {
    await writeFile(definitionPath(), '{}');
    await truncate(definitionPath(), 128 * 1024 * 1024 + 1);
    const error = await failure();
    expect(error.code).toBe('tokenizer-invalid');
    expect(error.message).toContain('it has 134217729 bytes');
  });

  it('has a configuration of another form', async () => {
    await cp(path.join(golden, 'llama-3'), folder, { recursive: true });
    await writeFile(path.join(folder, 'tokenizer_config.json'), '{"bos_token": 7}');
    const error = await failure();
    expect(error.code).toBe('tokenizer-invalid');
    expect(error.message).toContain('tokenizer_config.json cannot be used: bos_token');
  });

  const split = { type: 'Split', behavior: 'Isolated', invert: false };

  it.each<[message: string, kind: string, place: string, value: unknown]>([
    ['expected a model of type BPE, found "WordPiece"', 'llama-3', 'model.type', 'WordPiece'],
    ['model.vocab: ', 'llama-3', 'model.vocab', ['a']],
    ['model.vocab.huge: ', 'llama-3', 'model.vocab.huge', 2 ** 40],
    ['model.merges.3', 'llama-3', 'model.merges.3', ['a']],
    ['added_tokens.0.id: ', 'llama-3', 'added_tokens.0.id', -1],
    ['merge 0 needs the token "qq", which the vocabulary lacks', 'llama-3', 'model.merges.0', ['qq', 'xx']],
    ['the vocabulary lacks the unknown token "<none>"', 'llama-2', 'model.unk_token', '<none>'],
    ['the template of its post_processor has no place for the text', 'llama-2', 'post_processor.single', []],
    ['the template of its post_processor lacks "<s>"', 'llama-2', 'post_processor.special_tokens', {}],
    ['its pretokenizers are nested deeper than 16 levels', 'llama-3', 'pre_tokenizer', nested(40)],
    ['the tokenizer library refuses it: ', 'llama-3', 'pre_tokenizer', { ...split, pattern: { Regex: '(' } }],
  ])('is invalid: %s', async (message, kind, place, value) => {
    await writeChanged(kind, place, value);
    const error = await failure();
    expect(error.message).toContain(`${definitionPath()} cannot be used: ${message}`);
    expect(error.code).toBe('tokenizer-invalid');
  });

  it.each<[feature: string, place: string, value: unknown]>([
    ['pre_tokenizer', 'pre_tokenizer', { type: 'Whitespace' }],
    ['pre_tokenizer', 'pre_tokenizer', { ...split, pattern: { String: ' ' }, behavior: 'MergedWithNext' }],
    ['normalizer', 'normalizer', { type: 'Lowercase' }],
    ['decoder', 'decoder', { type: 'WordPiece', prefix: '##', cleanup: true }],
    ['post_processor', 'post_processor', { type: 'BertProcessing', sep: ['a', 1], cls: ['b', 2] }],
    ['end_of_word_suffix', 'model.end_of_word_suffix', '</w>'],
    ['continuing_subword_prefix', 'model.continuing_subword_prefix', '##'],
    ['dropout', 'model.dropout', 0.1],
    ['single_word', 'added_tokens.0.single_word', true],
  ])('has an unsupported %s, which would give other ids', async (feature, place, value) => {
    await writeChanged('llama-3', place, value);
    const error = await failure();
    expect(error.code).toBe('feature-unsupported');
    expect(error.message).toContain(feature);
    expect(error.hint).toBeDefined();
  });
});

/** A pre-tokenizer inside `depth` sequences. */
function nested(depth: number): object {
  return depth === 0 ? { type: 'Digits' } : { type: 'Sequence', pretokenizers: [nested(depth - 1)] };
}

describe('a SentencePiece model that cannot be used', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'sentencepiece-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A message of one field after another: pieces of text and type, then the trainer's settings. */
  function model(
    pieces: readonly (readonly [text: string, type: number])[],
    trainer: readonly number[],
  ): Buffer {
    const field = (id: number, bytes: Uint8Array): Buffer =>
      Buffer.concat([Buffer.of(id * 8 + 2, bytes.length), bytes]);
    const ofPiece = ([text, type]: readonly [string, number]): Buffer =>
      field(1, Buffer.concat([field(1, Buffer.from(text)), Buffer.of(3 * 8, type)]));
    return Buffer.concat([...pieces.map(ofPiece), field(2, Buffer.from(trainer))]);
  }

  const unknown = ['<unk>', 2] as const;
  const bpe = [3 * 8, 2];
  const cases: readonly (readonly [says: string, code: string, bytes: Buffer])[] = [
    ['it has no pieces', 'tokenizer-invalid', Buffer.alloc(0)],
    ['it is not a SentencePiece model: ', 'tokenizer-invalid', Buffer.from('{"model": {}}')],
    ['it has 0 unknown pieces, expected one', 'tokenizer-invalid', model([['a', 1]], bpe)],
    ['piece 2, "a", occurs twice', 'tokenizer-invalid', model([unknown, ['a', 1], ['a', 1]], bpe)],
    ['piece 1 is empty', 'tokenizer-invalid', model([unknown, ['', 1]], bpe)],
    ['piece 1 has the type 9', 'tokenizer-invalid', model([unknown, ['a', 9]], bpe)],
    ['"<0xZZ>", should be a byte', 'tokenizer-invalid', model([unknown, ['<0xZZ>', 6]], bpe)],
    [
      'it has 1 byte pieces, expected 256',
      'tokenizer-invalid',
      model([unknown, ['<0x0A>', 6]], [...bpe, 0x98, 2, 1]),
    ],
    ['has pieces that are whole words', 'feature-unsupported', model([unknown], [3 * 8, 3])],
    ['has spaces marked behind words', 'feature-unsupported', model([unknown], [...bpe, 0xc0, 1, 1])],
  ];

  it.each(cases)('%s', async (says, code, bytes) => {
    const file = path.join(folder, 'tokenizer.model');
    await writeFile(file, bytes);
    const error: unknown = await loadTokenizer(folder).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect((error as EngineError).message).toContain(file);
  });

  it.each(['remove_space', 'do_lower_case'])('would change texts by %s', async (setting) => {
    const changing = path.join(folder, setting);
    await cp(path.join(golden, 'sentencepiece-chatglm'), changing, { recursive: true });
    await writeFile(path.join(changing, 'tokenizer_config.json'), JSON.stringify({ [setting]: true }));
    const error: unknown = await loadTokenizer(changing).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'feature-unsupported',
      message: `${path.join(changing, 'tokenizer_config.json')} has "${setting}": true, which is not supported: texts are encoded as they are`,
    });
  });

  it('is missing its marks, as in the first release of ChatGLM-6B', async () => {
    const only = path.join(folder, 'chatglm');
    await mkdir(only);
    await writeFile(path.join(only, 'ice_text.model'), model([unknown, ['a', 1]], bpe));
    const error: unknown = await loadTokenizer(only).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'tokenizer-invalid',
      message: expect.stringContaining('lacks the piece [gMASK]'),
    });
  });
});

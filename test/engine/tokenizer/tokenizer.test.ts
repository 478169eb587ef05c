import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
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

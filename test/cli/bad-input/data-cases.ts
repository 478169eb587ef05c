import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { goldenModelFolder } from '../../fixtures/golden-files.ts';
import { randomRows, writeRandomModel, writeRows } from '../../fixtures/random-model.ts';
import { runOf, type BadInput } from './bad-input.ts';

const tokenizer = path.resolve('resources/demo/model/tokenizer.json');

/** `eval` of a golden model on a file of this name and content. */
const evaluated =
  (name: string, content: string | Uint8Array, ...args: string[]): BadInput['arrange'] =>
  async (folder) => {
    const text = path.join(folder, name);
    await writeFile(text, content);
    return ['eval', goldenModelFolder('gqa'), '--text', text, ...args];
  };

/** A run of a golden model that calibrates on a file of this name and content. */
const calibrated =
  (name: string, content: string): BadInput['arrange'] =>
  async (folder) => {
    const source = path.join(folder, name);
    await writeFile(source, content);
    return runOf(folder, goldenModelFolder('gqa'), { 'calibration.source': source });
  };

/** A run on a text, of a model of 97 tokens whose tokenizer.json is this. */
const tokenized =
  (
    content: string | undefined,
    settings: Readonly<Record<string, string | number>> = {},
    vocabSize = 97,
  ): BadInput['arrange'] =>
  async (folder) => {
    const model = path.join(folder, 'model');
    await writeRandomModel(model, { vocab_size: vocabSize });
    if (content !== undefined) await writeFile(path.join(model, 'tokenizer.json'), content);
    const source = path.join(folder, 'texts.jsonl');
    await writeFile(source, `${JSON.stringify({ text: 'Some text of a few words.' })}\n`.repeat(3));
    return runOf(folder, model, { 'calibration.source': source, 'calibration.seqLen': 4, ...settings });
  };

/** With the demo model's tokenizer. */
const withDemoTokenizer =
  (settings: Readonly<Record<string, string | number>>, vocabSize?: number): BadInput['arrange'] =>
  async (folder) => {
    const args = await tokenized(await readFile(tokenizer, 'utf8'), settings, vocabSize)(folder);
    await cp(
      path.join(path.dirname(tokenizer), 'tokenizer_config.json'),
      path.join(folder, 'model/tokenizer_config.json'),
    );
    return args;
  };

const rows = (...lines: unknown[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('');

export const badTokenizers: readonly BadInput[] = [
  {
    what: 'a text for a model without tokenizer',
    code: 'tokenizer-missing',
    sentence:
      'model has no tokenizer: expected one of the files tokenizer.json, ice_text.model, tokenizer.model, found none',
    foundByRun: true,
    arrange: tokenized(undefined),
  },
  {
    what: 'a tokenizer that is not JSON',
    code: 'tokenizer-invalid',
    sentence: 'tokenizer.json cannot be used: it is not JSON: ',
    foundByRun: true,
    arrange: tokenized('{"model":'),
  },
  {
    what: 'a tokenizer of another kind',
    code: 'tokenizer-invalid',
    sentence: 'expected a model of type BPE, found "Unigram"',
    foundByRun: true,
    arrange: tokenized('{"model":{"type":"Unigram","vocab":[]}}'),
  },
  {
    what: 'a tokenizer whose vocabulary is none',
    code: 'tokenizer-invalid',
    sentence: 'tokenizer.json cannot be used: model.vocab',
    foundByRun: true,
    arrange: tokenized('{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}'),
  },
  {
    what: 'a tokenizer that does not fit the model',
    code: 'tokenizer-mismatch',
    sentence: /^The model has embeddings for 97 tokens, but the tokenizer gave the id \d+\.$/,
    foundByRun: true,
    arrange: withDemoTokenizer({}),
  },
  {
    what: 'texts that are all shorter than a calibration row',
    code: 'text-too-short',
    sentence: /texts\.jsonl: a calibration row needs 64 tokens, but the longest text has \d+\.$/,
    foundByRun: true,
    arrange: withDemoTokenizer({ 'calibration.seqLen': 64 }, 2100),
  },
];

export const badData: readonly BadInput[] = [
  {
    what: 'an evaluation text that does not exist',
    code: 'file-missing',
    sentence: 'none.txt does not exist',
    arrange: async (folder) => ['eval', goldenModelFolder('gqa'), '--text', path.join(folder, 'none.txt')],
  },
  {
    what: 'an evaluation text that does not exist, of a run',
    code: 'file-missing',
    sentence: 'none.txt does not exist',
    arrange: (folder) =>
      runOf(folder, goldenModelFolder('gqa'), { 'evaluate.text': path.join(folder, 'none.txt') }),
  },
  {
    what: 'a calibration source that does not exist',
    code: 'file-missing',
    sentence: 'none.jsonl does not exist',
    arrange: (folder) =>
      runOf(folder, goldenModelFolder('gqa'), { 'calibration.source': path.join(folder, 'none.jsonl') }),
  },
  {
    what: 'a folder in place of a text',
    code: 'file-unreadable',
    sentence: 'texts is a folder, not a file',
    arrange: async (folder: string): Promise<string[]> => {
      await mkdir(path.join(folder, 'texts'));
      return runOf(folder, goldenModelFolder('gqa'), { 'evaluate.text': path.join(folder, 'texts') });
    },
  },
  {
    what: 'an empty text',
    code: 'text-empty',
    sentence: 'a.txt holds no text.',
    arrange: evaluated('a.txt', ''),
  },
  {
    what: 'an empty calibration file',
    code: 'text-empty',
    sentence: 'a.jsonl holds no text.',
    foundByRun: true,
    arrange: calibrated('a.jsonl', '\n\n'),
  },
  {
    what: 'a text shorter than one chunk',
    code: 'text-too-short',
    sentence: 'The evaluation text has 5 tokens, but one chunk needs 128.',
    arrange: evaluated('a.jsonl', rows({ input_ids: [1, 2, 3] }, { input_ids: [4, 5] })),
  },
  {
    what: 'a chunk longer than any text',
    code: 'text-too-short',
    sentence: 'The evaluation text has 2 tokens, but one chunk needs 9007199254740991.',
    arrange: evaluated('a.jsonl', rows({ input_ids: [1, 2] }), '--seq-len', '9007199254740991'),
  },
  {
    what: 'chunks whose attention no memory holds',
    code: 'memory-exceeded',
    sentence:
      'Attention over 60000 tokens at once needs 129600000000 bytes, more than the memory budget of 1073741824.',
    arrange: async (folder: string): Promise<string[]> => {
      const text = await writeRows(path.join(folder, 'long.jsonl'), randomRows(1, 60_000));
      const args = ['--seq-len', '60000', '--memory', '1GiB'];
      return ['eval', goldenModelFolder('gqa'), '--text', text, ...args];
    },
  },
  {
    what: 'a calibration row whose attention no memory holds',
    code: 'memory-exceeded',
    sentence:
      'Attention over 60000 tokens at once needs 129600000000 bytes, more than the memory budget of 1073741824.',
    foundByRun: true,
    arrange: async (folder: string): Promise<string[]> => {
      const source = await writeRows(path.join(folder, 'long.jsonl'), randomRows(1, 60_000));
      return runOf(folder, goldenModelFolder('gqa'), { 'calibration.source': source, memory: '1GiB' });
    },
  },
  {
    what: 'calibration rows of one token',
    code: 'text-empty',
    sentence: 'needs calibration data, but there are no tokens to predict.',
    foundByRun: true,
    arrange: calibrated('a.jsonl', rows({ input_ids: [1] }, { input_ids: [2] })),
  },
  {
    what: 'ids that the model does not have',
    code: 'tokenizer-mismatch',
    sentence: /^The model has embeddings for 97 tokens, but .*a\.jsonl gave the id 97\.$/,
    arrange: evaluated('a.jsonl', rows({ input_ids: [96, 97] })),
  },
  {
    what: 'a row that is not JSON',
    code: 'row-invalid',
    sentence: 'a.jsonl, line 3: expected JSON, found {"input_ids": [1, 2',
    foundByRun: true,
    arrange: calibrated('a.jsonl', `${rows({ input_ids: [1, 2] })}\n{"input_ids": [1, 2\n`),
  },
  {
    what: 'a row without data',
    code: 'row-invalid',
    sentence:
      'a.jsonl, line 2: expected an object with "text", "sentence", or "instruction" and "output" (strings), "conversations" or "dialog" (turns, at least one), or "input_ids" (whole numbers from 0, at least one)',
    arrange: evaluated('a.jsonl', rows({ text: 'a' }, { txt: 'a' })),
  },
  {
    what: 'rows of two kinds',
    code: 'row-invalid',
    sentence: 'a.jsonl mixes rows of "text" and rows of "input_ids"; all must be of one kind.',
    arrange: evaluated('a.jsonl', rows({ text: 'a' }, { input_ids: [1] })),
  },
  {
    what: 'a text that is not UTF-8',
    code: 'file-unreadable',
    sentence: 'a.txt is not UTF-8 text.',
    arrange: evaluated('a.txt', Uint8Array.of(0xff, 0xfe, 0x41, 0x00)),
  },
  {
    what: 'a Taylor criterion without calibration source',
    code: 'recipe-invalid',
    sentence: 'The criterion taylor-element1 needs calibration data, but calibration.source is not set.',
    arrange: (folder) => runOf(folder, goldenModelFolder('gqa'), { 'calibration.source': 'null' }),
  },
];

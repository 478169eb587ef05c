import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTemplate, templateNames } from '../../../main/engine/dataset/prompt-template.ts';
import { readDataFile } from '../../../main/engine/dataset/records.ts';
import {
  trainingExamples,
  type ExampleOptions,
  type TrainingExamples,
} from '../../../main/engine/dataset/training-examples.ts';
import { loadTokenizer, type Tokenizer } from '../../../main/engine/tokenizer/tokenizer.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

/** One token a character, its code; 1 in front as a tokenizer's bos. */
const byCharacter: Tokenizer = {
  vocabSize: 128,
  surrounding: { before: [1], after: [] },
  encode: (text, { addSpecialTokens = true } = {}) => [
    ...(addSpecialTokens ? [1] : []),
    ...Array.from(text, (character) => character.charCodeAt(0)),
  ],
  isSpecial: () => false,
  decode: (ids) => String.fromCharCode(...ids.filter((id) => id > 2)),
};

const template = {
  description: '',
  system: 'S ',
  prompt: '<{instruction}>',
  promptWithInput: '<{instruction}|{input}>',
  answer: '{output}',
};

const options: ExampleOptions = {
  template,
  cutoff: 100,
  trainOnInputs: false,
  maxRows: null,
  vocabSize: 128,
  eosId: 2,
  tokenizer: async () => byCharacter,
  breathe: async () => undefined,
};

async function fileOf(name: string, content: unknown): Promise<string> {
  const file = path.join(temporaryFolder(), name);
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const examplesIn = async (file: string, changes: Partial<ExampleOptions> = {}): Promise<TrainingExamples> =>
  trainingExamples(await readDataFile(file), { ...options, ...changes });

const examplesOf = async (rows: unknown, changes: Partial<ExampleOptions> = {}): Promise<TrainingExamples> =>
  examplesIn(await fileOf('rows.json', rows), changes);

/** An example as text, what is learnt in brackets, bos as ^ and eos as $. */
function shown({ examples }: TrainingExamples): string[] {
  return examples.map(({ ids, learnt }) =>
    Array.from(ids, (id, i) => {
      const character = id === 1 ? '^' : id === 2 ? '$' : String.fromCharCode(id);
      return learnt[i] === 1 ? `[${character}]` : character;
    })
      .join('')
      .replaceAll('][', ''),
  );
}

describe('rows become prompts that are read and answers that are learnt', () => {
  it('Alpaca, with and without input', async () => {
    const rows = [
      { instruction: 'a', input: '', output: 'b' },
      { instruction: 'c', input: 'd', output: 'e' },
      { instruction: 'f', output: 'g' },
    ];
    expect(shown(await examplesOf(rows))).toEqual(['^S <a>[b$]', '^S <c|d>[e$]', '^S <f>[g$]']);
  });

  it('LaMini', async () => {
    expect(shown(await examplesOf([{ instruction: 'a', response: 'b' }]))).toEqual(['^S <a>[b$]']);
  });

  it('ShareGPT: every answer of a conversation, each with its end', async () => {
    const turns = (...values: string[]): object => ({
      conversations: values.map((value, i) => ({ from: i % 2 === 0 ? 'human' : 'gpt', value })),
    });
    const system = {
      conversations: [
        { from: 'system', value: 'Z' },
        { from: 'user', value: 'a' },
        { from: 'assistant', value: 'b' },
      ],
    };
    const answersFirst = {
      conversations: [
        { from: 'gpt', value: 'x' },
        { from: 'human', value: 'a' },
        { from: 'gpt', value: 'b' },
      ],
    };
    expect(
      shown(await examplesOf([turns('a', 'b', 'c', 'd'), turns('a', 'b', 'c'), system, answersFirst])),
    ).toEqual(['^S <a>[b$]<c>[d$]', '^S <a>[b$]', '^Z <a>[b$]', '^S <a>[b$]']);
  });

  it('texts, in windows of the cutoff', async () => {
    expect(shown(await examplesOf([{ text: 'abcdefg' }, { text: 'h' }], { cutoff: 4 }))).toEqual([
      '[^abc]',
      '[defg]',
      '[^h$]',
    ]);
    expect(shown(await examplesIn(await fileOf('a.txt', 'ab\r\nc'), { cutoff: 5 }))).toEqual(['[^ab\nc]']);
  });

  it('token ids, with labels or without', async () => {
    const rows = [{ input_ids: [70, 71] }, { input_ids: [72, 73, 74], labels: [-100, -100, 74] }];
    expect(
      shown(await examplesOf(rows, { tokenizer: () => Promise.reject(new Error('not needed')) })),
    ).toEqual(['[FG]', 'HI[J]']);
  });

  it('prompts too, where they are to be learnt', async () => {
    expect(shown(await examplesOf([{ instruction: 'a', output: 'b' }], { trainOnInputs: true }))).toEqual([
      '[^S <a>b$]',
    ]);
  });

  it('without an end for a model that has none, and without a second one', async () => {
    const rows = [{ instruction: 'a', output: 'b' }];
    expect(shown(await examplesOf(rows, { eosId: undefined }))).toEqual(['^S <a>[b]']);
    expect(shown(await examplesOf(rows, { eosId: 'b'.charCodeAt(0) }))).toEqual(['^S <a>[b]']);
  });

  it('up to the cutoff; a row whose answer lies beyond it is passed over and counted', async () => {
    const rows = [
      { instruction: 'a', output: 'bcdefgh' },
      { instruction: 'long question', output: 'b' },
    ];
    const found = await examplesOf(rows, { cutoff: 8 });
    expect(shown(found)).toEqual(['^S <a>[bc]']);
    expect(found.passedOver).toBe(1);
  });

  it('as many as are asked for', async () => {
    const rows = ['a', 'b', 'c'].map((text) => ({ text }));
    expect(shown(await examplesOf(rows, { maxRows: 2 }))).toEqual(['[^a$]', '[^b$]']);
  });

  it('braces in the data are no places to fill', async () => {
    const rows = [{ instruction: '{output}', input: '{instruction}', output: '{input}' }];
    expect(shown(await examplesOf(rows))).toEqual(['^S <{output}|{instruction}>[{input}$]']);
  });
});

/** As ChatGLM-6B's: 4 and 5 behind what is read. */
const marked = async (): Promise<Tokenizer> => ({
  ...byCharacter,
  marks: { ids: [4, 5], place: 'after' },
});

describe('for a model that writes behind marks', () => {
  const shownMarked = (found: TrainingExamples): string[] =>
    shown(found).map((row) => row.replaceAll('\u0004', '(').replaceAll('\u0005', ')'));

  it('every answer is a row, behind all that was said before it and the marks', async () => {
    const turns = ['a', 'b', 'c', 'd'].map((value, i) => ({ from: i % 2 === 0 ? 'human' : 'gpt', value }));
    const expected = ['S <a>()[b$]', 'S <a>b<c>()[d$]'];
    expect(shownMarked(await examplesOf([{ conversations: turns }], { tokenizer: marked }))).toEqual(
      expected,
    );
    const dialog = [{ dialog: ['a', ' b', 'c ', 'd', 'no answer'] }];
    expect(shownMarked(await examplesOf(dialog, { tokenizer: marked }))).toEqual(expected);
    expect(shown(await examplesOf(dialog))).toEqual(['^S <a>[b$]<c>[d$]']);
  });

  it('what is beyond the cutoff is cut off; a row whose marks are is passed over', async () => {
    const rows = [
      { instruction: 'a', output: 'bcd' },
      { instruction: 'abcd', output: 'e' },
    ];
    const found = await examplesOf(rows, { tokenizer: marked, cutoff: 9 });
    expect(shownMarked(found)).toEqual(['S <a>()[bc]']);
    expect(found.passedOver).toBe(1);
  });

  it('each window of a text stands behind the marks, which are not learnt', async () => {
    const found = await examplesOf([{ text: 'abcde' }], { tokenizer: marked, cutoff: 5 });
    expect(shownMarked(found)).toEqual(['()[abc]', '()[de$]']);
  });

  it('prompts cannot be learnt', async () => {
    const rows = [{ instruction: 'a', output: 'b' }];
    const error = await rejection(examplesOf(rows, { tokenizer: marked, trainOnInputs: true }));
    expect(error.code).toBe('combination-unsupported');
  });
});

describe('files', () => {
  it.each(['alpaca.parquet', 'alpaca-plain.parquet'])('Parquet is read: %s', async (name) => {
    const found = await examplesIn(path.resolve('test/golden/parquet', name), { vocabSize: 2 ** 16 });
    expect(shown(found)).toEqual([
      '^S <Name a colour.>[Red.$]',
      '^S <Translate to French.|Good day>[Bonjour – « salut ».$]',
      '^S <Count.>[1 2 3$]',
    ]);
  });

  it('Parquet of conversations is read', async () => {
    const found = await examplesIn(path.resolve('test/golden/parquet/sharegpt.parquet'));
    expect(shown(found)).toEqual(['^S <Hello>[Hi!$]', '^S <1+1?>[2$]<Sure?>[Yes.$]']);
  });

  it('Parquet of token ids is read, 64-bit columns too', async () => {
    expect(shown(await examplesIn(path.resolve('test/golden/parquet/ids.parquet')))).toEqual(['F[GH]']);
  });

  it('Parquet in another compression is refused, and what is no Parquet at all', async () => {
    const compressed = await rejection(readDataFile(path.resolve('test/golden/parquet/alpaca-zstd.parquet')));
    expect(compressed.message).toMatch(/could not be read as Parquet: .*ZSTD/);
    const other = await rejection(readDataFile(await fileOf('x.parquet', 'not a table')));
    for (const error of [compressed, other]) {
      expect(error.code).toBe('file-unreadable');
      expect(error.hint).toContain('Snappy');
    }
  });

  it('JSONL may have blank lines', async () => {
    expect(shown(await examplesIn(await fileOf('a.jsonl', '{"text":"a"}\n\n {"text":"b"}\r\n')))).toEqual([
      '[^a$]',
      '[^b$]',
    ]);
  });

  it.each<[string, string, unknown, string]>([
    ['a row that is no JSON', 'a.jsonl', '{"text":"a"}\n{"text"', 'line 2: expected JSON, found {"text"'],
    ['no array', 'a.json', { text: 'a' }, ': expected an array of rows, found object.'],
    ['a row that is no object', 'a.json', [{ text: 'a' }, 5], 'row 2: expected an object, found 5'],
    [
      'unknown fields',
      'a.json',
      [{ prompt: 'a' }],
      'row 1: expected the fields "input_ids" (token ids), or "conversations" (ShareGPT), or "dialog" (DailyDialog), or "instruction" and "output" (Alpaca), or "instruction" and "response" (LaMini), or "text" (text), found prompt',
    ],
    [
      'a field of another kind',
      'a.json',
      [
        { instruction: 'a', output: 'b' },
        { instruction: 'a', output: 7 },
      ],
      'row 2: expected "output" to be a text, found 7',
    ],
    [
      'a missing field',
      'a.json',
      [{ instruction: 'a', output: 'b' }, { output: 'b' }],
      'row 2: expected "instruction" to be a text, found nothing',
    ],
    [
      'an input of another kind',
      'a.json',
      [{ instruction: 'a', input: {}, output: 'b' }],
      'row 1: expected "input" to be a text, found {}',
    ],
    [
      'an unknown speaker',
      'a.json',
      [{ conversations: [{ from: 'dog', value: 'woof' }] }],
      'row 1: expected "conversations[0].from" to be one of system, human, user, gpt, assistant, chatgpt, bing, bard, found dog',
    ],
    [
      'a turn without text',
      'a.json',
      [{ conversations: [{ from: 'human' }] }],
      'row 1: expected "conversations[0].value" to be a text, found nothing',
    ],
    [
      'ids that are none',
      'a.json',
      [{ input_ids: [1, -2] }],
      'row 1: expected "input_ids" to be whole numbers from 0, at least one, found [1,-2]',
    ],
    [
      'labels of another length',
      'a.json',
      [{ input_ids: [1, 2], labels: [1] }],
      'row 1: expected "labels" to be 2 whole numbers, -100 where nothing is learnt, found [1]',
    ],
  ])('say which row and field is wrong: %s', async (_what, name, content, sentence) => {
    const file = await fileOf(name, content);
    const error = await rejection(examplesIn(file));
    expect(error.code).toBe('row-invalid');
    expect(error.message).toBe(`${file}${sentence.startsWith(':') ? '' : ', '}${sentence}`);
  });

  it('say where the other rows are that are wrong', async () => {
    const rows = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? { text: 'a' } : { text: i }));
    const file = await fileOf('a.json', rows);
    expect(await rejection(examplesIn(file))).toMatchObject({
      code: 'row-invalid',
      message: `${file}, row 2: expected "text" to be a text, found 1. So are others: row 4, row 6, row 8, row 10, row 12, row 14, row 16, row 18, and 3 more.`,
      facts: { place: 'row 2', wrongRows: 12 },
    });
  });

  it('say which row is nested too deep to be shown', async () => {
    const deep = `[{"text": "a"}, ${'['.repeat(1e5)}${']'.repeat(1e5)}]`;
    const file = path.join(temporaryFolder(), 'deep.json');
    await writeFile(file, deep);
    expect((await rejection(examplesIn(file))).message).toContain('row 2: expected an object, found');
  });

  it.each([
    ['a.json', '[]'],
    ['a.jsonl', '\n\n'],
    ['a.txt', ' \n'],
  ])('that are empty are refused: %s', async (name, content) => {
    expect((await rejection(readDataFile(await fileOf(name, content)))).code).toBe('text-empty');
  });

  it('with nothing to learn are refused', async () => {
    const error = await rejection(examplesOf([{ instruction: 'a', output: 'b' }], { cutoff: 3 }));
    expect(error.code).toBe('text-too-short');
    expect(error.message).toMatch(/none of the 1 rows has anything to learn within 3 tokens\.$/);
  });

  it('with tokens that the model has no embedding for are refused', async () => {
    const error = await rejection(examplesOf([{ input_ids: [1, 128] }]));
    expect(error.code).toBe('tokenizer-mismatch');
  });
});

describe('templates', () => {
  const row = [{ instruction: 'Sort.', input: '3 1', output: '1 3' }];

  it('of Alpaca are the published ones', async () => {
    const found = await examplesOf(row, { template: await loadTemplate('alpaca'), cutoff: 1000 });
    expect(shown(found)).toEqual([
      '^Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nSort.\n\n### Input:\n3 1\n\n### Response:\n[1 3$]',
    ]);
  });

  it('of Vicuna end each answer', async () => {
    const rows = [
      { conversations: ['a', 'b', 'c', 'd'].map((value, i) => ({ from: i % 2 ? 'gpt' : 'human', value })) },
    ];
    const found = await examplesOf(rows, { template: await loadTemplate('vicuna'), cutoff: 1000 });
    expect(shown(found)[0]).toMatch(
      /^\^A chat between .* questions\. USER: a ASSISTANT:\[ b\$\]USER: c ASSISTANT:\[ d\$\]$/,
    );
  });

  it.each(templateNames)('take instruction, input and output: %s', async (name) => {
    const text = shown(await examplesOf(row, { template: await loadTemplate(name), cutoff: 1000 }))[0];
    for (const part of ['Sort.', '3 1', '1 3$]']) expect(text).toContain(part);
  });

  it('may come from a file', async () => {
    expect(await loadTemplate(await fileOf('mine.json', template))).toEqual(template);
    const file = await fileOf('bad.json', { ...template, answer: 'nothing' });
    const error = await rejection(loadTemplate(file));
    expect(error.code).toBe('recipe-invalid');
    expect(error.message).toMatch(/bad\.json is no prompt template: answer: /);
    expect(error.hint).toContain('alpaca, vicuna, plain');
  });

  it('and a real tokenizer: the prompt’s tokens are those that it has by itself', async () => {
    const tokenizer = await loadTokenizer('resources/demo/model');
    const found = await examplesOf(row, {
      template: await loadTemplate('alpaca'),
      tokenizer: async () => tokenizer,
      vocabSize: 2048,
      eosId: 0,
      cutoff: 1000,
    });
    const [{ ids, learnt }] = found.examples;
    const firstLearnt = learnt.indexOf(1);
    expect(tokenizer.decode([...ids.subarray(firstLearnt)])).toBe('1 3<|endoftext|>');
    expect(tokenizer.decode([...ids.subarray(0, firstLearnt)])).toMatch(/### Response:\n$/);
  });
});

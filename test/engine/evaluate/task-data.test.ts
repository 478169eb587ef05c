import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { taskNamed } from '../../../main/engine/evaluate/tasks/index.ts';
import { PreparedTask } from '../../../main/engine/evaluate/tasks/prepared-task.ts';
import { findTaskData } from '../../../main/engine/evaluate/tasks/task-data.ts';
import { rejection } from '../checkpoint/rejection.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const golden = path.resolve('test/golden/tasks/data');
const piqa = taskNamed('piqa');
const row = { goal: 'Open a box', sol1: 'lift its lid', sol2: 'sing', label: 0 };

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

async function write(name: string, rows: readonly unknown[]): Promise<string> {
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, rows.map((one) => `${JSON.stringify(one)}\n`).join(''));
  return file;
}

const questions = async (fewShot = 0): Promise<string[]> =>
  (await findTaskData([piqa], folder, fewShot))[0].questions.map((file) =>
    path.relative(folder, file).replaceAll(path.sep, '/'),
  );

const prepare = async (id: string, fewShot = 0): Promise<PreparedTask> => {
  const task = taskNamed(id);
  const [files] = await findTaskData([task], folder, fewShot);
  return PreparedTask.read(task, files, { fewShot, limit: null });
};

describe('the data of a task is found', () => {
  it.each([
    'piqa/validation.jsonl',
    'piqa/piqa_validation.jsonl',
    'piqa/data/validation-00000-of-00001.jsonl',
    'piqa/validation/0000.jsonl',
    'baber/piqa/validation.jsonl',
  ])('at %s', async (name) => {
    await write(name, [row]);
    await write('piqa/invalidation.jsonl', [row]);
    await write('piqa/train.jsonl', [row]);
    expect(await questions()).toEqual([name]);
  });

  it('in shards, in the order of their names', async () => {
    for (const i of [1, 0, 2]) await write(`piqa/validation-0000${i}-of-00003.jsonl`, [row]);
    expect(await questions()).toEqual([0, 1, 2].map((i) => `piqa/validation-0000${i}-of-00003.jsonl`));
  });

  it('or all that is missing is named at once, with the layout that is expected', async () => {
    await write('piqa/validation.jsonl', [row]);
    const error = await rejection(findTaskData([piqa, taskNamed('arc_easy')], folder, 2));
    expect(error.code).toBe('file-missing');
    expect(error.message).toBe(
      `${folder} lacks the data of tasks. Expected there: piqa/train-00000-of-00001.parquet (or train.jsonl); ` +
        'ai2_arc/ARC-Easy/test-00000-of-00001.parquet (or test.jsonl); ai2_arc/ARC-Easy/train-00000-of-00001.parquet (or train.jsonl).',
    );
  });

  it('once: Parquet beside JSONL is refused', async () => {
    const files = [
      await write('piqa/validation.jsonl', [row]),
      await write('piqa/validation-00000-of-00001.parquet', []),
    ];
    const error = await rejection(findTaskData([piqa], folder, 0));
    expect(error.code).toBe('row-invalid');
    for (const file of files) expect(error.message).toContain(file);
  });
});

describe('a wrong row is named', () => {
  it.each([
    ['a column that is missing', { ...row, sol2: undefined }, '"sol2" (a text), found nothing'],
    ['a number for a text', { ...row, goal: 5 }, '"goal" (a text), found 5'],
    ['a label that is no index', { ...row, label: -1 }, '"label" (a whole number from 0), found -1'],
    ['a label beyond the choices', { ...row, label: 2 }, 'the index of one of 2 choices, found 2'],
    ['no object', 'row', 'an object, found row'],
  ])('%s', async (_what, wrong, complaint) => {
    const file = await write('piqa/validation.jsonl', [row, wrong]);
    const error = await rejection(prepare('piqa'));
    expect(error.code).toBe('row-invalid');
    expect(error.message).toBe(`${file}, line 2: expected ${complaint}`);
  });

  it('a sentence without its blank, an answer that is none', async () => {
    const sentence = { sentence: 'The _ fell.', option1: 'cup', option2: 'jug', answer: '1' };
    const file = await write('winogrande_xl/validation.jsonl', [{ ...sentence, sentence: 'It fell.' }]);
    expect((await rejection(prepare('winogrande'))).message).toBe(
      `${file}, line 1: expected a text with "_" in it, found "It fell."`,
    );
    await write('winogrande_xl/validation.jsonl', [{ ...sentence, answer: '' }]);
    expect((await rejection(prepare('winogrande'))).message).toBe(
      `${file}, line 1: expected one of "1", "2", found ""`,
    );
  });
});

describe('questions', () => {
  it('take truth values for labels', async () => {
    await write('boolq/validation.jsonl', [{ passage: 'P.', question: 'is it', label: true }]);
    const { questions: asked } = await prepare('boolq');
    expect(asked[0].target).toBe(1);
    expect(asked[0].pairs).toEqual([
      { context: 'P.\nQuestion: is it?\nAnswer:', continuation: ' no' },
      { context: 'P.\nQuestion: is it?\nAnswer:', continuation: ' yes' },
    ]);
  });

  it('never see themselves among their examples', async () => {
    const rows = [0, 1, 2].map((i) => ({ ...row, goal: `Goal ${i}` }));
    await write('piqa/validation.jsonl', rows);
    await write('piqa/train.jsonl', rows);
    for (const [i, { pairs }] of (await prepare('piqa', 2)).questions.entries())
      expect(pairs[0].context.split(`Goal ${i}`)).toHaveLength(2);
  });

  it('need enough examples to draw from', async () => {
    await write('piqa/validation.jsonl', [row]);
    await write('piqa/train.jsonl', [row, row]);
    const error = await rejection(prepare('piqa', 2));
    expect(error.code).toBe('text-too-short');
    expect(error.message).toBe('PIQA: 2 examples need 3 rows to draw from, but the split "train" has 2.');
  });
});

it('Parquet of the hub reads like JSONL', async () => {
  const [files] = await findTaskData([taskNamed('arc_challenge')], golden, 0);
  const task = await PreparedTask.read(taskNamed('arc_challenge'), files, { fewShot: 0, limit: 2 });
  expect(task.available).toBe(4);
  expect(task.questions.map(({ target, choices }) => choices[target])).toEqual([
    'zero for an instant',
    'It leads heat away from the hand faster.',
  ]);
});

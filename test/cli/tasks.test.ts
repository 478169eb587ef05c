import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { taskIds } from '../../main/engine/evaluate/tasks/index.ts';
import type { RunReport } from '../../main/engine/run.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import { killAt, resultOf, settingsOf, type Moment } from '../fixtures/killed-run.ts';
import { writeRandomModel } from '../fixtures/random-model.ts';

const golden = path.resolve('test/golden/tasks');
const model = path.join(golden, 'models/metaspace');
const data = path.join(golden, 'data');

type Report = RunReport & { readonly outDir: string; readonly modelDir: string };
type GoldenCase = Readonly<
  Record<string, { result: Record<string, number>; samples: { promptHash: string; targetHash: string }[] }>
>;

let folder: string;
let expected: Readonly<Record<'zeroShot' | 'twoShot' | 'withBos', GoldenCase>>;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tasks-'));
  expected = JSON.parse(await readFile(path.join(golden, 'metaspace.json'), 'utf8')) as typeof expected;
});
afterAll(() => rm(folder, { recursive: true }));

const inFolder = (name: string): string => path.join(folder, name);
const reportOf = async (...args: string[]): Promise<Report> =>
  documentOf(await command(...args, '--json')) as Report;
const evaluation = (out: string, ...more: string[]): string[] => [
  ...['eval', model, '--tasks', 'all', '--task-data', data, '--out', inFolder(out)],
  ...more,
];

describe('eval --tasks', () => {
  it.each([
    ['zeroShot', []],
    ['twoShot', ['--few-shot', '2']],
    ['withBos', ['--bos']],
  ] as const)("gives the harness's numbers: %s", async (name, options) => {
    const report = await reportOf(...evaluation(name, ...options));
    const { tasks } = report.before;
    expect(Object.keys(tasks?.results ?? {})).toEqual(taskIds);
    const counted = taskIds.map((id) => {
      const score = tasks?.results[id];
      const { result } = expected[name][id];
      expect(score?.acc).toBeCloseTo(result['acc,none'], 12);
      expect(score?.accStderr).toBeCloseTo(result['acc_stderr,none'], 12);
      if (score?.counted === 'acc') return result['acc,none'];
      expect(score?.accNorm).toBeCloseTo(result['acc_norm,none'], 12);
      return result['acc_norm,none'];
    });
    expect(tasks?.average).toBeCloseTo(counted.reduce((a, b) => a + b, 0) / 7, 12);
    expect(tasks).toMatchObject({ isPapersAverage: true, limit: null, bos: name === 'withBos' });
    expect(report).toMatchObject({ removedOfParameters: 0, modelDir: model, outDir: inFolder(name) });
  });

  it("leaves the harness's own files in the run's folder", () => {
    const kept = path.join(folder, 'zeroShot/lm-eval/before');
    const names = readdirSync(kept);
    expect(names).not.toContain('started.json');
    const file = (start: string): string => path.join(kept, names.find((one) => one.startsWith(start)) ?? '');
    const results = JSON.parse(readFileSync(file('results_'), 'utf8')) as Record<string, object>;
    for (const id of taskIds) {
      expect(results.results).toHaveProperty([id, 'acc,none']);
      expect(results['n-samples']).toHaveProperty([id, 'effective'], expected.zeroShot[id].samples.length);
      const lines = readFileSync(file(`samples_${id}_`), 'utf8')
        .trim()
        .split('\n');
      const samples = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      const said = samples.flatMap((sample) => sample.filtered_resps as [string, string][]);
      expect(said.every(([value, isGreedy]) => Number(value) < 0 && isGreedy === 'False')).toBe(true);
      expect(samples.map((sample) => [sample.prompt_hash, sample.target_hash])).toEqual(
        expected.zeroShot[id].samples.map(({ promptHash, targetHash }) => [promptHash, targetHash]),
      );
    }
  });

  it('prints a table with the protocol, and is not done again', async () => {
    const { stdout, stderr } = await command(...evaluation('zeroShot'));
    expect(stderr).toContain('This run was finished before');
    expect(stdout).toMatch(/^BoolQ +acc \* +50\.00 +± 22\.36 +6$/m);
    expect(stdout).toMatch(/^Average of \* +32\.86$/m);
    expect(stdout).toContain(
      "lm-evaluation-harness 0.4.13, 0-shot, no BOS, all questions; average: mean of the paper's seven tasks.",
    );
  });

  it('tells another average from that of the paper', async () => {
    const args = ['eval', model, '--tasks', 'piqa,arc_easy', '--task-data', data, '--limit', '2'];
    const { stdout } = await command(...args, '--out', inFolder('two'));
    expect(stdout).toContain('the first 2 questions of each task; average: mean of 2 tasks, not the paper');
  });

  it('says what is missing where, and leaves nothing', async () => {
    const args = ['eval', model, '--tasks', 'piqa', '--task-data', folder, '--out', inFolder('none')];
    const { code, stderr } = await command(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `${folder} lacks the data of a task. Expected there: piqa/validation-00000-of-00001.parquet (or validation.jsonl).`,
    );
    expect(existsSync(inFolder('none'))).toBe(false);
  });

  it.each([
    [['--tasks', 'piqa'], '--tasks needs --task-data'],
    [['--tasks', 'piqa,mmlu', '--task-data', '.'], 'Expected all, or some of boolq, piqa'],
    [[], 'name a text with --text, or tasks with --tasks'],
  ])('used wrongly ends with 2: %j', async (options, words) => {
    const { code, stderr } = await command('eval', model, ...options);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});

it('a run of another data set is another run', async () => {
  const changed = inFolder('data');
  await cp(data, changed, { recursive: true });
  const args = ['eval', model, '--tasks', 'piqa', '--task-data', changed];
  const [first, again] = [
    await reportOf(...args, '--out', inFolder('first')),
    await reportOf(...args, '--out', inFolder('first')),
  ];
  expect(again).toEqual(first);
  const line = { goal: 'Sit', sol1: 'on a chair', sol2: 'on a bee', label: 0 };
  await appendFile(path.join(changed, 'piqa/validation.jsonl'), `${JSON.stringify(line)}\n`);
  const { code, stderr } = await command(...args, '--out', inFolder('first'));
  expect([code, stderr]).toEqual([1, expect.stringContaining('holds another run')]);
});

it('several texts are measured side by side, each with its protocol', async () => {
  const ptb = inFolder('ptb.jsonl');
  const sentences = Array.from({ length: 40 }, (_, i) =>
    JSON.stringify({ sentence: `no <unk> in line ${i}` }),
  );
  await writeFile(ptb, sentences.join('\n'));
  const plain = inFolder('plain.txt');
  await writeFile(plain, 'A lamp stands on the pier. '.repeat(40));
  const args = ['eval', model, '--text', ptb, '--text', plain, '--seq-len', '16', '--samples', '30'];
  const { perplexities } = (await reportOf(...args)) as unknown as Report['before'];
  expect(perplexities).toMatchObject([
    { text: 'ptb.jsonl', rows: 30, joined: 'two-newlines', bos: true, seqLen: 16 },
    { text: 'plain.txt', rows: null, joined: 'running-text', bos: true, seqLen: 16 },
  ]);
  const { before } = await reportOf(...args, '--out', inFolder('texts'));
  expect(before).toMatchObject({ perplexity: perplexities[0].perplexity, perplexities, tasks: null });
  const { stdout } = await command(...args);
  expect(stdout).toContain('ptb.jsonl: 30 rows joined by two newlines, BOS at the very start alone; ');
});

it('a run that prunes and recovers asks every model the same', async () => {
  const rows = inFolder('train.jsonl');
  await writeFile(
    rows,
    Array.from({ length: 12 }, () => '{"instruction":"Name it","output":"a lamp"}').join('\n'),
  );
  const recipe = inFolder('recipe.yaml');
  await writeFile(
    recipe,
    `model: ${model}
prune: {criterion: random, ratio: 0.5, layers: {attention: [0, 2], mlp: [0, 2]}}
evaluate: {tasks: {names: [piqa, winogrande], data: ${data}, limit: 4}}
recover: {data: ${rows}, template: plain, steps: 2, batchSize: 4, cutoff: 32, control: true, output: adapter}
`,
  );
  const { before, after, recovery, outDir } = await reportOf('run', recipe, '--out', inFolder('recovered'));
  for (const quality of [before, after, recovery?.recovered, recovery?.control])
    expect(quality?.tasks).toMatchObject({ results: { piqa: { samples: 4 }, winogrande: { available: 6 } } });
  expect(readdirSync(path.join(outDir, 'lm-eval')).sort()).toEqual([
    'after',
    'before',
    'control',
    'recovered',
  ]);
  const { stdout } = await command('resume', outDir);
  expect(stdout).toMatch(/^ +original +pruned +recovered +control$/m);
  expect(stdout).toMatch(/^PIQA \(acc\)( +\d+\.\d\d){4}$/m);
});

describe('a killed evaluation of tasks', () => {
  const checkpoints = (out: string): string[] =>
    existsSync(path.join(out, 'checkpoints')) ? readdirSync(path.join(out, 'checkpoints')) : [];
  const afterTask = (id: string, delayMs: number): Moment => ({
    what: `${delayMs} ms after ${id}`,
    reached: (out) => checkpoints(out).includes(`evaluate-before.${id}.json`),
    delayMs,
    isWithin: (out) => !checkpoints(out).includes('evaluate-before.hellaswag.json'),
  });

  it('goes on with the task it was at, and ends in the same bytes', async () => {
    const large = inFolder('large');
    await writeRandomModel(large, {
      vocab_size: 512,
      hidden_size: 128,
      intermediate_size: 320,
      num_hidden_layers: 8,
    });
    for (const name of ['tokenizer.json', 'tokenizer_config.json'])
      await cp(path.join(model, name), path.join(large, name));
    const tasks = `{names: [boolq, piqa, hellaswag], data: ${data}, fewShot: 2}`;
    const args = [
      'run',
      ...settingsOf({ model: large, 'prune.mode': 'none', 'evaluate.tasks': tasks }),
      '--json',
    ];
    const whole = documentOf(await command(...args, '--out', inFolder('whole'))) as Report;
    const out = inFolder('killed');
    await killAt(args, out, [afterTask('boolq', 0), afterTask('piqa', 5)]);
    const killedAt = Date.now() / 1000;
    const done = checkpoints(out).map((name) => path.join(out, 'checkpoints', name));
    const before = done.map((file) => readFileSync(file, 'utf8'));
    const resumed = documentOf(await command('resume', out, '--json')) as Report;
    expect(resumed).toEqual({ ...whole, outDir: out });
    expect(done.map((file) => readFileSync(file, 'utf8'))).toEqual(before);
    const [started, ended, seconds] = timesOf(out);
    expect([started < killedAt, killedAt < ended, seconds]).toEqual([true, true, null]);
    const [from, to, elapsed] = timesOf(inFolder('whole'));
    expect(Number(elapsed)).toBeCloseTo(to - from, 3);
    expect(withoutDates(resultOf(out))).toEqual(withoutDates(resultOf(inFolder('whole'))));
  });
});

/** When the harness's file says that the evaluation started and ended, and how long it took, in seconds. */
function timesOf(out: string): [start: number, end: number, elapsed: string | null] {
  const kept = path.join(out, 'lm-eval/before');
  const file = readdirSync(kept).find((name) => name.startsWith('results_')) ?? '';
  const written = JSON.parse(readFileSync(path.join(kept, file), 'utf8')) as {
    start_time: number;
    end_time: number;
    total_evaluation_time_seconds: string | null;
  };
  return [written.start_time, written.end_time, written.total_evaluation_time_seconds];
}

/** The harness's files have the time in their names. */
const withoutDates = (result: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(result).filter(([name]) => !name.startsWith('lm-eval/')));

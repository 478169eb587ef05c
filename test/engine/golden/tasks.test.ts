import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { taskIds, taskNamed } from '../../../main/engine/evaluate/tasks/index.ts';
import { logLikelihoods, type ChoiceLikelihoods } from '../../../main/engine/evaluate/tasks/log-likelihoods.ts';
import { PreparedTask } from '../../../main/engine/evaluate/tasks/prepared-task.ts';
import { RequestEncoder, type QuestionTree } from '../../../main/engine/evaluate/tasks/requests.ts';
import { answered, scoreOf } from '../../../main/engine/evaluate/tasks/scoring.ts';
import { findTaskData } from '../../../main/engine/evaluate/tasks/task-data.ts';
import type { TaskScore } from '../../../main/engine/evaluate/tasks/task-scores.ts';
import { withNetwork } from '../../../main/engine/measure-model.ts';
import { cpu } from '../../../main/engine/runtime/device.ts';
import { planMemory } from '../../../main/engine/runtime/memory-plan.ts';
import { openModel, type Model } from '../../../main/engine/runtime/model.ts';
import { paceOf } from '../../../main/engine/runtime/pace.ts';
import { loadTokenizer } from '../../../main/engine/tokenizer/tokenizer.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const golden = path.resolve('test/golden/tasks');
const pace = paceOf(new AbortController().signal, () => undefined);

interface GoldenTask {
  readonly result: Readonly<Record<string, number | string>>;
  readonly samples: readonly {
    readonly arguments: readonly (readonly [string, string])[];
    readonly logLikelihoods: readonly number[];
    readonly isGreedy: readonly boolean[];
    readonly acc: number;
    readonly acc_norm?: number;
  }[];
}
type Case = Readonly<Record<string, GoldenTask>>;

const cases = [
  { name: 'zeroShot', fewShot: 0, bos: false },
  { name: 'twoShot', fewShot: 2, bos: false },
  { name: 'withBos', fewShot: 0, bos: true },
] as const;

async function prepare(id: string, fewShot: number, limit: number | null = null): Promise<PreparedTask> {
  const task = taskNamed(id);
  const [files] = await findTaskData([task], path.join(golden, 'data'), fewShot);
  return PreparedTask.read(task, files, { fewShot, limit });
}

async function ask(model: string, task: PreparedTask, bos: boolean): Promise<ChoiceLikelihoods> {
  const opened = await openModel(path.join(golden, 'models', model));
  const tokenizer = await loadTokenizer(opened.folder);
  return askTrees(opened, await task.trees(tokenizer, opened.config.maxPositions, bos, pace));
}

async function askTrees(opened: Model, trees: readonly QuestionTree[]): Promise<ChoiceLikelihoods> {
  const memory = planMemory(opened.config, 2 ** 20, 2 ** 30);
  const scratchPath = path.join(temporaryFolder(), 'scratch.bin');
  try {
    return await withNetwork(opened, { threads: 1, memory, device: cpu }, (network) =>
      logLikelihoods(network, trees, { memory, scratchPath, pace }),
    );
  } finally {
    await opened.checkpoint.close();
  }
}

const read = async (model: string): Promise<Readonly<Record<string, Case>>> =>
  JSON.parse(await readFile(path.join(golden, `${model}.json`), 'utf8')) as Record<string, Case>;

/** A score under the harness's keys. */
const asResult = (score: TaskScore): Record<string, number | string | null> => ({
  sample_len: score.samples,
  'acc,none': score.acc,
  'acc_stderr,none': score.accStderr,
  ...(score.accNorm !== null && {
    'acc_norm,none': score.accNorm,
    'acc_norm_stderr,none': score.accNormStderr,
  }),
});

function expectResult(score: TaskScore, expected: GoldenTask['result']): void {
  const found = asResult(score);
  for (const [key, value] of Object.entries(found)) expect(found[key], key).toBeCloseTo(value as number, 12);
  expect(Object.keys(expected)).toEqual(expect.arrayContaining(Object.keys(found)));
  for (const key of Object.keys(found)) expect(found[key], key).toBeCloseTo(expected[key] as number, 12);
}

describe.each(['byte-level', 'metaspace'])('the harness and the studio, %s', (model) => {
  for (const { name, fewShot, bos } of cases) {
    it.each(taskIds)(`agree: ${name}, %s`, async (id) => {
      const expected = (await read(model))[name][id];
      const task = await prepare(id, fewShot);
      const requests = task.questions.map(({ pairs }) =>
        pairs.map(({ context, continuation }) => [context, continuation]),
      );
      expect(requests).toEqual(expected.samples.map((sample) => sample.arguments));

      const { logLikelihoods: found, isGreedy } = await ask(model, task, bos);
      expect(isGreedy).toEqual(expected.samples.map((sample) => sample.isGreedy));
      const differences = found.flatMap((choices, i) =>
        choices.map((value, choice) => Math.abs(value - expected.samples[i].logLikelihoods[choice])),
      );
      expect(Math.max(...differences)).toBeLessThan(1e-4);

      const answers = task.questions.map((question, i) => answered(question, found[i]));
      expect(answers.map(({ acc }) => acc)).toEqual(expected.samples.map(({ acc }) => acc));
      if (task.task.metrics.includes('acc_norm')) {
        expect(answers.map(({ accNorm }) => accNorm)).toEqual(
          expected.samples.map(({ acc_norm: accNorm }) => accNorm),
        );
      }
      expectResult(scoreOf(task.task, answers, task), expected.result);
    });
  }

  it('agree on what a model would say by itself', async () => {
    const { greedy } = (await read(model)) as unknown as {
      greedy: { context: string; continuation: string; logLikelihood: number; isGreedy: boolean }[];
    };
    const opened = await openModel(path.join(golden, 'models', model));
    const encoder = new RequestEncoder(await loadTokenizer(opened.folder), opened.config.maxPositions, false);
    const row = { path: '', place: '', values: {} };
    const tree = encoder.encode({ pairs: greedy, choices: [], target: 0, targetText: '', row });
    const { logLikelihoods: found, isGreedy } = await askTrees(opened, [tree]);
    expect(isGreedy[0]).toEqual(greedy.map((request) => request.isGreedy));
    expect(new Set(isGreedy[0]).size).toBe(2);
    for (const [i, { logLikelihood }] of greedy.entries())
      expect(Math.abs(found[0][i] - logLikelihood)).toBeLessThan(1e-4);
  });

  it.each(taskIds)('agree on the first questions alone: %s', async (id) => {
    const expected = ((await read(model)).limited as unknown as Record<string, GoldenTask['result']>)[id];
    const task = await prepare(id, 0, 3);
    const { logLikelihoods: found } = await ask(model, task, false);
    const answers = task.questions.map((question, i) => answered(question, found[i]));
    expectResult(scoreOf(task.task, answers, task), expected);
  });
});

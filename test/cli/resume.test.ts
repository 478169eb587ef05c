import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command, documentOf } from '../fixtures/command-line.ts';
import {
  expectResumes,
  killAt,
  makeLongRun,
  moments,
  resultOf,
  type Moment,
} from '../fixtures/killed-run.ts';

let folder: string;
let args: string[];
let uninterrupted: { report: object; result: Record<string, string> };
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'resume-'));
  args = await makeLongRun(folder);
  const out = path.join(folder, 'uninterrupted');
  const report = documentOf(await command(...args, '--out', out)) as object;
  uninterrupted = { report, result: resultOf(out) };
});
afterAll(() => rm(folder, { recursive: true }));

it('an uninterrupted run leaves its result and nothing of its way there', () => {
  const layers = [1, 2, 3, 4, 5, 6].map((layer) => `scores/layer-00${layer}.json`);
  const stages = ['estimate', 'evaluate-after.text-1', 'evaluate-before.text-1', 'slice'].map(
    (stage) => `checkpoints/${stage}.json`,
  );
  const model = ['README.md', 'config.json', 'model.safetensors'].map((name) => `model/${name}`);
  const own = ['calibration.jsonl', 'plan.json', 'recipe.yaml', 'report.json', 'settings.json'];
  expect(Object.keys(uninterrupted.result).sort()).toEqual([...stages, ...model, ...own, ...layers].sort());
});

it.each<[string, Moment[]]>([
  ['while it evaluates', [moments.inEvaluation('evaluate-before')]],
  ['while it estimates, three layers scored', [moments.inEstimate(3)]],
  ['while it slices', [moments.inSlice()]],
  ['again and again', [moments.inEstimate(0), moments.inEstimate(2), moments.inSlice()]],
])('a run killed %s ends in the same bytes once resumed', async (_when, kills) => {
  const out = path.join(folder, 'killed');
  await killAt(args, out, kills);
  await expectResumes(out, uninterrupted);
});

it('a killed run goes on by the command that started it, too', async () => {
  const out = path.join(folder, 'killed');
  await killAt(args, out, [moments.inEstimate(1)]);
  const finished = await command(...args, '--out', out);
  expect(documentOf(finished)).toMatchObject({ after: expect.anything() as unknown });
  expect(resultOf(out)).toEqual(uninterrupted.result);
});

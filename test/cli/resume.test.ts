import { existsSync, readdirSync } from 'node:fs';
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
  settingsOf,
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

/** A kill once a step's folder holds the scores of some layers, with its model still beside them. */
const inStep = (step: number, layers: number): Moment => ({
  what: `step ${step}, ${layers} layers scored`,
  reached: (out) => scoredIn(out, step) >= layers,
  isWithin: (out) => !existsSync(path.join(out, `checkpoints/estimate.step-${step}.json`)),
});

function scoredIn(out: string, step: number): number {
  const scores = path.join(out, `steps/${step}/scores`);
  return existsSync(scores) ? readdirSync(scores).filter((name) => name.endsWith('.json')).length : -1;
}

it('an iterative pruning killed in its steps ends in the same bytes once resumed', async () => {
  const iterative = [...args, ...settingsOf({ 'prune.steps': 3, 'calibration.samples': 12 })];
  const out = path.join(folder, 'iterative');
  const report = documentOf(await command(...iterative, '--out', out)) as object;
  const result = resultOf(out);
  expect(Object.keys(result)).toContain('steps/3/plan.json');
  expect(Object.keys(result).filter((name) => /steps.*model/.test(name))).toEqual([]);
  const killed = path.join(folder, 'iterative-killed');
  await killAt(iterative, killed, [inStep(2, 0), inStep(2, 3), inStep(3, 2)]);
  await expectResumes(killed, { report, result });
});

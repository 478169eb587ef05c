import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { RandomStream } from '../../main/engine/tensor/random.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import {
  expectResumes,
  killAt,
  makeLongRun,
  moments,
  resultOf,
  type Moment,
} from '../fixtures/killed-run.ts';

/** Ten moments anywhere in a run, two of them in the slice, which is short; the same ones every time. */
function randomMoments(): Moment[] {
  const random = new RandomStream(20240607, 'data-order');
  const anywhere = (): Moment => {
    const kind = random.below(6);
    if (kind === 0) return moments.inEvaluation('evaluate-before', random.below(150));
    if (kind === 1) return moments.inEvaluation('evaluate-after', random.below(20));
    if (kind === 2) return moments.inEstimate(0, random.below(500));
    return moments.inEstimate(random.below(6), random.below(60));
  };
  return [moments.inSlice(), moments.inSlice(1 + random.below(15)), ...Array.from({ length: 8 }, anywhere)];
}

let folder: string;
let args: string[];
let uninterrupted: { report: object; result: Record<string, string> };
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kill-matrix-'));
  args = await makeLongRun(folder);
  const out = path.join(folder, 'uninterrupted');
  const report = documentOf(await command(...args, '--out', out)) as object;
  uninterrupted = { report, result: resultOf(out) };
});
afterAll(() => rm(folder, { recursive: true }));

it.each(randomMoments().map((moment) => [moment.what, moment] as const))(
  'a run killed in %s ends in the same bytes once resumed',
  async (_what, moment) => {
    const out = path.join(folder, 'killed');
    await killAt(args, out, [moment]);
    await expectResumes(out, uninterrupted);
  },
);

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { RandomStream } from '../../main/engine/tensor/random.ts';
import { command, documentOf } from '../fixtures/command-line.ts';
import {
  expectResumes,
  killAt,
  makeTraining,
  moments,
  resultOf,
  type Moment,
} from '../fixtures/killed-run.ts';

const steps = 60;

/** Ten moments anywhere in a training, at any point of a step, the same ones every time; three of them twice. */
function randomMoments(): Moment[][] {
  const random = new RandomStream(20241124, 'data-order');
  const anywhere = (from: number, to: number): Moment =>
    moments.inTraining(from + random.below(to - from), random.below(60));
  return Array.from({ length: 10 }, (_, i) =>
    i < 7 ? [anywhere(0, steps - 2)] : [anywhere(0, 30), anywhere(30, steps - 2)],
  );
}

let folder: string;
let args: string[];
let uninterrupted: { report: object; result: Record<string, string> };
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kill-training-'));
  args = await makeTraining(folder, steps);
  const out = path.join(folder, 'uninterrupted');
  const report = documentOf(await command(...args, '--out', out)) as object;
  uninterrupted = { report, result: resultOf(out) };
});
afterAll(() => rm(folder, { recursive: true }));

it.each(randomMoments().map((kills) => [kills.map(({ what }) => what).join(', then '), kills] as const))(
  'a training killed %s ends in the same adapter and curve once resumed',
  async (_what, kills) => {
    const out = path.join(folder, 'killed');
    await killAt(args, out, kills);
    await expectResumes(out, uninterrupted, 'recovered');
  },
);

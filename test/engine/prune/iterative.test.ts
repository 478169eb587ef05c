import { readdirSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { keptLayers, shapesOf, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import { run, type RunReport, type RunSettings } from '../../../main/engine/run.ts';
import { openModel } from '../../../main/engine/runtime/model.ts';
import { hashesBelow } from '../../fixtures/folder-hashes.ts';
import { goldenIterative, goldenModelFolder } from '../../fixtures/golden-files.ts';
import { plannedShape } from '../../fixtures/local-selection.ts';
import { writeRows } from '../../fixtures/random-model.ts';
import { runSettings } from '../../fixtures/run-settings.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const all = { attention: [0, 4], mlp: [0, 4] } as const;

interface Told {
  readonly folder: string;
  readonly report: RunReport;
  readonly fractions: readonly number[];
  readonly losses: readonly number[];
}

async function done(settings: RunSettings): Promise<Told> {
  const folder = path.join(temporaryFolder(), 'run');
  await mkdir(folder);
  const fractions: number[] = [];
  const losses: number[] = [];
  const report = await run(
    settings,
    folder,
    {
      stage: () => undefined,
      progress: (stage, fraction) => stage === 'estimate' && fractions.push(fraction),
      metric: (name, value) => name === 'calibration.loss' && losses.push(value),
      training: () => undefined,
    },
    new AbortController().signal,
  );
  return { folder, report, fractions, losses };
}

const planIn = async (...parts: string[]): Promise<PrunePlan> =>
  JSON.parse(await readFile(path.join(...parts, 'plan.json'), 'utf8')) as PrunePlan;

const criterionIds = { element1: 'taylor-element1', mix: 'taylor-mixed' } as const;

describe.each(['mha-element1', 'gqa-element1', 'gqa-mix'])('%s, in three steps', (name) => {
  const golden = goldenIterative(name);

  it('has the losses and the picks of every step of the reference, each on rows of its own', async () => {
    const rows = golden.steps.flatMap(({ inputIds }) => inputIds);
    const { folder, report, fractions, losses } = await done({
      ...runSettings,
      model: goldenModelFolder(golden.model),
      prune: {
        ...runSettings.prune,
        criterion: criterionIds[golden.criterion],
        aggregation: golden.aggregation,
        ratio: golden.ratio,
        windows: all,
        steps: golden.steps.length,
      },
      calibration: {
        ...runSettings.calibration,
        source: await writeRows(path.join(temporaryFolder(), 'rows.jsonl'), rows),
        samples: golden.steps[0].inputIds.length,
      },
    });
    for (const [step, { layers, loss }] of golden.steps.entries()) {
      const plan = await planIn(folder, 'steps', String(step + 1));
      const found = keptLayers(plan).map(({ attention, mlp }) => ({ ...attention, ...mlp }));
      expect(found, `step ${step + 1}`).toEqual(layers);
      expect(Math.abs(losses[step] - loss), `step ${step + 1}`).toBeLessThan(1e-5);
    }
    expect(await planIn(folder)).toEqual(await planIn(folder, 'steps', '3'));
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(report).toMatchObject({
      steps: 3,
      calibration: { rows: rows.length, tokens: rows.flat().length },
    });
    expect(report.calibration?.loss).toBe(losses[0]);
    const kept = (await readFile(path.join(folder, 'calibration.jsonl'), 'utf8')).trim().split('\n');
    expect(kept.map((line) => JSON.parse(line) as unknown)).toEqual(
      golden.steps.flatMap(({ inputIds }, i) => inputIds.map((ids) => ({ step: i + 1, input_ids: ids }))),
    );
    // The models on the way there are gone.
    expect(readdirSync(path.join(folder, 'steps/2')).sort()).toEqual(['plan.json', 'scores']);
    expect(readdirSync(path.join(folder, 'steps/1'))).toEqual(['plan.json']);
  });
});

describe('any number of steps', () => {
  it.each(['magnitude-l2', 'random'])('of %s ends at the widths of one step', async (criterion) => {
    const model = await openModel(goldenModelFolder('gqa'));
    await model.checkpoint.close();
    for (const [steps, ratio] of [
      [2, 0.25],
      [4, 0.6],
      [7, 0.9],
    ]) {
      const prune = { ...runSettings.prune, criterion, ratio, windows: all };
      const { folder } = await done({ ...runSettings, prune: { ...prune, steps } });
      for (let step = 1; step <= steps; step++) {
        const plan = await planIn(folder, 'steps', String(step));
        const due = plannedShape(model, { ratio: (step / steps) * ratio, windows: all }).layers;
        expect(shapesOf(plan), `${step} of ${steps}`).toEqual(due);
      }
    }
  });

  it('of weights alone keep what one step keeps, in the same bytes', async () => {
    // By element and of its own rows or columns alone, a channel's score does not change with its neighbours.
    const prune = { ...runSettings.prune, criterion: 'magnitude-l1', windows: all };
    const once = await done({ ...runSettings, prune });
    const often = await done({ ...runSettings, prune: { ...prune, steps: 3 } });
    expect(await planIn(often.folder)).toEqual(await planIn(once.folder));
    expect(hashesBelow(path.join(often.folder, 'model'))).toEqual(
      hashesBelow(path.join(once.folder, 'model')),
    );
  });

  it('repeat: the same bytes', async () => {
    const prune = { ...runSettings.prune, criterion: 'random', windows: all, steps: 3 };
    const [first, second] = [await done({ ...runSettings, prune }), await done({ ...runSettings, prune })];
    expect(hashesBelow(second.folder)).toEqual(hashesBelow(first.folder));
    // Each step draws anew.
    const scores = ['scores', 'steps/2/scores'].map((part) =>
      readFile(path.join(first.folder, part, 'layer-000.json'), 'utf8'),
    );
    const [one, two] = (await Promise.all(scores)).map(
      (text) => (JSON.parse(text) as { channels: number[] }).channels,
    );
    expect(two.slice(0, 5)).not.toEqual(one.slice(0, 5));
  });
});

import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { keptLayers, shapesOf, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import { run, type RunReport, type RunSettings } from '../../../main/engine/run.ts';
import { describeModel } from '../../../main/engine/runtime/model.ts';
import type { Network } from '../../../main/engine/runtime/network.ts';
import { hashesBelow } from '../../fixtures/folder-hashes.ts';
import { goldenForward, goldenModelFolder, goldenTensors } from '../../fixtures/golden-files.ts';
import { openNetwork } from '../../fixtures/open-network.ts';
import { randomRows, writeRandomModel, writeRows } from '../../fixtures/random-model.ts';
import { runSettings } from '../../fixtures/run-settings.ts';
import { packBatches, type Batch } from '../../../main/engine/runtime/batch.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

const all = { attention: [0, 4], mlp: [0, 4] } as const;

async function done(
  prune: Partial<RunSettings['prune']>,
  rows: readonly (readonly number[])[] = randomRows(6, 16),
  model = goldenModelFolder('gqa'),
): Promise<{ folder: string; report: RunReport; plan: PrunePlan }> {
  const folder = path.join(temporaryFolder(), 'run');
  await mkdir(folder);
  const source = await writeRows(path.join(temporaryFolder(), 'rows.jsonl'), rows);
  const nothing = (): void => undefined;
  const report = await run(
    {
      ...runSettings,
      model,
      prune: { ...runSettings.prune, windows: all, ...prune },
      calibration: { ...runSettings.calibration, source, samples: 3 },
    },
    folder,
    { stage: nothing, progress: nothing, metric: nothing, training: nothing },
    new AbortController().signal,
  );
  const plan = JSON.parse(await readFile(path.join(folder, 'plan.json'), 'utf8')) as PrunePlan;
  return { folder, report, plan };
}

async function logits(network: Network, layers: readonly number[], batch: Batch): Promise<number[]> {
  let x = await network.embed(batch);
  for (const layer of layers) {
    x = await network.forwardLayer(layer, await network.takeLayer(layer), x, batch);
  }
  return [...(await network.logits(x, batch)).data];
}

const gone = ({ layers }: PrunePlan): number[] => layers.flatMap((layer, i) => (layer === null ? [i] : []));

describe('layer mode', () => {
  it('drops the layers that the reference finds to change their input least', async () => {
    const { inputIds } = goldenForward('gqa');
    const tensors = goldenTensors('llama', 'gqa');
    const hidden = [0, 1, 2, 3, 4].map((at) => {
      const { dims = [], data = new Float32Array() } = tensors.get(`hidden.${at}`) ?? {};
      const width = dims[2];
      return Array.from({ length: data.length / width }, (_, row) => [
        ...data.subarray(row * width, (row + 1) * width),
      ]);
    });
    const dot = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, value, i) => sum + value * b[i], 0);
    const tokens = 3 * inputIds[0].length;
    const expected = [0, 1, 2, 3].map((layer) => {
      const cosines = hidden[layer].slice(0, tokens).map((before, row) => {
        const behind = hidden[layer + 1][row];
        return dot(before, behind) / Math.sqrt(dot(before, before) * dot(behind, behind));
      });
      return 1 - cosines.reduce((a, b) => a + b, 0) / tokens;
    });
    const { folder, plan } = await done({ mode: 'layer', drop: 'least-influence' }, inputIds.slice(0, 3));
    const found = await Promise.all(
      [0, 1, 2, 3].map(async (layer) => {
        const text = await readFile(path.join(folder, 'scores', `layer-00${layer}.json`), 'utf8');
        return (JSON.parse(text) as { influence: number }).influence;
      }),
    );
    found.forEach((influence, layer) => {
      expect(influence).toBeCloseTo(expected[layer], 5);
    });
    const least = [0, 1, 2, 3].sort((a, b) => expected[a] - expected[b]).slice(0, 2);
    expect(gone(plan)).toEqual(least.sort((a, b) => a - b));
  });

  it.each([
    ['the last ones', { drop: 'last' } as const, [2, 3]],
    [
      'others where the last is held',
      {
        drop: 'last',
        edits: {
          exclude: { attention: [3], mlp: [] },
          ratios: { attention: {}, mlp: {} },
          keep: { heads: {} },
        },
      } as const,
      [1, 2],
    ],
  ])('is the model without those layers: %s', async (_what, choice, dropped) => {
    const { folder, report, plan } = await done({ mode: 'layer', ...choice });
    expect(gone(plan)).toEqual(dropped);
    expect(report).toMatchObject({ droppedLayers: dropped, selection: { mode: 'layer', drop: 'last' } });
    const stay = [0, 1, 2, 3].filter((layer) => !dropped.includes(layer));
    const { config } = await describeModel(path.join(folder, 'model'));
    expect(config.layers).toHaveLength(stay.length);
    expect(config.source.num_hidden_layers).toBe(stay.length);
    const [batch] = packBatches(randomRows(2, 12), 64);
    const original = await openNetwork(goldenModelFolder('gqa'));
    const written = await openNetwork(path.join(folder, 'model'));
    const expected = await logits(original, stay, batch);
    expect(await logits(written, [0, 1], batch)).toEqual(expected);
  });

  it('cuts the lists of a config that has an entry a layer, widths among them', async () => {
    const model = path.join(temporaryFolder(), 'model');
    await writeRandomModel(model, {
      layer_types: ['a', 'b', 'c', 'd'],
      intermediate_size_per_layer: [48, 40, 32, 24],
    });
    const edits = {
      exclude: { attention: [2], mlp: [] },
      ratios: { attention: {}, mlp: {} },
      keep: { heads: {} },
    };
    const { folder } = await done({ mode: 'layer', drop: 'last', edits }, undefined, model);
    const text = await readFile(path.join(folder, 'model', 'config.json'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({
      num_hidden_layers: 2,
      layer_types: ['a', 'c'],
      intermediate_size_per_layer: [48, 32],
    });
  });
});

describe.each([
  ['global', { scope: 'global', ratio: 0.4 }],
  ['global, as published', { scope: 'global-published', ratio: 0.4 }],
  ['a target', { target: { percent: 60 } }],
  ['a target over all layers, rounded', { target: { percent: 60 }, scope: 'global', round: 8 }],
  ['uniform', { uniform: true, round: 8 }],
] satisfies [string, Partial<RunSettings['prune']>][])('%s', (_what, choice) => {
  it.each(['taylor-element1', 'random'])(
    'by %s is what the plan says, in one step and in three, and the same again',
    async (criterion) => {
      for (const steps of [undefined, 3]) {
        const prune = { ...choice, criterion, ...(steps && { steps }) };
        const first = await done(prune);
        const { config } = await describeModel(path.join(first.folder, 'model'));
        expect(config.layers).toEqual(shapesOf(first.plan));
        expect(first.report.after.parameters).toBeLessThan(first.report.before.parameters);
        if ('target' in choice) {
          const goal = Math.floor(0.6 * first.report.before.parameters);
          // The dearest unit: a KV head with its two query heads, or eight channels.
          const unit = Math.max(6 * 6 * 48, 8 * 3 * 48);
          expect(first.report.after.parameters).toBeLessThanOrEqual(goal);
          expect(first.report.after.parameters).toBeGreaterThan(goal - unit);
        }
        for (const { mlp } of keptLayers(first.plan)) {
          if ('round' in choice) expect(mlp.keptChannels.length % choice.round).toBe(0);
        }
        if (steps === undefined) continue;
        const again = await done(prune);
        expect(hashesBelow(again.folder)).toEqual(hashesBelow(first.folder));
      }
    },
  );
});

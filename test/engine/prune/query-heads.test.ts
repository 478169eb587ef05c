import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { layerGroups } from '../../../main/engine/prune/layer-groups.ts';
import { keptLayers, modelCosts, shapeLeftBy, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import { plannedWidths, shapeOfWidths } from '../../../main/engine/prune/planned-widths.ts';
import { selectStructures } from '../../../main/engine/prune/select-structures.ts';
import { structureCosts } from '../../../main/engine/prune/structure-costs.ts';
import type { Selection } from '../../../main/engine/prune/structures.ts';
import { run } from '../../../main/engine/run.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { openModel, type Model } from '../../../main/engine/runtime/model.ts';
import { Network } from '../../../main/engine/runtime/network.ts';
import { openWeightStore } from '../../../main/engine/runtime/residency.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimated } from '../../fixtures/estimating.ts';
import {
  goldenFamily,
  goldenModelFolder,
  goldenQueryHeadNames,
  goldenQueryHeads,
  type AggregationName,
} from '../../fixtures/golden-files.ts';
import { masked } from '../../fixtures/masked-checkpoint.ts';
import { openNetwork, session } from '../../fixtures/open-network.ts';
import { writePruned } from '../../fixtures/pruned-folder.ts';
import { runSettings } from '../../fixtures/run-settings.ts';
import { logitsOf } from '../../fixtures/whole-network.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

/** Of a layer's largest score; a pick that turns on less than this of a score may fall either way. */
const tolerance = { scores: 1e-4, gap: 1e-4, sliced: 2e-5 };

const criteria = {
  vector: 'taylor-vector',
  element1: 'taylor-element1',
  l1: 'magnitude-l1',
  l2: 'magnitude-l2',
} as const;

const selectionOf = ({ config }: Model, further: Partial<Selection> = {}): Selection => {
  const all = [0, config.layers.length] as const;
  return { ratio: 0.5, windows: { attention: all, mlp: all }, unit: 'query-head', ...further };
};

/** Every KV head stays, each with equally many query heads. */
function expectEven({ config }: Pick<Model, 'config'>, plan: PrunePlan): void {
  keptLayers(plan).forEach(({ attention }, layer) => {
    const { heads, kvHeads } = config.layers[layer];
    expect(attention.keptKvHeads).toEqual(Array.from({ length: kvHeads }, (_, kv) => kv));
    const perKvHead = attention.keptKvHeads.map(
      (kv) => attention.keptHeads.filter((head) => Math.floor((head * kvHeads) / heads) === kv).length,
    );
    expect(new Set(perKvHead).size).toBe(1);
    expect(perKvHead[0]).toBeGreaterThan(0);
  });
}

describe.each(goldenQueryHeadNames)('%s, by query heads', (name) => {
  const { folder, inputIds } = goldenFamily(name);
  const golden = goldenQueryHeads(name);

  it('scores each by its own rows and columns, and keeps the golden ones of every KV head', async () => {
    const network = await openNetwork(folder);
    const { family, config } = network.model;
    const costs = structureCosts(family, config, () => 4);
    const selection = selectionOf(network.model, { ratio: golden.ratio });
    for (const [short, criterion] of Object.entries(criteria) as [keyof typeof criteria, string][]) {
      for (const aggregation of Object.keys(golden.scores[short]) as AggregationName[]) {
        const { scores } = await estimated(network, {
          criterion,
          aggregation,
          rows: inputIds,
          unit: 'query-head',
        });
        const plan = selectStructures({ config, costs, selection, share: 1, scores, before: null });
        expectEven(network.model, plan);
        golden.scores[short][aggregation].forEach(({ heads, keptHeads, gap }, layer) => {
          const at = `${criterion}, ${aggregation}, layer ${layer}`;
          expect(worstOfLargest(scores.get(layer)?.heads ?? [], heads), at).toBeLessThan(tolerance.scores);
          if (gap > tolerance.gap) expect(keptLayers(plan)[layer].attention.keptHeads, at).toEqual(keptHeads);
        });
      }
    }
  }, 60_000);

  it('is the masked model once it is sliced, of exactly the planned size, with all KV heads', async () => {
    const { model } = await openNetwork(folder);
    const { family, config } = model;
    const costs = structureCosts(family, config, () => 4);
    const { scores } = await estimated(await openNetwork(folder), {
      criterion: 'magnitude-l1',
      unit: 'query-head',
    });
    const selection = selectionOf(model);
    const plan = selectStructures({ config, costs, selection, share: 1, scores, before: null });
    const planned = shapeOfWidths(plannedWidths(config, costs, selection));
    expect(shapeLeftBy(plan, config).layers).toEqual(planned.layers);
    const pruned = await openNetwork(await writePruned(model, plan));
    expect(pruned.model.config.layers).toEqual(
      config.layers.map(({ heads, kvHeads, mlpWidth }) => ({
        heads: heads - Math.floor(heads / kvHeads / 2) * kvHeads,
        kvHeads,
        mlpWidth: mlpWidth / 2,
      })),
    );
    const written = [...pruned.model.checkpoint.tensors.values()]
      .map(({ shape }) => shape.reduce((a, b) => a * b, 1))
      .reduce((a, b) => a + b, 0);
    expect(written).toBe(modelCosts(family, config, planned, () => 4).parameters);
    const reference = new Network(model, openWeightStore(masked(model, plan), 'stream'), session);
    const [batch] = packBatches(inputIds, Infinity);
    const expected = await logitsOf(reference, batch);
    await reference.release();
    expect(worstOfLargest(await logitsOf(pruned, batch), expected)).toBeLessThan(tolerance.sliced);
  });
});

describe('a run by query heads', () => {
  const done = async (prune: Partial<typeof runSettings.prune>, model: string): Promise<PrunePlan> => {
    const folder = path.join(temporaryFolder(), 'run');
    await mkdir(folder);
    const settings = { ...runSettings, model, prune: { ...runSettings.prune, ...prune } };
    const listener = {
      stage: () => undefined,
      progress: () => undefined,
      metric: () => undefined,
      training: () => undefined,
    };
    await run(settings, folder, listener, new AbortController().signal);
    const reopened = await openModel(path.join(folder, 'model'));
    await reopened.checkpoint.close();
    const plan = JSON.parse(await readFile(path.join(folder, 'plan.json'), 'utf8')) as PrunePlan;
    expect(reopened.config.layers).toEqual(shapeLeftBy(plan, reopened.config).layers);
    return plan;
  };
  const { folder } = goldenFamily('chatglm2');
  const windows = { attention: [0, 3], mlp: [0, 3] } as const;

  it.each<[string, Partial<typeof runSettings.prune>]>([
    ['in steps', { steps: 3, ratio: 0.75 }],
    ['ranked together', { scope: 'global', ratio: 0.5 }],
    ['ranked together as published', { scope: 'global-published', ratio: 0.95 }],
    ['with the same widths everywhere', { uniform: true, ratio: 0.5 }],
    ['by criteria that are drawn', { criterion: 'random', ratio: 0.5 }],
    [
      'with layers of their own',
      {
        edits: {
          exclude: { attention: [0], mlp: [] },
          ratios: { attention: { 1: 0.75 }, mlp: {} },
          keep: { heads: {} },
        },
      },
    ],
  ])('%s keeps every KV head, each with equally many query heads', async (_, prune) => {
    const { config, checkpoint } = await openModel(folder);
    await checkpoint.close();
    const plan = await done({ windows, unit: 'query-head', ...prune }, folder);
    expectEven({ config }, plan);
    const left = keptLayers(plan).map(({ attention }) => attention.keptHeads.length);
    expect(Math.min(...left)).toBeLessThan(8);
    if (prune.edits) expect(left).toEqual([8, 2, 4]);
    if (prune.steps) expect(left).toEqual([2, 2, 2]);
    if (prune.uniform) expect(left).toEqual([4, 4, 4]);
  });

  it('in steps of weights alone keeps what one step keeps', async () => {
    const prune = { criterion: 'magnitude-l1', windows, unit: 'query-head', ratio: 0.75 } as const;
    expect(await done({ ...prune, steps: 3 }, folder)).toEqual(await done(prune, folder));
  });

  it('meets a target as nearly as single units can', async () => {
    const model = await openModel(folder);
    await model.checkpoint.close();
    const { family, config } = model;
    const costs = structureCosts(family, config, () => 4);
    for (const percent of [95, 80, 70]) {
      const shape = shapeOfWidths(plannedWidths(config, costs, selectionOf(model, { target: { percent } })));
      const { parameters } = modelCosts(family, config, shape, () => 4);
      const most = Math.floor((costs.total.parameters * percent) / 100);
      expect(parameters).toBeLessThanOrEqual(most);
      expect(most - parameters).toBeLessThan(costs.layers[0].mlp.parameters);
    }
  });

  it('takes heads whole where each has keys of its own', async () => {
    const mha = goldenModelFolder('mha');
    expect(await done({ unit: 'query-head' }, mha)).toEqual(await done({}, mha));
  });
});

it('goes with its rows of fused queries and the columns that read it, and with no keys or values', async () => {
  const { family, config, checkpoint } = await openModel(goldenFamily('chatglm2').folder);
  await checkpoint.close();
  const { group, scored } = layerGroups(family, config, config.layers[0], 'query-head').attention;
  const indicesOf = (unitOf: Int32Array): number[] =>
    [...unitOf].flatMap((head, i) => (head === 5 ? [i] : []));
  const eight = [40, 41, 42, 43, 44, 45, 46, 47];
  expect(group.members.map(({ param, dim, unitOf }) => [param, dim, indicesOf(unitOf)])).toEqual([
    ['self_attention.query_key_value.weight', 0, eight],
    ['self_attention.query_key_value.bias', 0, eight],
    ['self_attention.dense.weight', 1, eight],
  ]);
  expect(scored.map(({ param }) => param)).toEqual([
    'self_attention.query_key_value.weight',
    'self_attention.dense.weight',
  ]);
});

import { describe, expect, it } from 'vitest';
import { keptLayers, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { Network } from '../../../main/engine/runtime/network.ts';
import { openWeightStore } from '../../../main/engine/runtime/residency.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimated } from '../../fixtures/estimating.ts';
import { goldenFamily, goldenFamilyScores, scoredFamilyNames } from '../../fixtures/golden-files.ts';
import { everywhere, selected } from '../../fixtures/local-selection.ts';
import { masked } from '../../fixtures/masked-checkpoint.ts';
import { openNetwork, session } from '../../fixtures/open-network.ts';
import { layerPlan, writePruned } from '../../fixtures/pruned-folder.ts';
import { logitsOf } from '../../fixtures/whole-network.ts';

/** Of a layer's largest score; a pick that turns on less than this of a score may fall either way. */
const tolerance = { scores: 1e-4, gap: 1e-4, sliced: 2e-5 };

const criteria = {
  vector: 'taylor-vector',
  element1: 'taylor-element1',
  l1: 'magnitude-l1',
  l2: 'magnitude-l2',
} as const;
const aggregations = ['sum', 'max', 'first', 'second', 'last'] as const;

describe.each(scoredFamilyNames)('%s, scored by the published formulas on separate weights', (name) => {
  const { folder, inputIds } = goldenFamily(name);
  const { ratio, scores: golden } = goldenFamilyScores(name);

  it.each(aggregations)('%s: scores, and what they leave', async (aggregation) => {
    const network = await openNetwork(folder);
    const { model } = network;
    const windows = everywhere(model.config);
    for (const [short, criterion] of Object.entries(criteria) as [keyof typeof criteria, string][]) {
      const { scores } = await estimated(network, { criterion, aggregation, rows: inputIds });
      const plan = selected(model, { ratio, windows }, scores);
      golden[short][aggregation].forEach((expected, layer) => {
        const found = scores.get(layer);
        expect(worstOfLargest(found?.heads ?? [], expected.heads)).toBeLessThan(tolerance.scores);
        expect(worstOfLargest(found?.channels ?? [], expected.channels)).toBeLessThan(tolerance.scores);
        const { attention, mlp } = keptLayers(plan)[layer];
        if ((expected.gapHeads ?? 1) > tolerance.gap) {
          expect(attention.keptKvHeads).toEqual(expected.keptKvHeads);
          expect(attention.keptHeads).toEqual(expected.keptHeads);
        }
        if ((expected.gapChannels ?? 1) > tolerance.gap)
          expect(mlp.keptChannels).toEqual(expected.keptChannels);
      });
    }
  });

  it('loses the golden heads and channels, and is then its masked self', async () => {
    const { model } = await openNetwork(folder);
    const plan: PrunePlan = {
      layers: golden.vector.sum.map(({ keptKvHeads, keptChannels }, layer) =>
        layerPlan(model.config.layers[layer], keptKvHeads, keptChannels),
      ),
    };
    expect(plan.layers[0]?.attention.keptHeads.length).toBeLessThan(model.config.layers[0].heads);
    const reference = new Network(model, openWeightStore(masked(model, plan), 'stream'), session);
    const pruned = await openNetwork(await writePruned(model, plan));
    const [batch] = packBatches(inputIds, Infinity);
    const expected = await logitsOf(reference, batch);
    await reference.release();
    expect(worstOfLargest(await logitsOf(pruned, batch), expected)).toBeLessThan(tolerance.sliced);
  });
});

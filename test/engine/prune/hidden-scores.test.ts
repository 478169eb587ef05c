import { describe, expect, it } from 'vitest';
import { prunedShape, selectHidden } from '../../../main/engine/prune/plan.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimatedHidden } from '../../fixtures/estimating.ts';
import {
  goldenChannel,
  goldenChannelNames,
  goldenForward,
  goldenModelFolder,
  type AggregationName,
} from '../../fixtures/golden-files.ts';
import { openNetwork } from '../../fixtures/open-network.ts';
import { writePruned } from '../../fixtures/pruned-folder.ts';

const aggregations: readonly AggregationName[] = ['sum', 'mean', 'max', 'prod', 'first', 'second', 'last'];

/**
 * Largest difference of a score, relative to the largest: PyTorch's float32 gradients are as far off its float64
 * (golden/README.md).
 */
const criteria = [
  { id: 'taylor-vector', golden: 'vector', tolerance: 1e-4 },
  { id: 'taylor-element1', golden: 'element1', tolerance: 1e-4 },
  { id: 'taylor-element2', golden: 'element2', tolerance: 2e-4 },
  { id: 'taylor-mixed', golden: 'mix', tolerance: 2e-4 },
  { id: 'magnitude-l1', golden: 'l1', tolerance: 1e-6 },
  { id: 'magnitude-l2', golden: 'l2', tolerance: 1e-6 },
] as const;

const taylors = criteria.slice(0, 4).map(({ id }) => id);

describe.each(goldenChannelNames)('%s', (name) => {
  const golden = goldenChannel(name);

  it.each(criteria)('$id: scores and picks of every aggregation', async ({ id, golden: key, tolerance }) => {
    const network = await openNetwork(goldenModelFolder(golden.model));
    const { config } = network.model;
    for (const aggregation of aggregations) {
      const found = await estimatedHidden(network, { criterion: id, aggregation, rows: golden.inputIds });
      const worst = worstOfLargest(found.scores, golden.scores[key][aggregation]);
      // A product multiplies the errors of all members.
      expect(worst, aggregation).toBeLessThan(aggregation === 'prod' ? 3 * tolerance : tolerance);
      for (const [ratio, { kept, gap }] of Object.entries(golden.picks[key][aggregation])) {
        const windows = { attention: [0, 0], mlp: [0, 0] } as const;
        const { hiddenSize } = prunedShape(config, { mode: 'channel', ratio: Number(ratio), windows });
        const { hidden } = selectHidden(config, hiddenSize, found.scores);
        if (gap > tolerance) expect(hidden, `${aggregation} at ${ratio}`).toEqual(kept);
        else expect(hidden).toHaveLength(kept.length);
      }
      if (id.startsWith('taylor'))
        expect(Math.abs((found.calibrationLoss ?? NaN) - golden.loss)).toBeLessThan(3e-6);
      else expect(found.calibrationLoss).toBeUndefined();
    }
  });

  it('what is left has the loss and the logits of the model that PyTorch cut', async () => {
    const { model } = await openNetwork(goldenModelFolder(golden.model));
    const { hidden, loss, logits } = golden.pruned;
    const plan = {
      ...selectHidden(model.config, hidden.length, new Array<number>(model.config.hiddenSize).fill(0)),
      hidden,
    };
    const pruned = await openNetwork(await writePruned(model, plan));
    const estimate = await estimatedHidden(pruned, {
      criterion: 'taylor-vector',
      aggregation: 'first',
      rows: golden.inputIds,
    });
    expect(Math.abs((estimate.calibrationLoss ?? NaN) - loss)).toBeLessThan(3e-6);
    const [batch] = packBatches(golden.inputIds.slice(0, 1), 100);
    let x = await pruned.embed(batch);
    for (let layer = 0; layer < pruned.layerCount; layer++)
      x = await pruned.forwardLayer(layer, await pruned.takeLayer(layer), x, batch);
    expect(worstOfLargest((await pruned.logits(x, batch)).data, logits.flat())).toBeLessThan(2e-5);
  });
});

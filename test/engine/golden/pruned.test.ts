import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { measurePerplexity } from '../../../main/engine/evaluate/perplexity.ts';
import { modelCosts, shapeLeftBy, type PrunePlan } from '../../../main/engine/prune/plan.ts';
import { packBatches, predictedTokens, sumOfPredicted } from '../../../main/engine/runtime/batch.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { estimated } from '../../fixtures/estimating.ts';
import {
  goldenForward,
  goldenModelFolder,
  goldenPruned,
  goldenTensors,
} from '../../fixtures/golden-files.ts';
import { selected } from '../../fixtures/local-selection.ts';
import { openNetwork, unhurried } from '../../fixtures/open-network.ts';
import { layerPlan, wholePlan, writePruned } from '../../fixtures/pruned-folder.ts';
import { temporaryFolder } from '../checkpoint/temporary-folder.ts';

/**
 * Of the largest logit; of a perplexity, relative; of a loss of about 6, absolute. On these rows PyTorch's float32
 * logits are up to 8e-6 off its float64, and the engine's up to 1e-5.
 */
const tolerance = { logits: 3e-5, perplexity: 1e-5, loss: 3e-6 };

describe.each(['mha', 'gqa'])('%s pruned as PyTorch pruned it', (name) => {
  const golden = goldenPruned(name);
  const goldenLogits = goldenTensors('pruned', name);

  it.each(golden.cases)('layers $layers: plan, size, logits, loss and perplexity', async (pruned) => {
    const [from, to] = pruned.layers;
    const original = await openNetwork(goldenModelFolder(name));
    const { family, config } = original.model;
    const windows = { attention: [from, to], mlp: [from, to] } as const;
    const { scores } = await estimated(original, {
      criterion: 'taylor-element1',
      rows: golden.inputIds,
      windows,
    });
    const plan = selected(original.model, { ratio: 0.25, windows }, scores);
    const expected: PrunePlan = {
      layers: wholePlan(config).layers.map((whole, layer) => {
        const kept = pruned.plan[layer];
        return kept ? layerPlan(config.layers[layer], kept.keptKvHeads, kept.keptChannels) : whole;
      }),
    };
    expect(plan).toEqual(expected);
    expect(modelCosts(family, config, shapeLeftBy(plan, config), () => 4).parameters).toBe(pruned.parameters);

    const network = await openNetwork(await writePruned(original.model, plan));
    const [batch] = packBatches(golden.inputIds, 2 ** 20);
    let x = await network.embed(batch);
    for (let layer = 0; layer < network.layerCount; layer++) {
      x = await network.forwardLayer(layer, await network.takeLayer(layer), x, batch);
    }
    const logits = await network.logits(x, batch);
    const expectedLogits = goldenLogits.get(`logits.${from}-${to}`);
    expect(logits.dims).toEqual(expectedLogits?.dims);
    expect(worstOfLargest(logits.data, expectedLogits?.data ?? [])).toBeLessThan(tolerance.logits);
    const loss = sumOfPredicted(await network.losses(x, batch), batch) / predictedTokens(batch);
    expect(Math.abs(loss - pruned.loss)).toBeLessThan(tolerance.loss);

    const { tokens } = goldenForward(name).perplexity;
    for (const [seqLen, published] of Object.entries(pruned.perplexityByChunk)) {
      const { perplexity } = await measurePerplexity(network, tokens, Number(seqLen), {
        memory: { budgetBytes: 2 ** 26, residency: 'ram', batchTokens: 512, activationBytes: 2 ** 24 },
        scratchPath: path.join(temporaryFolder(), 'scratch'),
        pace: unhurried,
      });
      expect(Math.abs(perplexity / published - 1), `chunks of ${seqLen}`).toBeLessThan(tolerance.perplexity);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { rawMatrixRate } from '../../../main/engine/recover/raw-rate.ts';
import { TrainingCost } from '../../../main/engine/recover/training-cost.ts';
import { TrainingSpeed } from '../../../main/engine/recover/training-speed.ts';
import { describeModel } from '../../../main/engine/runtime/model.ts';
import { goldenModelFolder } from '../../fixtures/golden-files.ts';

const adaptation = { rank: 4, alpha: 8, targets: ['q_proj', 'down_proj'], masked: false };

describe('what a training step needs', () => {
  it('is counted by hand: frozen weights twice, adapters and attention three times', async () => {
    const model = await describeModel(goldenModelFolder('gqa'));
    const { hiddenSize, headDim, vocabSize, layers } = model.config;
    const length = 12;
    const byHand = layers.reduce(
      (total, { heads, kvHeads, mlpWidth }) => {
        const [queries, keys] = [heads * headDim, kvHeads * headDim];
        const frozen = hiddenSize * (2 * queries + 2 * keys + 3 * mlpWidth);
        const adapters = 4 * (hiddenSize + queries + mlpWidth + hiddenSize);
        const attention = heads * (2 * length ** 2 * headDim + length ** 2);
        return total + 2 * (length * (2 * frozen + 3 * adapters) + 3 * attention);
      },
      4 * length * hiddenSize * vocabSize,
    );
    expect(new TrainingCost(model, adaptation).flopsOfRow(length)).toBe(byHand);
  });

  it('gives the pace that the raw rate would allow', async () => {
    const cost = new TrainingCost(await describeModel(goldenModelFolder('gqa')), adaptation);
    const speed = new TrainingSpeed(cost, 2 * cost.flopsOfRow(8));
    expect(speed.summary()).toBeNull();
    speed.add({ lengths: [8], seconds: 2 });
    speed.add({ lengths: [8, 8], seconds: 1 });
    expect(speed.summary()).toEqual({
      tokensPerSecond: 8,
      tokensPerSecondAtRawRate: 16,
      rawFlopsPerSecond: 2 * cost.flopsOfRow(8),
    });
  });

  it('is measured beside plain products of the model’s shapes', async () => {
    const model = await describeModel(goldenModelFolder('gqa'));
    expect(await rawMatrixRate(model, 64, { threads: 1 })).toBeGreaterThan(1e7);
  });
});

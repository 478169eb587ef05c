import { describe, expect, it, onTestFinished } from 'vitest';
import { FullTraining, type TrainingStep } from '../../../main/engine/recover/full-training.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { bitsOf } from '../../fixtures/closeness.ts';
import { picoModel } from '../../fixtures/pico-config.ts';
import { rejection } from '../checkpoint/rejection.ts';

const options = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, maxGradientNorm: 1, threads: 1 };

/** Four rows of eight of the eleven tokens. */
const rows = [3, 5, 7, 9].map((stride) => Array.from({ length: 8 }, (_, i) => (i * stride + stride) % 11));
const [batch] = packBatches(rows, 1000);

async function start(seed: number, changes: Record<string, unknown> = {}): Promise<FullTraining> {
  const { family, config } = picoModel(changes);
  const training = await FullTraining.start(family, config, { ...options, seed });
  onTestFinished(() => training.release());
  return training;
}

async function train(training: FullTraining, steps: number): Promise<TrainingStep[]> {
  const taken: TrainingStep[] = [];
  for (let step = 0; step < steps; step++) taken.push(await training.train(batch, 0.01));
  return taken;
}

describe('training every weight', () => {
  it.each([{}, { num_key_value_heads: 2, tie_word_embeddings: true }])('learns a batch by heart: %o', async (changes) => {
    const steps = await train(await start(1, changes), 80);
    const losses = steps.map(({ loss }) => loss);
    // Small random weights tell nothing: the loss of a guess among 11 tokens.
    expect(losses[0]).toBeCloseTo(Math.log(11), 1);
    expect(losses[20]).toBeLessThan(0.8 * losses[0]);
    expect(losses[79]).toBeLessThan(0.2 * losses[0]);
    for (const { gradientNorm } of steps) expect(gradientNorm).toBeGreaterThan(0);
  });

  it('is the same to the last bit for one seed, and another for another', async () => {
    const [first, second, other] = [await start(4), await start(4), await start(5)];
    const taken = await train(first, 5);
    expect(await train(second, 5)).toEqual(taken);
    expect(await train(other, 5)).not.toEqual(taken);
    second.parameters.forEach(({ name, values }, i) => {
      expect(bitsOf(values), name).toEqual(bitsOf(first.parameters[i].values));
    });
  });

  it('starts from ones in norms, and from small normal weights, smaller where they add to the residual', async () => {
    const { parameters } = await start(2, { hidden_size: 64, intermediate_size: 128, vocab_size: 300 });
    for (const { name, values, shape, decays } of parameters) {
      expect(shape.reduce((a, b) => a * b, 1)).toBe(values.length);
      expect(decays, name).toBe(shape.length === 2);
      if (shape.length === 1) {
        expect(new Set(values), name).toEqual(new Set([1]));
        continue;
      }
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      const expected = /o_proj|down_proj/.test(name) ? 0.02 / Math.sqrt(2 * 2) : 0.02;
      // Five standard errors of a deviation over at least 4096 values.
      expect(Math.abs(deviation / expected - 1), name).toBeLessThan(5 / Math.sqrt(2 * 4096));
    }
  });

  it('refuses a model too large to train in one piece, before it takes memory for it', async () => {
    const error = await rejection(start(1, { hidden_size: 2 ** 27, vocab_size: 2 ** 27 }));
    expect(error.code).toBe('limit-exceeded');
    expect(error.message).toContain('takes at most 50000000 parameters');
  });
});

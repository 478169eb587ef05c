import { describe, expect, it, onTestFinished } from 'vitest';
import { FullTraining, type TrainingStep } from '../../../main/engine/recover/full-training.ts';
import { packBatches } from '../../../main/engine/runtime/batch.ts';
import { bitsOf, worstOfLargest } from '../../fixtures/closeness.ts';
import { goldenForward, goldenModelFolder, goldenTensors } from '../../fixtures/golden-files.ts';
import { openNetwork } from '../../fixtures/open-network.ts';
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
  it.each([{}, { num_key_value_heads: 2, tie_word_embeddings: true }])(
    'learns a batch by heart: %o',
    async (changes) => {
      const steps = await train(await start(1, changes), 80);
      const losses = steps.map(({ loss }) => loss);
      // Small random weights tell nothing: the loss of a guess among 11 tokens.
      expect(losses[0]).toBeCloseTo(Math.log(11), 1);
      expect(losses[20]).toBeLessThan(0.8 * losses[0]);
      expect(losses[79]).toBeLessThan(0.2 * losses[0]);
      for (const { gradientNorm } of steps) expect(gradientNorm).toBeGreaterThan(0);
    },
  );

  it('is the same to the last bit for one seed, and another for another', async () => {
    const [first, second, other] = [await start(4), await start(4), await start(5)];
    const taken = await train(first, 5);
    expect(await train(second, 5)).toEqual(taken);
    expect(await train(other, 5)).not.toEqual(taken);
    second.parameters.forEach(({ name, values }, i) => {
      expect(bitsOf(values), name).toEqual(bitsOf(first.parameters[i].values));
    });
  });

  it('takes AdamW’s steps along the clipped gradient that PyTorch found', async () => {
    const { model } = await openNetwork(goldenModelFolder('mha'));
    const golden = goldenForward('mha');
    const gradients = goldenTensors('llama', 'mha');
    // So large an eps keeps the step smooth where a gradient is almost 0.
    const settings = { ...options, eps: 0.01, seed: 1 };
    const training = await FullTraining.start(model.family, model.config, settings);
    onTestFinished(() => training.release());
    const before = new Map<string, Float32Array>();
    for (const { name, values } of training.parameters) {
      values.set(await model.checkpoint.read(name));
      before.set(name, values.slice());
    }
    const [whole] = packBatches(golden.inputIds, 2 ** 20);
    const gradientOf = (name: string): Float32Array =>
      gradients.get(`grad.${name}`)?.data ?? new Float32Array();
    const squares = training.parameters.flatMap(({ name }) => [...gradientOf(name)].map((g) => g * g));
    const norm = Math.sqrt(squares.reduce((a, b) => a + b, 0));

    // A first step of rate 0 moves nothing but the moments; of two equal gradients they are, corrected, the gradient.
    for (const rate of [0, 0.01]) {
      const { loss, gradientNorm } = await training.train(whole, rate);
      expect(Math.abs(loss - golden.loss)).toBeLessThan(3e-6);
      expect(Math.abs(gradientNorm / norm - 1)).toBeLessThan(1e-5);
    }
    for (const { name, values, decays } of training.parameters) {
      const moved = values.map((value, i) => value - (before.get(name)?.[i] ?? NaN));
      const expected = [...gradientOf(name)].map((gradient, i) => {
        const clipped = gradient / (norm + 1e-6);
        const decayed = decays ? 0.01 * 0.1 * (before.get(name)?.[i] ?? NaN) : 0;
        return -decayed - (0.01 * clipped) / (Math.abs(clipped) + 0.01);
      });
      expect(worstOfLargest(moved, expected), name).toBeLessThan(1e-4);
    }
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
    const error = await rejection(start(1, { vocab_size: 2 ** 27 }));
    expect(error.code).toBe('limit-exceeded');
    expect(error.message).toContain('takes at most 50000000 parameters');
  });
});

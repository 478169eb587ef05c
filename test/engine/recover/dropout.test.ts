import { describe, expect, it } from 'vitest';
import { adapterShapes, type AdapterMatrix } from '../../../main/engine/recover/adapter.ts';
import { adapterGradients, type StepGradient } from '../../../main/engine/recover/adapter-gradients.ts';
import { fillDropoutMask, RandomStream } from '../../../main/engine/tensor/random.ts';
import {
  adaptedNetwork,
  examplesOf,
  llamaTargets,
  openedModel,
  passOptions,
} from '../../fixtures/adapted-network.ts';
import { goldenLora, goldenModelFolder } from '../../fixtures/golden-files.ts';

const adaptation = { rank: 3, alpha: 6, targets: llamaTargets, masked: true };
const examples = examplesOf(goldenLora('gqa').gradients.rows);

/** A random adapter of `gqa`, and its loss and gradient under the masks of one step. */
async function underMasks(): Promise<{
  adapter: readonly AdapterMatrix[];
  at: (step: number, microBatch?: number) => Promise<StepGradient>;
}> {
  const model = await openedModel(goldenModelFolder('gqa'));
  const adapter = adapterShapes(model, adaptation).map(({ name, shape }, i) => {
    const random = new RandomStream(3, 'adapter', i);
    const values = Float32Array.from({ length: shape[0] * shape[1] }, () => 0.15 * random.normal());
    return { name, shape, values };
  });
  const network = adaptedNetwork(model, adaptation, adapter);
  const at = (step: number, microBatch = 4): Promise<StepGradient> =>
    adapterGradients(network, examples, { rate: 0.3, seed: 9, step }, passOptions({ microBatch }));
  return { adapter, at };
}

describe('with dropout', () => {
  it('the gradient is that of differences under the same masks, for A and for B', async () => {
    const { adapter, at } = await underMasks();
    const { gradients } = await at(7);
    for (const kind of ['lora_A', 'lora_B']) {
      const chosen = adapter.filter(({ name }) => name.includes(kind));
      const moved = (factor: number): void => {
        for (const { name, values } of chosen) {
          gradients.get(name)?.forEach((g, i) => {
            values[i] += factor * g;
          });
        }
      };
      const squares = chosen.reduce(
        (total, { name }) => total + (gradients.get(name)?.reduce((sum, g) => sum + g * g, 0) ?? NaN),
        0,
      );
      // Along the gradient the slope is its squared norm; the step moves the loss by some hundredths.
      const step = 0.02 / squares;
      moved(step);
      const above = (await at(7)).loss;
      moved(-2 * step);
      const below = (await at(7)).loss;
      moved(step);
      expect(Math.abs((above - below) / (2 * step) / squares - 1), kind).toBeLessThan(2e-3);
    }
  });

  it('masks are those of the step and its rows, however they are cut into micro-batches', async () => {
    const { at } = await underMasks();
    const [whole, cut, again, other] = [await at(7, 6), await at(7, 1), await at(7, 6), await at(8, 6)];
    expect(again.loss).toBe(whole.loss);
    expect(Math.abs(cut.loss / whole.loss - 1)).toBeLessThan(1e-6);
    expect(Math.abs(other.loss / whole.loss - 1)).toBeGreaterThan(1e-3);
  });
});

describe('a dropout mask', () => {
  const maskOf = (
    place: Partial<Parameters<typeof fillDropoutMask>[2]>,
    rate = 0.05,
    seed = 1,
  ): Float32Array => {
    const mask = new Float32Array(20_001);
    fillDropoutMask(mask, seed, { step: 0, row: 0, layer: 0, tensor: 0, ...place }, rate);
    return mask;
  };

  it.each([0.05, 0.5, 0.9])('drops at the rate %f and scales what it keeps', (rate) => {
    const mask = maskOf({}, rate);
    const dropped = mask.filter((value) => value === 0).length / mask.length;
    expect(Math.abs(dropped - rate)).toBeLessThan(0.015);
    expect(new Set(mask)).toEqual(new Set([0, Math.fround(1 / (1 - rate))]));
  });

  it('is another at every step, row, layer and tensor, and for another seed', () => {
    const places = [{}, { step: 1 }, { row: 1 }, { layer: 1 }, { tensor: 1 }, { layer: 256 }, { row: 256 }];
    const masks = [
      ...places.map((place) => maskOf(place)),
      maskOf({}, 0.05, 2),
      maskOf({}, 0.05, 1 + 2 ** 32),
    ];
    expect(new Set(masks.map((mask) => mask.join())).size).toBe(masks.length);
    expect(maskOf({ step: 1 })).toEqual(maskOf({ step: 1 }));
  });

  it('begins alike whatever its length: padding changes nothing', () => {
    const short = new Float32Array(13);
    fillDropoutMask(short, 1, { step: 0, row: 0, layer: 0, tensor: 0 }, 0.05);
    expect(short).toEqual(maskOf({}).subarray(0, 13));
  });
});

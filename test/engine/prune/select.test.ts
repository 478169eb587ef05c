import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRatio } from '../../../main/engine/prune/plan.ts';
import { keepHighest, removedUnits } from '../../../main/engine/prune/select.ts';
import { checkWindow, defaultWindow, inWindow } from '../../../main/engine/prune/windows.ts';
import { plannedShape, selected } from '../../fixtures/local-selection.ts';
import { picoModel } from '../../fixtures/pico-config.ts';

const headDim = 128;

describe('how many units go', () => {
  it.each([
    ['channels of LLaMA-7B at 0.25', 11008, 1, 0.25, 2752],
    ['heads of LLaMA-7B at 0.25', 32, headDim, 0.25, 8],
    ['channels of LLaMA-7B at 0.5', 11008, 1, 0.5, 5504],
    ['heads of LLaMA-7B at 0.5', 32, headDim, 0.5, 16],
    ['channels of LLaMA-7B at 0.6', 11008, 1, 0.6, 6605],
    ['heads of LLaMA-7B at 0.6', 32, headDim, 0.6, 19],
    ['channels of LLaMA-7B at 0.2', 11008, 1, 0.2, 2202],
    ['heads of LLaMA-7B at 0.2: 6, not 6.4', 32, headDim, 0.2, 6],
    ['channels of LLaMA-7B at 0.3: what stays is rounded down', 11008, 1, 0.3, 3303],
    ['channels of LLaMA-7B at 0.15', 11008, 1, 0.15, 1652],
    ['channels of Llama-3-8B at 0.25', 14336, 1, 0.25, 3584],
    ['KV heads of Llama-3-8B at 0.25', 8, headDim, 0.25, 2],
    ['channels of TinyLlama at 0.25', 5632, 1, 0.25, 1408],
    ['KV heads of TinyLlama at 0.25', 4, 64, 0.25, 1],
    ['two KV heads at 0.25: half a head is none', 2, 64, 0.25, 0],
    ['three KV heads at 0.25', 3, 64, 0.25, 0],
    ['heads of a model of 4 at 0.1', 4, 32, 0.1, 0],
    ['a ratio that asks for all heads but a fraction', 32, headDim, 0.999, 31],
    ['a ratio that asks for all channels but a fraction', 11008, 1, 0.9999999, 11007],
    ['the only KV head', 1, 64, 0.99, 0],
  ])('%s', (_what, total, unitSize, ratio, removed) => {
    expect(removedUnits(total, unitSize, ratio)).toBe(removed);
  });

  it('is never more than the ratio asks for, rounded up to a channel, and leaves one unit', () => {
    const ratios = fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20000 }),
        fc.integer({ min: 1, max: 256 }),
        ratios,
        (total, unitSize, ratio) => {
          const removed = removedUnits(total, unitSize, ratio);
          expect(Number.isInteger(removed)).toBe(true);
          expect(removed).toBeGreaterThanOrEqual(0);
          expect(removed).toBeLessThan(total);
          expect(removed * unitSize).toBeLessThanOrEqual(Math.ceil(total * unitSize * ratio + 1e-6));
          const most = Math.min(total - 1, Math.floor((total * unitSize * ratio) / unitSize - 1e-6));
          expect(removed).toBeGreaterThanOrEqual(most);
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });
});

describe('which units stay', () => {
  it('are those of the highest scores, ascending; of equal scores the lower index goes', () => {
    expect(keepHighest([0.3, 0.1, 0.2, 0.1], 0)).toEqual([0, 1, 2, 3]);
    expect(keepHighest([0.3, 0.1, 0.2, 0.1], 1)).toEqual([0, 2, 3]);
    expect(keepHighest([0.3, 0.1, 0.2, 0.1], 2)).toEqual([0, 2]);
    expect(keepHighest([10, 9, 100], 1)).toEqual([0, 2]);
    expect(keepHighest([-1, 0, -2], 2)).toEqual([1]);
  });

  it('score at least as much as every unit that goes', () => {
    const scores = fc.array(fc.double({ noNaN: true }), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(scores, fc.nat(), (values, seed) => {
        const kept = keepHighest(values, seed % values.length);
        expect(kept.length).toBe(values.length - (seed % values.length));
        expect(kept).toEqual([...kept].sort((a, b) => a - b));
        const gone = values.filter((_, i) => !kept.includes(i));
        expect(Math.min(...kept.map((i) => values[i]))).toBeGreaterThanOrEqual(Math.max(-Infinity, ...gone));
      }),
      { seed: 6, numRuns: 200 },
    );
  });
});

describe('a local plan', () => {
  const model = picoModel({ num_key_value_heads: 2, num_hidden_layers: 3 });
  const selection = { ratio: 0.5, windows: { attention: [1, 3], mlp: [0, 2] } } as const;
  const scores = new Map(
    [0, 1, 2].map((layer) => [
      layer,
      { layer, heads: layer === 1 ? [2, 1] : [1, 2], channels: [9, 8, 7, 6, 5, 4, 3, 2, 1, 10] },
    ]),
  );

  it('knows the widths before any score: windows apart, query heads with their KV head', () => {
    expect(plannedShape(model, selection).layers).toEqual([
      { heads: 4, kvHeads: 2, mlpWidth: 5 },
      { heads: 2, kvHeads: 1, mlpWidth: 5 },
      { heads: 2, kvHeads: 1, mlpWidth: 10 },
    ]);
  });

  it('keeps the highest, and all query heads of a KV head', () => {
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    expect(selected(model, selection, scores).layers).toEqual([
      { attention: { keptHeads: [0, 1, 2, 3], keptKvHeads: [0, 1] }, mlp: { keptChannels: [0, 1, 2, 3, 9] } },
      { attention: { keptHeads: [0, 1], keptKvHeads: [0] }, mlp: { keptChannels: [0, 1, 2, 3, 9] } },
      { attention: { keptHeads: [2, 3], keptKvHeads: [1] }, mlp: { keptChannels: all } },
    ]);
  });

  it('does not guess where scores are missing', () => {
    expect(() => selected(model, selection, new Map())).toThrow('Layer 0 has no scores for its 10 channels.');
  });

  it.each([0, 1, -0.1, 1.5, NaN, Infinity])('has a ratio between 0 and 1, not %d', (ratio) => {
    expect(() => checkRatio(ratio)).toThrow(
      expect.objectContaining({
        code: 'ratio-out-of-range',
        message: expect.stringContaining(`prune.ratio is ${ratio},`),
      }),
    );
    expect(() => checkRatio(0.5)).not.toThrow();
  });
});

describe('windows of layers', () => {
  it.each([
    [32, [4, 30]],
    [40, [5, 37]],
    [22, [3, 21]],
    [4, [1, 3]],
    [2, [0, 1]],
    [1, [0, 1]],
  ] as const)('scale with %i layers', (layers, expected) => {
    const window = defaultWindow(layers);
    expect(window).toEqual(expected);
    expect(() => checkWindow('mlp', window, layers)).not.toThrow();
  });

  it('hold their first layer and not their last', () => {
    expect([3, 4, 29, 30].map((layer) => inWindow(layer, [4, 30]))).toEqual([false, true, true, false]);
  });

  it.each([
    [-1, 3],
    [0, 5],
    [3, 2],
    [0.5, 2],
    [NaN, 2],
  ])('lie within the model: [%d, %d) of 4 layers does not', (from, to) => {
    expect(() => checkWindow('attention', [from, to], 4)).toThrow(
      expect.objectContaining({
        code: 'window-out-of-range',
        message: `prune.layers.attention is [${from}, ${to}), but the model has layers 0 to 3.`,
      }),
    );
  });
});

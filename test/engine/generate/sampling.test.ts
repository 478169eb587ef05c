import { describe, expect, it } from 'vitest';
import {
  chooseToken,
  filterLogits,
  penaliseRepetition,
  type Sampling,
} from '../../../main/engine/generate/sampling.ts';
import { goldenGeneration } from '../../fixtures/golden-generation.ts';

const plain: Sampling = { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1, seed: 1 };

describe('the filters', () => {
  it.each(goldenGeneration.filters)(
    'are those of transformers: penalty $repetitionPenalty, temperature $temperature, top-k $topK, top-p $topP',
    ({ logits: source, before, expected, ...settings }) => {
      const logits = Float32Array.from(source);
      penaliseRepetition(logits, before, settings.repetitionPenalty);
      filterLogits(logits, settings);
      const kept = (values: readonly (number | null)[]): boolean[] => values.map((value) => value !== null);
      const found = [...logits].map((value) => (value === -Infinity ? null : value));
      expect(kept(found)).toEqual(kept(expected));
      found.forEach((value, i) => {
        if (value !== null) expect(value).toBeCloseTo(expected[i] as number, 4);
      });
    },
  );
});

describe('the next token', () => {
  const logits = (): Float32Array => Float32Array.of(0, Math.log(3), Math.log(6), -Infinity);

  it('is the most probable one at temperature 0, whatever else is set', () => {
    expect(chooseToken(logits(), [], { ...plain, temperature: 0, topP: 0.1, seed: 9 }, 3)).toBe(2);
    expect(chooseToken(logits(), [2], { ...plain, temperature: 0, repetitionPenalty: 2 }, 3)).toBe(1);
  });

  it('is drawn as often as it is probable', () => {
    const counts = [0, 0, 0, 0];
    for (let step = 0; step < 4000; step++) counts[chooseToken(logits(), [], plain, step)]++;
    expect(counts[3]).toBe(0);
    for (const [i, share] of [0.1, 0.3, 0.6].entries()) expect(counts[i] / 4000).toBeCloseTo(share, 1);
  });

  it('is the most probable one at a temperature next to 0', () => {
    const far = (): Float32Array => Float32Array.of(9, -4, 12, 12.5, 3);
    for (const temperature of [1e-6, 1e-38, 1e-45])
      for (let step = 0; step < 5; step++)
        expect(chooseToken(far(), [], { ...plain, temperature }, step)).toBe(3);
  });

  it('follows from seed and step alone', () => {
    const draws = (seed: number): number[] =>
      Array.from({ length: 40 }, (_, step) => chooseToken(logits(), [], { ...plain, seed }, step));
    expect(draws(1)).toEqual(draws(1));
    expect(draws(1)).not.toEqual(draws(2));
    expect(chooseToken(logits(), [], plain, 17)).toBe(draws(1)[17]);
  });

  it('is refused where the model gives no numbers', () => {
    for (const wrong of [
      [1, NaN],
      [1, Infinity],
      [-Infinity, -Infinity],
    ])
      expect(() => chooseToken(Float32Array.from(wrong), [], plain, 0)).toThrow(/not a finite number/);
  });
});

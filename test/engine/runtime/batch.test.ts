import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  labelsOf,
  lossWeights,
  packBatches,
  predictedTokens,
  sumOfPredicted,
} from '../../../main/engine/runtime/batch.ts';

const rowsOf = (lengths: readonly number[]): number[][] =>
  lengths.map((length, row) => Array.from({ length }, (_, i) => 100 * row + i));

describe('packing', () => {
  it('puts rows of one length together, in order, up to the most tokens', () => {
    const shapes = (lengths: number[], maxTokens: number): number[][] =>
      packBatches(rowsOf(lengths), maxTokens).map(({ rows, length }) => [rows, length]);
    expect(shapes([4, 4, 4, 4, 4], 8)).toEqual([
      [2, 4],
      [2, 4],
      [1, 4],
    ]);
    expect(shapes([4, 4, 4, 4, 4], 11)).toEqual(shapes([4, 4, 4, 4, 4], 8));
    expect(shapes([4, 4, 3, 3, 4], 100)).toEqual([
      [2, 4],
      [2, 3],
      [1, 4],
    ]);
    expect(shapes([9, 9], 8)).toEqual([
      [1, 9],
      [1, 9],
    ]);
    expect(shapes([], 8)).toEqual([]);
  });

  it('loses no token, and exceeds the most only with a single row', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 20 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 30 }), (all, maxTokens) => {
        const rows = rowsOf(all);
        const batches = packBatches(rows, maxTokens);
        expect(batches.flatMap(({ ids }) => [...ids])).toEqual(rows.flat());
        for (const batch of batches) {
          expect(batch.ids.length).toBe(batch.rows * batch.length);
          expect(batch.rows === 1 || batch.ids.length <= maxTokens).toBe(true);
        }
      }),
      { seed: 9, numRuns: 200 },
    );
  });
});

describe('a batch of two rows of three', () => {
  const [batch] = packBatches(rowsOf([3, 3]), 100);

  it('predicts all tokens but the first of each row', () => {
    expect(predictedTokens(batch)).toBe(4);
    expect(labelsOf(batch)).toMatchObject({
      type: 'int64',
      dims: [2, 3],
      data: BigInt64Array.of(1n, 2n, 0n, 101n, 102n, 0n),
    });
  });

  it('weighs and counts what predicts a token, not the last of a row', () => {
    expect([...lossWeights(batch, 0.25)]).toEqual([0.25, 0.25, 0, 0.25, 0.25, 0]);
    expect(sumOfPredicted(Float32Array.of(1, 2, 64, 4, 8, 128), batch)).toBe(15);
  });

  it('predicts what is learnt alone, where rows say so', () => {
    const learnt = [Uint8Array.of(1, 0, 1), Uint8Array.of(0, 0, 0)];
    const [masked] = packBatches(rowsOf([3, 3]), 100, learnt);
    expect(predictedTokens(masked)).toBe(1);
    expect([...lossWeights(masked, 0.25)]).toEqual([0, 0.25, 0, 0, 0, 0]);
    expect(sumOfPredicted(Float32Array.of(1, 2, 64, 4, 8, 128), masked)).toBe(2);
    const alone = packBatches(rowsOf([3, 3]), 1, learnt);
    expect(alone.map(({ learnt: own }) => own)).toEqual(learnt);
  });

  it('of single tokens predicts nothing', () => {
    const [single] = packBatches([[5], [6]], 100);
    expect(predictedTokens(single)).toBe(0);
    expect([...lossWeights(single, 1)]).toEqual([0, 0]);
    expect(sumOfPredicted(Float32Array.of(3, 4), single)).toBe(0);
  });
});

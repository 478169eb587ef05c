import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitRows } from '../../../main/engine/recover/training-order.ts';

/** Documents of those many windows each, as the document of each row. */
const documentsOf = (windows: readonly number[]): number[] =>
  windows.flatMap((count, document) => Array<number>(count).fill(document));

describe('the split for validation', () => {
  it('takes a block of adjacent windows of a plain text, at a place by the seed', () => {
    const places = [1, 2, 3].map((seed) => {
      const { training, validation } = splitRows(documentsOf([100]), 10, seed);
      expect(validation).toEqual(Array.from({ length: 10 }, (_, i) => validation[0] + i));
      expect(training).toHaveLength(90);
      return validation[0];
    });
    expect(new Set(places).size).toBeGreaterThan(1);
  });

  it('takes as many rows as wanted where each is a document', () => {
    const { validation } = splitRows(documentsOf(Array<number>(50).fill(1)), null, 5);
    expect(validation).toHaveLength(2);
    expect(splitRows(documentsOf([1, 1, 1]), 0, 5)).toEqual({ training: [0, 1, 2], validation: [] });
  });

  it('has every row once, in order, at most as many as wanted, and no document on both sides where one fits', () => {
    const windows = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(windows, fc.nat(), fc.integer({ min: 1, max: 40 }), (counts, seed, wanted) => {
        const documents = documentsOf(counts);
        fc.pre(wanted < documents.length);
        const { training, validation } = splitRows(documents, wanted, seed);
        expect([...training, ...validation].sort((a, b) => a - b)).toEqual(documents.map((_, row) => row));
        expect(validation.length).toBeGreaterThan(0);
        expect(validation.length).toBeLessThanOrEqual(wanted);
        const shared = validation.filter((row) =>
          training.some((other) => documents[other] === documents[row]),
        );
        if (Math.min(...counts) <= wanted) expect(shared).toEqual([]);
        else expect(validation.at(-1)).toBe(validation[0] + wanted - 1);
      }),
    );
  });
});

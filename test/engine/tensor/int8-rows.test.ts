import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantiseRows, type Int8Rows } from '../../../main/engine/tensor/int8-rows.ts';

const rounded = (matrix: Float32Array, rows: number, block = rows): Int8Rows => {
  const into = { values: new Int8Array(matrix.length), scales: new Float32Array(rows) };
  const columns = matrix.length / rows;
  for (let from = 0; from < rows; from += block) {
    quantiseRows(matrix.subarray(from * columns, (from + block) * columns), into, from);
  }
  return into;
};

describe('8-bit rows', () => {
  it('are within half a step of every element, whatever their size, and the same in blocks', () => {
    const elements = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
      minLength: 12,
      maxLength: 12,
    });
    fc.assert(
      fc.property(elements, (values) => {
        const matrix = Float32Array.from(values);
        const { values: steps, scales } = rounded(matrix, 4);
        matrix.forEach((value, i) => {
          const scale = scales[Math.floor(i / 3)];
          // A row below 127 of the smallest normal numbers counts as zeros.
          const slack = 1e-6 * Math.abs(value) + 127 * 2 ** -126;
          expect(Math.abs(steps[i] * scale - value)).toBeLessThanOrEqual(0.5 * scale + slack);
        });
        expect(rounded(matrix, 4, 1)).toEqual({ values: steps, scales });
      }),
    );
  });

  it('use all 255 steps, symmetric around 0', () => {
    const { values, scales } = rounded(Float32Array.of(-2, 1, 0, 2, 0.5, -4, 0, 0), 2);
    expect([...values]).toEqual([-127, 64, 0, 127, 16, -127, 0, 0]);
    expect(scales).toEqual(Float32Array.of(2 / 127, 4 / 127));
  });

  it('keep a row of zeros, and show what is no number', () => {
    const { values, scales } = rounded(Float32Array.of(0, -0, 1, NaN, 3, Infinity), 3);
    expect([...values]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(scales).toEqual(Float32Array.of(0, NaN, Infinity));
  });
});

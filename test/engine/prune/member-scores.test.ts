import { describe, expect, it, onTestFinished } from 'vitest';
import type { WeightCriterion } from '../../../main/engine/criteria/criterion.ts';
import { criterionNamed } from '../../../main/engine/criteria/index.ts';
import { MemberScorer, type SalienceSums } from '../../../main/engine/prune/member-scores.ts';
import { weightFeed } from '../../../main/engine/runtime/session.ts';
import type { Dtype } from '../../../main/engine/tensor/dtype.ts';
import { fromFloat32, toFloat32 } from '../../../main/engine/tensor/half.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { session } from '../../fixtures/open-network.ts';

/** Two blocks of 64 MiB of gradient rows, 4096 and 4; pico models never fill one. */
const large = { rows: 4100, columns: 4096 };
const small = { rows: 5, columns: 7 };

/** Of the largest sum, of 4096 float32 terms: the runtime adds a row pairwise, a column one row after the other. */
const tolerance = { rows: 2e-6, columns: 5e-5 };

type Shape = typeof large;

/** Between -1 and 1, from a linear congruential generator (Numerical Recipes): there are millions to draw. */
function numbers(length: number, seed: number): Float32Array {
  const values = new Float32Array(length);
  let state = 12345 + seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 2 ** 31 - 1;
  }
  return values;
}

/** Tokens of two batches: x [tokens, columns], dy [tokens, rows]. */
const batchTokens = [2, 1];

const batchesOf = ({ rows, columns }: Shape): { x: Float32Array; dy: Float32Array; tokens: number }[] =>
  batchTokens.map((tokens, i) => ({
    x: numbers(tokens * columns, 2 * i),
    dy: numbers(tokens * rows, 2 * i + 1),
    tokens,
  }));

function weightCriterion(id: string): WeightCriterion {
  const criterion = criterionNamed(id);
  if (criterion.kind !== 'weight') throw new RangeError(id);
  return criterion;
}

/** What the square of each batch's gradient counts. */
const fisherWeights = [3, 0.5];

const salienceOf: Readonly<Record<string, (w: number, g: number, fisher: number) => number>> = {
  'taylor-vector': (w, g) => w * g,
  'taylor-element1': (w, g) => Math.abs(w * g),
  'taylor-element2': (w, _g, fisher) => w * w * fisher,
  'taylor-mixed': (w, g, fisher) => Math.abs(w * g - 0.5 * w * w * fisher),
  'magnitude-l1': (w) => Math.abs(w),
  'magnitude-l2': (w) => w * w,
};

/** Sums of salience in float64, of the gradient summed over all batches. */
function reference(id: string, weight: Float32Array, { rows, columns }: Shape): SalienceSums {
  const batches = batchesOf({ rows, columns });
  const salienceAt = salienceOf[id];
  const sums = { rows: new Float64Array(rows), columns: new Float64Array(columns) };
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let gradient = 0;
      let fisher = 0;
      for (const [i, { x, dy, tokens }] of batches.entries()) {
        let own = 0;
        for (let t = 0; t < tokens; t++) own += dy[t * rows + row] * x[t * columns + column];
        gradient += own;
        fisher += fisherWeights[i] * own * own;
      }
      const salience = salienceAt(weight[row * columns + column], gradient, fisher);
      sums.rows[row] += salience;
      sums.columns[column] += salience;
    }
  }
  return sums;
}

async function scored(
  id: string,
  dtype: Dtype,
  shape: Shape,
): Promise<[found: SalienceSums, expected: SalienceSums]> {
  const scorer = new MemberScorer(weightCriterion(id), session);
  onTestFinished(() => scorer.release());
  const contractions = batchesOf(shape).map(({ x, dy, tokens }, i) => ({
    tokens,
    fisherWeight: fisherWeights[i],
    read: () => Promise.resolve({ x, dy }),
  }));
  const raw = fromFloat32(numbers(shape.rows * shape.columns, 9), dtype);
  const feed = weightFeed(raw, dtype, [shape.rows, shape.columns]);
  return [await scorer.sums({ feed, dtype, contractions }), reference(id, toFloat32(raw, dtype), shape)];
}

describe('salience is summed over rows and columns', () => {
  it.each([
    ['taylor-vector', 'F32', 'a small weight', small],
    ['taylor-element1', 'BF16', 'a small weight', small],
    ['taylor-element2', 'F16', 'a small weight', small],
    ['taylor-mixed', 'F32', 'a small weight', small],
    ['magnitude-l1', 'F16', 'a small weight', small],
    ['taylor-element1', 'F16', 'a weight of several blocks', large],
    ['taylor-mixed', 'BF16', 'a weight of several blocks', large],
    ['magnitude-l2', 'BF16', 'a weight of several blocks', large],
  ] as const)('%s, %s, %s', async (id, dtype, _what, shape) => {
    const [found, expected] = await scored(id, dtype, shape);
    expect(worstOfLargest(found.rows, expected.rows)).toBeLessThan(tolerance.rows);
    expect(worstOfLargest(found.columns, expected.columns)).toBeLessThan(tolerance.columns);
  });

  it('of the sum of all batches’ gradients, not of each', async () => {
    const [whole] = await scored('taylor-element1', 'F32', small);
    const separate = batchesOf(small).map(({ x, dy, tokens }) => {
      const weight = numbers(small.rows * small.columns, 9);
      return Array.from({ length: small.rows }, (_, row) =>
        weight.subarray(row * small.columns, (row + 1) * small.columns).reduce((sum, w, column) => {
          let g = 0;
          for (let t = 0; t < tokens; t++) g += dy[t * small.rows + row] * x[t * small.columns + column];
          return sum + Math.abs(w * g);
        }, 0),
      );
    });
    // The triangle inequality, strict somewhere in every row of random numbers.
    whole.rows.forEach((sum, row) => expect(sum).toBeLessThan(separate[0][row] + separate[1][row]));
  });
});

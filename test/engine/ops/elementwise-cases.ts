import { at, sumOver, tensorOf } from '../../fixtures/float64-tensor.ts';
import { input, oneRun, param, someRuns, type OpCases } from './op-case.ts';

/** One rounding of a float32 result, with some room. */
const oneRounding = { forward: 2e-7, gradient: 2e-7 };
/** The exponential of the runtime's sigmoid is good to a few units in the last place. */
const throughExp = { forward: 1e-6, gradient: 1e-6 };
/** A bias's gradient is a sum over all tokens. */
const summed = { forward: 2e-7, gradient: 5e-7 };
/** Mean, square root and two divisions. */
const normed = { forward: 1e-6, gradient: 2e-6 };

export const elementwiseCases: Readonly<Record<string, OpCases>> = {
  add: {
    reference: ({ a, b }) => tensorOf(a.dims, (i) => at(a, ...i) + at(b, ...i)),
    cases: [
      {
        what: 'hidden states',
        ports: { a: input(['batch', 'sequence', 7]), b: input(['batch', 'sequence', 7]) },
        runs: someRuns,
        macs: () => 0,
        tolerance: oneRounding,
      },
      {
        what: 'an input and a param of rank 2',
        ports: { a: input([3, 5]), b: param([3, 5]) },
        runs: oneRun,
        macs: () => 0,
        tolerance: oneRounding,
      },
    ],
  },

  multiply: {
    reference: ({ a, b }) => tensorOf(a.dims, (i) => at(a, ...i) * at(b, ...i)),
    cases: [
      {
        what: 'gate and up',
        ports: { a: input(['batch', 'sequence', 11]), b: input(['batch', 'sequence', 11]) },
        runs: someRuns,
        macs: () => 0,
        tolerance: oneRounding,
      },
      {
        what: 'one channel',
        ports: { a: input([4, 1]), b: param([4, 1]) },
        runs: oneRun,
        macs: () => 0,
        tolerance: oneRounding,
      },
    ],
  },

  scale: {
    reference: ({ x }, { factor }) => tensorOf(x.dims, (i) => factor * at(x, ...i)),
    cases: [
      {
        what: 'an adapter at alpha 12, rank 8',
        attributes: { factor: 1.5 },
        ports: { x: input(['batch', 'sequence', 8]) },
        runs: someRuns,
        macs: () => 0,
        tolerance: oneRounding,
      },
    ],
  },

  bias: {
    reference: ({ x, bias }) => tensorOf(x.dims, (i) => at(x, ...i) + at(bias, i[i.length - 1])),
    cases: [
      {
        what: 'after a projection',
        ports: { x: input(['batch', 'sequence', 9]), bias: param([9]) },
        runs: someRuns,
        macs: () => 0,
        tolerance: summed,
      },
      {
        what: 'rank 4, one channel',
        ports: { x: input([2, 1, 3, 1]), bias: param([1]) },
        runs: oneRun,
        macs: () => 0,
        tolerance: summed,
      },
    ],
  },

  silu: {
    reference: ({ x }) => tensorOf(x.dims, (i) => at(x, ...i) / (1 + Math.exp(-at(x, ...i)))),
    cases: [
      {
        what: 'values of size one',
        ports: { x: input(['batch', 'sequence', 13]) },
        runs: someRuns,
        macs: (sequence) => sequence * 13,
        tolerance: throughExp,
      },
      {
        what: 'both tails, where it is 0 and x',
        ports: { x: input([4, 6], (random, [row]) => [-90, -9, 9, 90][row] + random.normal()) },
        runs: oneRun,
        macs: () => 24,
        tolerance: throughExp,
      },
    ],
  },

  rmsNorm: {
    reference: ({ x, weight }, { eps }) => {
      const width = weight.dims[0];
      const scale = tensorOf(x.dims.slice(0, -1), (i) =>
        Math.sqrt(sumOver(width, (h) => at(x, ...i, h) ** 2) / width + eps),
      );
      return tensorOf(
        x.dims,
        (i) => (at(x, ...i) / at(scale, ...i.slice(0, -1))) * at(weight, i[i.length - 1]),
      );
    },
    cases: [
      {
        what: 'hidden states',
        attributes: { eps: 1e-6 },
        ports: { x: input(['batch', 'sequence', 10]), weight: param([10]) },
        runs: someRuns,
        macs: (sequence) => 2 * sequence * 10,
        tolerance: normed,
      },
      {
        what: 'rank 2, where eps is as large as the mean square',
        attributes: { eps: 1e-2 },
        ports: { x: input([4, 3], (random) => 0.1 * random.normal()), weight: param([3]) },
        runs: oneRun,
        macs: () => 24,
        tolerance: normed,
      },
      {
        what: 'large values in one channel, as trained models have',
        attributes: { eps: 1e-5 },
        ports: {
          x: input(['batch', 'sequence', 6], (random, [, , h]) => (h === 2 ? 300 : 1) * random.normal()),
          weight: param([6]),
        },
        runs: someRuns,
        macs: (sequence) => 2 * sequence * 6,
        tolerance: normed,
      },
    ],
  },
};

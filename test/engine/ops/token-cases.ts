import { at, sumOver, tensorOf } from '../../fixtures/float64-tensor.ts';
import { index, input, oneRun, param, someRuns, type OpCases } from './op-case.ts';

const linear: OpCases = {
  reference: ({ x, weight }) => {
    const [outputs, inputs] = weight.dims;
    return tensorOf([...x.dims.slice(0, -1), outputs], (i) =>
      sumOver(inputs, (k) => at(x, ...i.slice(0, -1), k) * at(weight, i[i.length - 1], k)),
    );
  },
  cases: [
    {
      what: 'a projection',
      ports: { x: input(['batch', 'sequence', 7]), weight: param([5, 7]) },
      runs: someRuns,
      macs: (sequence) => sequence * 5 * 7,
      tolerance: { forward: 1e-6, gradient: 1e-6 },
    },
    {
      what: 'one input, many outputs, rank 2',
      ports: { x: input([6, 1]), weight: param([9, 1]) },
      runs: oneRun,
      macs: () => 6 * 9,
      tolerance: { forward: 2e-7, gradient: 1e-6 },
    },
    {
      what: 'one output, rank 4',
      ports: { x: input([2, 3, 1, 8]), weight: param([1, 8]) },
      runs: oneRun,
      macs: () => 2 * 3 * 8,
      tolerance: { forward: 1e-6, gradient: 1e-6 },
    },
  ],
};

/** Rows are copied; a token's gradient is a sum over where it occurs. */
const copied = { forward: 0, gradient: 5e-7 };

const embedding: OpCases = {
  reference: ({ ids, weight }) =>
    tensorOf([...ids.dims, weight.dims[1]], ([b, t, h]) => at(weight, at(ids, b, t), h)),
  cases: [
    {
      what: 'a vocabulary larger than the text',
      ports: { ids: index(['batch', 'sequence'], 23), weight: param([23, 4]) },
      runs: someRuns,
      macs: () => 0,
      tolerance: copied,
    },
    {
      what: 'every token occurs several times',
      ports: { ids: index(['batch', 'sequence'], 3), weight: param([3, 5]) },
      runs: [{ batch: 4, sequence: 6 }],
      macs: () => 0,
      tolerance: copied,
    },
  ],
};

const crossEntropy: OpCases = {
  reference: ({ logits, labels }) => {
    const vocabulary = logits.dims[2];
    return tensorOf(labels.dims, ([b, t]) => {
      const row = Array.from({ length: vocabulary }, (_, v) => at(logits, b, t, v));
      const highest = Math.max(...row);
      const total = row.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
      return Math.log(total) + highest - row[at(labels, b, t)];
    });
  },
  cases: [
    {
      what: 'logits of size one',
      ports: { logits: input(['batch', 'sequence', 11]), labels: index(['batch', 'sequence'], 11) },
      runs: someRuns,
      macs: () => 0,
      tolerance: { forward: 1e-6, gradient: 1e-6 },
    },
    {
      what: 'logits whose exponential overflows float32',
      ports: {
        logits: input(['batch', 'sequence', 7], (random) => 500 + 50 * random.normal()),
        labels: index(['batch', 'sequence'], 7),
      },
      runs: someRuns,
      macs: () => 0,
      tolerance: { forward: 1e-6, gradient: 5e-6 },
    },
    {
      what: 'two classes',
      ports: { logits: input([3, 4, 2]), labels: index([3, 4], 2) },
      runs: oneRun,
      macs: () => 0,
      tolerance: { forward: 1e-6, gradient: 1e-6 },
    },
  ],
};

const shortfall: OpCases = {
  reference: ({ logits, labels }) =>
    tensorOf(labels.dims, ([b, t]) => {
      const row = Array.from({ length: logits.dims[2] }, (_, v) => at(logits, b, t, v));
      return Math.max(...row) - row[at(labels, b, t)];
    }),
  cases: [
    {
      what: 'a vocabulary of eleven',
      ports: { logits: input(['batch', 'sequence', 11]), labels: index(['batch', 'sequence'], 11) },
      runs: someRuns,
      macs: () => 0,
      tolerance: { forward: 1e-6, gradient: 1e-6 },
    },
    {
      what: 'two classes, the label often the larger',
      ports: { logits: input([3, 4, 2]), labels: index([3, 4], 2) },
      runs: oneRun,
      macs: () => 0,
      tolerance: { forward: 1e-6, gradient: 1e-6 },
    },
  ],
};

export const tokenCases: Readonly<Record<string, OpCases>> = {
  linear,
  embedding,
  crossEntropy,
  shortfall,
};

import { at, sumOver, tensorOf } from '../../fixtures/float64-tensor.ts';
import {
  constant,
  input,
  oneRun,
  param,
  someRuns,
  type OpCase,
  type OpCases,
  type PortCase,
} from './op-case.ts';

/** Nothing is computed, so nothing may differ: a gradient is the upstream itself, up to the differences' own rounding. */
const exact = { forward: 0, gradient: 1e-7 };

const splitQkv: OpCases = {
  reference: ({ x }, { q, k, v }, output) => {
    const [from, width] = { q: [0, q], k: [q, k], v: [q + k, v] }[output] as [number, number];
    return tensorOf([...x.dims.slice(0, -1), width], (i) => at(x, ...i.slice(0, -1), from + i[i.length - 1]));
  },
  cases: ['q', 'k', 'v'].flatMap((output): OpCase[] => [
    {
      what: `eight queries, four keys, four values: ${output}`,
      output,
      attributes: { q: 8, k: 4, v: 4 },
      ports: { x: input(['batch', 'sequence', 16]) },
      runs: someRuns,
      macs: () => 0,
      tolerance: exact,
    },
    {
      what: `one each, rank 2: ${output}`,
      output,
      attributes: { q: 1, k: 1, v: 1 },
      ports: { x: input([5, 3]) },
      runs: oneRun,
      macs: () => 0,
      tolerance: exact,
    },
  ]),
};

const splitGate: OpCases = {
  reference: ({ x }, { width }, output) =>
    tensorOf([...x.dims.slice(0, -1), width], (i) =>
      at(x, ...i.slice(0, -1), (output === 'gate' ? 0 : width) + i[i.length - 1]),
    ),
  cases: ['gate', 'up'].map((output) => ({
    what: `five channels: ${output}`,
    output,
    attributes: { width: 5 },
    ports: { x: input(['batch', 'sequence', 10]) },
    runs: someRuns,
    macs: () => 0,
    tolerance: exact,
  })),
};

const splitQkvPerHead: OpCases = {
  reference: ({ x }, { headDim }, output) => {
    const [batch, length, width] = x.dims;
    const part = ['q', 'k', 'v'].indexOf(output);
    return tensorOf([batch, width / (3 * headDim), length, headDim], ([b, h, t, d]) =>
      at(x, b, t, (3 * h + part) * headDim + d),
    );
  },
  cases: ['q', 'k', 'v'].flatMap((output): OpCase[] => [
    {
      what: `three heads of four: ${output}`,
      output,
      attributes: { headDim: 4 },
      ports: { x: input(['batch', 'sequence', 36]) },
      runs: someRuns,
      macs: () => 0,
      tolerance: exact,
    },
    {
      what: `one head: ${output}`,
      output,
      attributes: { headDim: 2 },
      ports: { x: input(['batch', 'sequence', 6]) },
      runs: [{ batch: 2, sequence: 3 }],
      macs: () => 0,
      tolerance: exact,
    },
  ]),
};

/** Angles need not belong together: the op is linear in x for any cos and sin. */
const turned = { forward: 3e-7, gradient: 3e-7 };

const rotaryInterleaved: OpCases = {
  reference: ({ x, cos, sin }) => {
    const pairs = cos.dims[1];
    return tensorOf(x.dims, ([b, h, t, i]) => {
      const pair = Math.floor(i / 2);
      if (pair >= pairs) return at(x, b, h, t, i);
      const [first, second] = [at(x, b, h, t, 2 * pair), at(x, b, h, t, 2 * pair + 1)];
      return i % 2 === 0
        ? first * at(cos, t, pair) - second * at(sin, t, pair)
        : second * at(cos, t, pair) + first * at(sin, t, pair);
    });
  },
  cases: [
    {
      what: 'half of a head of eight',
      ports: {
        x: input(['batch', 3, 'sequence', 8]),
        cos: constant(['sequence', 2]),
        sin: constant(['sequence', 2]),
      },
      runs: someRuns,
      macs: (sequence) => 2 * 3 * sequence * 4,
      tolerance: turned,
    },
    {
      what: 'a whole head of two',
      ports: { x: input([2, 1, 3, 2]), cos: constant([3, 1]), sin: constant([3, 1]) },
      runs: oneRun,
      macs: () => 2 * 2 * 3 * 2,
      tolerance: turned,
    },
  ],
};

const rowRotary: OpCases = {
  reference: ({ x, cos, sin }) => {
    const quarter = x.dims[3] / 4;
    return tensorOf(x.dims, ([b, h, t, i]) => {
      const half = Math.floor(i / (2 * quarter));
      const within = i % (2 * quarter);
      const pair = within % quarter;
      const base = 2 * quarter * half + pair;
      const [first, second] = [at(x, b, h, t, base), at(x, b, h, t, base + quarter)];
      const [c, s] = [at(cos, b, t, half, pair), at(sin, b, t, half, pair)];
      return within < quarter ? first * c - second * s : second * c + first * s;
    });
  },
  cases: [
    {
      what: 'three heads of twelve, rows of their own positions',
      ports: {
        x: input(['batch', 3, 'sequence', 12]),
        cos: constant(['batch', 'sequence', 2, 3]),
        sin: constant(['batch', 'sequence', 2, 3]),
      },
      runs: someRuns,
      macs: (sequence) => 2 * 3 * sequence * 12,
      tolerance: turned,
    },
  ],
};

/** What transformers puts where a key lies ahead. */
const lowestFloat32 = -3.4028234663852886e38;
/** Two matrix products and a softmax. */
const attended = { forward: 2e-6, gradient: 3e-6 };

/** softmax(q·kᵀ/√d + bias)·v in float64. */
function attentionOf(
  { q, k, v }: Parameters<OpCases['reference']>[0],
  bias: (b: number, h: number, s: number, t: number) => number,
): ReturnType<OpCases['reference']> {
  const [, queryHeads, , d] = q.dims;
  const [, kvHeads, keys] = k.dims;
  const kvOf = (h: number): number => Math.floor(h / (queryHeads / kvHeads));
  return tensorOf([...q.dims.slice(0, 3), v.dims[3]], ([b, h, s, e]) => {
    const scores = Array.from(
      { length: keys },
      (_, t) =>
        sumOver(d, (i) => at(q, b, h, s, i) * at(k, b, kvOf(h), t, i)) / Math.sqrt(d) + bias(b, h, s, t),
    );
    const highest = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - highest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return sumOver(keys, (t) => weights[t] * at(v, b, kvOf(h), t, e)) / total;
  });
}

const headsAndKeys = (query: number, kv: number, d: number): Record<string, PortCase> => ({
  q: input(['batch', query, 'sequence', d]),
  k: input(['batch', kv, 'sequence', d]),
  v: input(['batch', kv, 'sequence', d]),
});
const attentionMacs =
  (query: number, d: number) =>
  (s: number): number =>
    query * (2 * s * s * d + s * s);

const alibiAttention: OpCases = {
  reference: (ports) =>
    attentionOf(ports, (_b, h, s, t) => {
      const perKvHead = ports.slopes.dims[1];
      const slope = at(ports.slopes, Math.floor(h / perKvHead), h % perKvHead);
      return slope * at(ports.positions, 0, t) + at(ports.mask, s, t);
    }),
  cases: [
    { query: 3, kv: 3 },
    { query: 4, kv: 2 },
  ].map(({ query, kv }) => ({
    what: `${query} heads on ${kv}, causal, slopes of their own`,
    ports: {
      ...headsAndKeys(query, kv, 4),
      mask: constant(['sequence', 'sequence'], (_random, [s, t]) => (t > s ? lowestFloat32 : 0)),
      slopes: constant([kv, query / kv], (_random, [g, r]) => 2 ** -(1 + g + 3 * r)),
      positions: constant([1, 'sequence'], (_random, [, t]) => t),
    },
    runs: someRuns,
    macs: attentionMacs(query, 4),
    tolerance: attended,
  })),
};

const rowMaskedAttention: OpCases = {
  reference: (ports) => attentionOf(ports, (b, _h, s, t) => at(ports.mask, b, s, t)),
  cases: [
    {
      what: 'prefixes of different length that see themselves',
      ports: {
        ...headsAndKeys(4, 2, 4),
        mask: constant(['batch', 'sequence', 'sequence'], (_random, [b, s, t]) =>
          t > s && t > b ? lowestFloat32 : 0,
        ),
      },
      runs: someRuns,
      macs: attentionMacs(4, 4),
      tolerance: attended,
    },
  ],
};

const gelu: OpCases = {
  reference: ({ x }) =>
    tensorOf(x.dims, (i) => {
      const value = at(x, ...i);
      return 0.5 * value * (1 + Math.tanh(0.7978845608028654 * (value + 0.044715 * value ** 3)));
    }),
  cases: [
    {
      what: 'values of size one',
      ports: { x: input(['batch', 'sequence', 9]) },
      runs: someRuns,
      macs: (sequence) => sequence * 9,
      tolerance: { forward: 1e-6, gradient: 1e-6 },
    },
    {
      what: 'values where it is flat or straight',
      ports: { x: input([2, 40], (random) => 20 * random.normal()) },
      runs: oneRun,
      macs: () => 2 * 40,
      tolerance: { forward: 1e-6, gradient: 1e-6 },
    },
  ],
};

const layerNorm: OpCases = {
  reference: ({ x, weight, bias }, { eps }) => {
    const width = weight.dims[0];
    return tensorOf(x.dims, (i) => {
      const row = Array.from({ length: width }, (_, h) => at(x, ...i.slice(0, -1), h));
      const mean = row.reduce((a, b) => a + b, 0) / width;
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / width;
      const h = i[i.length - 1];
      return ((row[h] - mean) / Math.sqrt(variance + eps)) * at(weight, h) + at(bias, h);
    });
  },
  cases: [
    {
      what: 'hidden states',
      attributes: { eps: 1e-5 },
      ports: {
        x: input(['batch', 'sequence', 12], (random) => 3 + 2 * random.normal()),
        weight: param([12]),
        bias: param([12]),
      },
      runs: someRuns,
      macs: (sequence) => 2 * sequence * 12,
      tolerance: { forward: 2e-6, gradient: 4e-6 },
    },
    {
      what: 'rows so small that eps matters',
      attributes: { eps: 1e-5 },
      ports: { x: input([3, 6], (random) => 0.01 * random.normal()), weight: param([6]), bias: param([6]) },
      runs: oneRun,
      macs: () => 2 * 3 * 6,
      tolerance: { forward: 2e-6, gradient: 4e-6 },
    },
  ],
};

export const familyCases: Readonly<Record<string, OpCases>> = {
  splitQkv,
  splitGate,
  splitQkvPerHead,
  rotaryInterleaved,
  rowRotary,
  alibiAttention,
  rowMaskedAttention,
  gelu,
  layerNorm,
};

import { at, sumOver, tensorOf } from '../../fixtures/float64-tensor.ts';
import {
  constant,
  input,
  oneRun,
  someRuns,
  type OpCase,
  type OpCases,
  type PortCase,
  type RunSizes,
} from './op-case.ts';

/** What transformers puts where a key lies ahead. */
const lowestFloat32 = -3.4028234663852886e38;

const causal: PortCase['fill'] = (_random, [s, t]) => (t > s ? lowestFloat32 : 0);
const anyBias: PortCase['fill'] = (random) => random.normal();

/** Two matrix products and a softmax. */
const tolerance = { forward: 2e-6, gradient: 3e-6 };

interface Heads {
  readonly query: number;
  readonly kv: number;
  readonly d: number;
  readonly e?: number;
}

/** Scores and mixing are 2·s·t·d a head, the softmax s·t. */
const macsOf = ({ query, d }: Heads, s: number, t: number): number => query * (2 * s * t * d + s * t);

function selfAttention(
  what: string,
  heads: Heads,
  mask: PortCase['fill'],
  runs: readonly RunSizes[],
): OpCase {
  const { query, kv, d, e = d } = heads;
  return {
    what,
    ports: {
      q: input(['batch', query, 'sequence', d]),
      k: input(['batch', kv, 'sequence', d]),
      v: input(['batch', kv, 'sequence', e]),
      mask: constant(['sequence', 'sequence'], mask),
    },
    runs,
    macs: (sequence) => macsOf(heads, sequence, sequence),
    tolerance,
  };
}

const attention: OpCases = {
  reference: ({ q, k, v, mask }) => {
    const [batch, queryHeads, queries, d] = q.dims;
    const [, kvHeads, keys] = k.dims;
    const perKvHead = queryHeads / kvHeads;
    const score = tensorOf([batch, queryHeads, queries, keys], ([b, h, s, t]) => {
      const product = sumOver(d, (i) => at(q, b, h, s, i) * at(k, b, Math.floor(h / perKvHead), t, i));
      return product / Math.sqrt(d) + at(mask, s, t);
    });
    const highest = tensorOf([batch, queryHeads, queries], (row) =>
      Math.max(...Array.from({ length: keys }, (_, t) => at(score, ...row, t))),
    );
    const exponential = tensorOf(score.dims, ([b, h, s, t]) =>
      Math.exp(at(score, b, h, s, t) - at(highest, b, h, s)),
    );
    const total = tensorOf([batch, queryHeads, queries], (row) =>
      sumOver(keys, (t) => at(exponential, ...row, t)),
    );
    return tensorOf([batch, queryHeads, queries, v.dims[3]], ([b, h, s, e]) => {
      const mixed = sumOver(
        keys,
        (t) => at(exponential, b, h, s, t) * at(v, b, Math.floor(h / perKvHead), t, e),
      );
      return mixed / at(total, b, h, s);
    });
  },
  cases: [
    selfAttention('one query head a KV head, causal', { query: 3, kv: 3, d: 4 }, causal, someRuns),
    selfAttention('two query heads a KV head, causal', { query: 4, kv: 2, d: 6 }, causal, [
      { batch: 2, sequence: 4 },
      { batch: 1, sequence: 7 },
    ]),
    selfAttention('three query heads on the one KV head', { query: 3, kv: 1, d: 2 }, causal, someRuns),
    selfAttention('one head', { query: 1, kv: 1, d: 2 }, causal, [{ batch: 2, sequence: 3 }]),
    selfAttention('an additive mask that biases', { query: 6, kv: 3, d: 2 }, anyBias, [
      { batch: 2, sequence: 3 },
    ]),
    selfAttention('values wider than keys', { query: 4, kv: 2, d: 2, e: 5 }, causal, someRuns),
    {
      what: 'fewer queries than keys',
      ports: {
        q: input(['batch', 4, 2, 4]),
        k: input(['batch', 2, 5, 4]),
        v: input(['batch', 2, 5, 4]),
        mask: constant([2, 5], (_random, [s, t]) => (t > s + 3 ? lowestFloat32 : 0)),
      },
      runs: [{ batch: 2, sequence: 1 }],
      macs: () => macsOf({ query: 4, kv: 2, d: 4 }, 2, 5),
      tolerance,
    },
  ],
};

const rotary: OpCases = {
  reference: ({ x, cos, sin }) => {
    const half = x.dims[3] / 2;
    return tensorOf(x.dims, ([b, h, t, i]) => {
      const pair = i % half;
      const first = at(x, b, h, t, pair);
      const second = at(x, b, h, t, pair + half);
      return i < half
        ? first * at(cos, t, pair) - second * at(sin, t, pair)
        : second * at(cos, t, pair) + first * at(sin, t, pair);
    });
  },
  // Angles need not belong together: the op is linear in x for any cos and sin.
  cases: [
    {
      what: 'three heads of six',
      ports: {
        x: input(['batch', 3, 'sequence', 6]),
        cos: constant(['sequence', 3]),
        sin: constant(['sequence', 3]),
      },
      runs: someRuns,
      macs: (sequence) => 2 * 3 * sequence * 6,
      tolerance: { forward: 3e-7, gradient: 3e-7 },
    },
    {
      what: 'one head of two',
      ports: { x: input([2, 1, 3, 2]), cos: constant([3, 1]), sin: constant([3, 1]) },
      runs: oneRun,
      macs: () => 2 * 2 * 3 * 2,
      tolerance: { forward: 3e-7, gradient: 3e-7 },
    },
  ],
};

/** Nothing is computed, so nothing may differ: a gradient is the upstream itself, up to the differences' own rounding. */
const exact = { forward: 0, gradient: 1e-7 };

const splitHeads: OpCases = {
  reference: ({ x }, { headDim }) => {
    const [batch, length, width] = x.dims;
    return tensorOf([batch, width / headDim, length, headDim], ([b, h, t, d]) =>
      at(x, b, t, h * headDim + d),
    );
  },
  cases: [
    {
      what: 'three heads of five',
      attributes: { headDim: 5 },
      ports: { x: input(['batch', 'sequence', 15]) },
      runs: someRuns,
      macs: () => 0,
      tolerance: exact,
    },
    {
      what: 'one head',
      attributes: { headDim: 4 },
      ports: { x: input(['batch', 'sequence', 4]) },
      runs: [{ batch: 2, sequence: 3 }],
      macs: () => 0,
      tolerance: exact,
    },
  ],
};

const mergeHeads: OpCases = {
  reference: ({ x }) => {
    const [batch, heads, length, headDim] = x.dims;
    return tensorOf([batch, length, heads * headDim], ([b, t, i]) =>
      at(x, b, Math.floor(i / headDim), t, i % headDim),
    );
  },
  cases: [
    {
      what: 'three heads of five',
      ports: { x: input(['batch', 3, 'sequence', 5]) },
      runs: someRuns,
      macs: () => 0,
      tolerance: exact,
    },
    {
      what: 'five heads of one',
      ports: { x: input(['batch', 5, 'sequence', 1]) },
      runs: [{ batch: 2, sequence: 3 }],
      macs: () => 0,
      tolerance: exact,
    },
  ],
};

export const attentionCases: Readonly<Record<string, OpCases>> = {
  attention,
  rotary,
  splitHeads,
  mergeHeads,
};

import { defineOp } from '../ir/op.ts';

/**
 * Queries, keys and values out of one fused projection whose rows lie one behind the other, [Q | K | V]; attributes q, k
 * and v, their widths. The axis is a sum, so that a head of the queries takes along its rows of the keys and values.
 */
export const splitQkv = defineOp({
  type: 'splitQkv',
  axes: 'x[... (q + k + v)] -> q[... q], k[... k], v[... v]',
  sizes: ({ q, k, v }) => ({ q, k, v }),
  emit: (g, { x }, node) => {
    const [q, k, v] = g.split(x, [node.size('q'), node.size('k'), node.size('v')], -1);
    return { q, k, v };
  },
  vjp: (g, _values, { q, k, v }) => ({ x: g.concat([q, k, v], -1) }),
});

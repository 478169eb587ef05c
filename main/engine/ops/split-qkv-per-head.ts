import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import { defineOp } from '../ir/op.ts';

/**
 * Queries, keys and values out of one fused projection whose rows lie head by head, a head's being [q | k | v]: [b, t,
 * (h (q + k + v))] as three times [b, h, t, d]; attribute headDim.
 */
export const splitQkvPerHead = defineOp({
  type: 'splitQkvPerHead',
  axes: 'x[b t (h (q + k + v))] -> q[b h t q], k[b h t k], v[b h t v]',
  sizes: ({ headDim }) => ({ q: headDim, k: headDim, v: headDim }),
  emit: (g, { x }, node) => {
    const d = node.size('q');
    const byHead = g.transpose(g.reshape(x, [0, 0, node.size('h'), 3 * d]), [0, 2, 1, 3]);
    const [q, k, v] = g.split(byHead, [d, d, d], -1);
    return { q, k, v };
  },
  vjp: (g, _values, { q, k, v }, node) => ({
    x: together(g, [q, k, v], 3 * node.size('h') * node.size('q')),
  }),
});

/** Three times [b, h, t, d] as [b, t, width]. */
function together(g: OnnxGraph, parts: readonly OnnxValue[], width: number): OnnxValue {
  return g.reshape(g.transpose(g.concat(parts, -1), [0, 2, 1, 3]), [0, 0, width]);
}

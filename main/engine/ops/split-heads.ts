import { defineOp } from '../ir/op.ts';

/** [b, t, (h d)] as [b, h, t, d]; attribute headDim. */
export const splitHeads = defineOp({
  type: 'splitHeads',
  axes: 'x[b t (h d)] -> y[b h t d]',
  sizes: ({ headDim }) => ({ d: headDim }),
  emit: (g, { x }, node) => ({
    y: g.transpose(g.reshape(x, [0, 0, node.size('h'), node.size('d')]), [0, 2, 1, 3]),
  }),
  vjp: (g, _values, { y: dy }, node) => ({
    x: g.reshape(g.transpose(dy, [0, 2, 1, 3]), [0, 0, node.size('h') * node.size('d')]),
  }),
});

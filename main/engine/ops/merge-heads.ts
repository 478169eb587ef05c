import { defineOp } from '../ir/op.ts';

/** [b, h, t, d] as [b, t, (h d)]: splitHeads backwards. */
export const mergeHeads = defineOp({
  type: 'mergeHeads',
  axes: 'x[b h t d] -> y[b t (h d)]',
  emit: (g, { x }, node) => ({
    y: g.reshape(g.transpose(x, [0, 2, 1, 3]), [0, 0, node.size('h') * node.size('d')]),
  }),
  vjp: (g, _values, { y: dy }, node) => ({
    x: g.transpose(g.reshape(dy, [0, 0, node.size('h'), node.size('d')]), [0, 2, 1, 3]),
  }),
});

import { defineOp } from '../ir/op.ts';

/** y = x·Wᵀ on the last axis. W is [o, i], as the checkpoint stores it. */
export const linear = defineOp({
  type: 'linear',
  axes: 'x[... i], weight[o i] -> y[... o]',
  contraction: { x: 'x', weight: 'weight' },
  emit: (g, { x, weight }) => ({ y: g.matmul(x, g.transpose(weight, [1, 0])) }),
  vjp: (g, { x, weight }, { y: dy }, node) => ({
    x: g.matmul(dy, weight),
    weight: g.matmul(g.transpose(g.rows(dy, node.size('o')), [1, 0]), g.rows(x, node.size('i'))),
  }),
  macs: ({ rest, i, o }) => rest * i * o,
});

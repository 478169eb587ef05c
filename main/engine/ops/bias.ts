import { defineOp } from '../ir/op.ts';

/** y = x + b on the last axis. */
export const bias = defineOp({
  type: 'bias',
  axes: 'x[... o], bias[o] -> y[... o]',
  emit: (g, { x, bias: b }) => ({ y: g.add(x, b) }),
  vjp: (g, _values, { y: dy }, node) => ({ x: dy, bias: g.reduceSum(g.rows(dy, node.size('o')), [0]) }),
});

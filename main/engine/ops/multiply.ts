import { defineOp } from '../ir/op.ts';

/** y = a·b, element by element: the gate of a gated MLP. */
export const multiply = defineOp({
  type: 'multiply',
  axes: 'a[... f], b[... f] -> y[... f]',
  emit: (g, { a, b }) => ({ y: g.mul(a, b) }),
  vjp: (g, { a, b }, { y: dy }) => ({ a: g.mul(dy, b), b: g.mul(dy, a) }),
});

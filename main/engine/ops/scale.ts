import { defineOp } from '../ir/op.ts';

/** y = factor·x; attribute factor. */
export const scale = defineOp({
  type: 'scale',
  axes: 'x[... h] -> y[... h]',
  emit: (g, { x }, { attributes }) => ({ y: g.mul(x, g.scalar(attributes.factor)) }),
  vjp: (g, _values, { y: dy }, { attributes }) => ({ x: g.mul(dy, g.scalar(attributes.factor)) }),
});

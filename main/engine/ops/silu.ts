import { defineOp } from '../ir/op.ts';

/** y = x·σ(x). */
export const silu = defineOp({
  type: 'silu',
  axes: 'x[... f] -> y[... f]',
  emit: (g, { x }) => ({ y: g.mul(x, g.sigmoid(x)) }),
  vjp: (g, { x }, { y: dy }) => {
    const gate = g.sigmoid(x);
    const slope = g.mul(gate, g.add(g.scalar(1), g.mul(x, g.sub(g.scalar(1), gate))));
    return { x: g.mul(dy, slope) };
  },
  macs: ({ rest, f }) => rest * f,
});

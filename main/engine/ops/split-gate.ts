import { defineOp } from '../ir/op.ts';

/** The two halves of a fused gated projection, [gate | up]; attribute width, of one of them. */
export const splitGate = defineOp({
  type: 'splitGate',
  axes: 'x[... (f + u)] -> gate[... f], up[... u]',
  sizes: ({ width }) => ({ f: width, u: width }),
  emit: (g, { x }, node) => {
    const [gate, up] = g.split(x, [node.size('f'), node.size('u')], -1);
    return { gate, up };
  },
  vjp: (g, _values, { gate, up }) => ({ x: g.concat([gate, up], -1) }),
});

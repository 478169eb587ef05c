import { defineOp } from '../ir/op.ts';

/** y = x / sqrt(mean(x²) + eps) · w on the last axis; attribute eps. */
export const rmsNorm = defineOp({
  type: 'rmsNorm',
  axes: 'x[... h], weight[h] -> y[... h]',
  emit: (g, { x, weight }, { attributes }) => {
    const scale = g.sqrt(g.add(g.reduceMean(g.mul(x, x), [-1]), g.scalar(attributes.eps)));
    return { y: g.mul(g.div(x, scale), weight) };
  },
  /** With n = x/scale and u = dy·w: dx = (u - n·mean(u·n)) / scale. */
  vjp: (g, { x, weight }, { y: dy }, node) => {
    const scale = g.sqrt(g.add(g.reduceMean(g.mul(x, x), [-1]), g.scalar(node.attributes.eps)));
    const normed = g.div(x, scale);
    const upstream = g.mul(dy, weight);
    const along = g.mul(normed, g.reduceMean(g.mul(upstream, normed), [-1]));
    return {
      x: g.div(g.sub(upstream, along), scale),
      weight: g.reduceSum(g.rows(g.mul(dy, normed), node.size('h')), [0]),
    };
  },
  macs: ({ rest, h }) => 2 * rest * h,
});

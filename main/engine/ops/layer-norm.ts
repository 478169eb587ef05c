import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import { defineOp } from '../ir/op.ts';

/** y = (x - mean) / sqrt(var + eps)·w + b on the last axis; attribute eps. */
export const layerNorm = defineOp({
  type: 'layerNorm',
  axes: 'x[... h], weight[h], bias[h] -> y[... h]',
  emit: (g, { x, weight, bias }, { attributes }) => {
    const { normed } = normalise(g, x, attributes.eps);
    return { y: g.add(g.mul(normed, weight), bias) };
  },
  /** With n the normalised x and u = dy·w: dx = (u - mean(u) - n·mean(u·n)) / scale. */
  vjp: (g, { x, weight }, { y: dy }, node) => {
    const { normed, scale } = normalise(g, x, node.attributes.eps);
    const upstream = g.mul(dy, weight);
    const along = g.mul(normed, g.reduceMean(g.mul(upstream, normed), [-1]));
    const centred = g.sub(upstream, g.reduceMean(upstream, [-1]));
    return {
      x: g.div(g.sub(centred, along), scale),
      weight: g.reduceSum(g.rows(g.mul(dy, normed), node.size('h')), [0]),
      bias: g.reduceSum(g.rows(dy, node.size('h')), [0]),
    };
  },
  macs: ({ rest, h }) => 2 * rest * h,
});

function normalise(g: OnnxGraph, x: OnnxValue, eps: number): { normed: OnnxValue; scale: OnnxValue } {
  const centred = g.sub(x, g.reduceMean(x, [-1]));
  const scale = g.sqrt(g.add(g.reduceMean(g.mul(centred, centred), [-1]), g.scalar(eps)));
  return { normed: g.div(centred, scale), scale };
}

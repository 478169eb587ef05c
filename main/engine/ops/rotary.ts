import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import { defineOp } from '../ir/op.ts';
import { turned } from './rotary-parts.ts';

/**
 * Rotary position embedding over all of d, half-split pairs (i, i + d/2). cos and sin are [t, d/2]: one angle a
 * pair (docs/method.md, LLaMA).
 */
export const rotary = defineOp({
  type: 'rotary',
  axes: 'x[b h t d], cos[t c], sin[t c] -> y[b h t d]',
  locks: { d: 'rotary positions pair the dimensions of a head', c: 'one angle a pair of dimensions' },
  emit: (g, { x, cos, sin }, node) => ({ y: rotate(g, x, cos, sin, node.size('d')) }),
  vjp: (g, { cos, sin }, { y: dy }, node) => ({ x: rotate(g, dy, cos, g.neg(sin), node.size('d')) }),
  macs: ({ b, h, t, d }) => 2 * b * h * t * d,
});

function rotate(g: OnnxGraph, x: OnnxValue, cos: OnnxValue, sin: OnnxValue, headDim: number): OnnxValue {
  const [a, b] = g.split(x, [headDim / 2, headDim / 2], -1);
  return turned(g, a, b, cos, sin);
}

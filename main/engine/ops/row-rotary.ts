import { defineOp } from '../ir/op.ts';
import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import { turned } from './rotary-parts.ts';

/**
 * Rotary position embedding over two halves of a head, each with positions of its own, where each row of a batch has its
 * own positions (docs/method.md, ChatGLM-6B). Within a half of m dimensions pairs are (i, i + m/2); cos and sin are
 * [b, t, 2, m/2], the first half's angles and the second's.
 */
export const rowRotary = defineOp({
  type: 'rowRotary',
  axes: 'x[b h t d], cos[b t n c], sin[b t n c] -> y[b h t d]',
  locks: {
    d: 'rotary positions pair the dimensions of a head',
    n: 'one position a half',
    c: 'one angle a pair of dimensions',
  },
  emit: (g, { x, cos, sin }, node) => ({ y: rotate(g, x, cos, sin, node.size('d')) }),
  vjp: (g, { cos, sin }, { y: dy }, node) => ({ x: rotate(g, dy, cos, g.neg(sin), node.size('d')) }),
  macs: ({ b, h, t, d }) => 2 * b * h * t * d,
});

function rotate(g: OnnxGraph, x: OnnxValue, cos: OnnxValue, sin: OnnxValue, headDim: number): OnnxValue {
  const quarter = headDim / 4;
  const [a, b] = g.split(g.reshape(x, [0, 0, 0, 2, 2 * quarter]), [quarter, quarter], -1);
  const [cosine, sine] = [cos, sin].map((table) => g.unsqueeze(table, [1]));
  return g.reshape(turned(g, a, b, cosine, sine), [0, 0, 0, headDim]);
}

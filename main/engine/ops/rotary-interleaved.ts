import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import { defineOp, type NodeView } from '../ir/op.ts';
import { turned } from './rotary-parts.ts';

/**
 * Rotary position embedding over the first 2c dimensions of a head, interleaved pairs (2i, 2i + 1); the others pass
 * through (docs/method.md, ChatGLM2 and 3). cos and sin are [t, c]: one angle a pair.
 */
export const rotaryInterleaved = defineOp({
  type: 'rotaryInterleaved',
  axes: 'x[b h t d], cos[t c], sin[t c] -> y[b h t d]',
  locks: { d: 'rotary positions pair the dimensions of a head', c: 'one angle a pair of dimensions' },
  emit: (g, { x, cos, sin }, node) => ({ y: rotate(g, x, cos, sin, node) }),
  vjp: (g, { cos, sin }, { y: dy }, node) => ({ x: rotate(g, dy, cos, g.neg(sin), node) }),
  macs: ({ b, h, t, c }) => 2 * b * h * t * 2 * c,
});

function rotate(g: OnnxGraph, x: OnnxValue, cos: OnnxValue, sin: OnnxValue, node: NodeView): OnnxValue {
  const pairs = node.size('c');
  const passing = node.size('d') - 2 * pairs;
  const [turning, rest] = passing === 0 ? [x] : g.split(x, [2 * pairs, passing], -1);
  const [a, b] = g.split(g.reshape(turning, [0, 0, 0, pairs, 2]), [1, 1], -1);
  const [cosine, sine] = [cos, sin].map((table) => g.unsqueeze(table, [-1]));
  const inPlace = g.reshape(turned(g, a, b, cosine, sine), [0, 0, 0, 2 * pairs]);
  return passing === 0 ? inPlace : g.concat([inPlace, rest], -1);
}

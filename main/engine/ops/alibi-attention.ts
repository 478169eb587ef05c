import { defineOp } from '../ir/op.ts';
import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import { attend, attendBackward } from './attention-parts.ts';

/**
 * y = softmax(q·kᵀ/√d + slope·position + mask)·v: attention with linear biases (ALiBi, arXiv 2108.12409). Each head has a
 * slope of its own, slopes [g, r]; positions [1, t] are the keys'.
 */
export const alibiAttention = defineOp({
  type: 'alibiAttention',
  axes: 'q[b (g r) s d], k[b g t d], v[b g t e], mask[s t], slopes[g r], positions[o t] -> y[b (g r) s e]',
  locks: {
    s: 'positions are data',
    t: 'positions are data',
    o: 'positions are data',
    r: 'a KV head goes with all of its query heads',
  },
  pastAxis: 't',
  emit: (g, ports, node) => ({ y: attend(g, ports, biasOf(g, ports), node) }),
  vjp: (g, ports, { y: dy }, node) => attendBackward(g, ports, biasOf(g, ports), dy, node),
  macs: ({ b, g, r, s, t, d }) => b * g * r * (2 * s * t * d + s * t),
});

/** [g, r, s, t]: slope·position, and the mask. */
function biasOf(g: OnnxGraph, { slopes, positions, mask }: Readonly<Record<string, OnnxValue>>): OnnxValue {
  const perHead = g.unsqueeze(slopes, [-2, -1]);
  return g.add(g.mul(perHead, positions), mask);
}

import { defineOp } from '../ir/op.ts';
import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import { attend, attendBackward } from './attention-parts.ts';

/** y = softmax(q·kᵀ/√d + mask)·v, where each row of a batch has a mask of its own, [b, s, t]: a prefix that sees itself. */
export const rowMaskedAttention = defineOp({
  type: 'rowMaskedAttention',
  axes: 'q[b (g r) s d], k[b g t d], v[b g t e], mask[b s t] -> y[b (g r) s e]',
  locks: {
    s: 'positions are data',
    t: 'positions are data',
    r: 'a KV head goes with all of its query heads',
  },
  pastAxis: 't',
  emit: (g, ports, node) => ({ y: attend(g, ports, perHead(g, ports.mask), node) }),
  vjp: (g, ports, { y: dy }, node) => attendBackward(g, ports, perHead(g, ports.mask), dy, node),
  macs: ({ b, g, r, s, t, d }) => b * g * r * (2 * s * t * d + s * t),
});

/** [b, s, t] as [b, 1, 1, s, t]. */
const perHead = (g: OnnxGraph, mask: OnnxValue): OnnxValue => g.unsqueeze(mask, [1, 2]);

import { defineOp } from '../ir/op.ts';
import { attend, attendBackward } from './attention-parts.ts';

/**
 * y = softmax(q·kᵀ/√d + mask)·v. Query head h reads KV head floor(h / r). The additive mask [s, t] says which keys a
 * position sees.
 */
export const attention = defineOp({
  type: 'attention',
  axes: 'q[b (g r) s d], k[b g t d], v[b g t e], mask[s t] -> y[b (g r) s e]',
  locks: {
    s: 'positions are data',
    t: 'positions are data',
    r: 'a KV head goes with all of its query heads',
  },
  pastAxis: 't',
  emit: (g, ports, node) => ({ y: attend(g, ports, ports.mask, node) }),
  vjp: (g, ports, { y: dy }, node) => attendBackward(g, ports, ports.mask, dy, node),
  macs: ({ b, g, r, s, t, d }) => b * g * r * (2 * s * t * d + s * t),
});

import type { OnnxValue } from '../onnx/onnx-graph.ts';
import { defineOp } from '../ir/op.ts';

/** y = max(logits) - logits[label], token by token: 0 where no other token is likelier than the label. */
export const shortfall = defineOp({
  type: 'shortfall',
  axes: 'logits[b t v], labels[b t] -> y[b t]',
  locks: { v: 'the vocabulary belongs to the tokenizer' },
  emit: (g, { logits, labels }) => {
    const picked = g.op('GatherElements', [logits, g.unsqueeze(labels, [-1])], { axis: -1 });
    const below = g.sub(g.reduceMax(logits, [-1]), picked);
    return { y: g.op('Squeeze', [below, g.ints([-1])]) };
  },
  /** One at the largest, minus one at the label; of equals the first is taken. */
  vjp: (g, { logits, labels }, { y: dy }) => {
    const upstream = g.unsqueeze(dy, [-1]);
    const largest = g.op('ArgMax', [logits], { axis: -1, keepdims: 1 });
    const add = (x: OnnxValue, at: OnnxValue, value: OnnxValue): OnnxValue =>
      g.op('ScatterElements', [x, at, value], { axis: -1, reduction: 'add' });
    const zeros = g.sub(logits, logits);
    return { logits: add(add(zeros, largest, upstream), g.unsqueeze(labels, [-1]), g.neg(upstream)) };
  },
});

import { defineOp } from '../ir/op.ts';

/**
 * y = -log softmax(logits)[label], token by token; summing and averaging are the caller's. A token that does not
 * count takes label 0 and an upstream gradient of 0.
 */
export const crossEntropy = defineOp({
  type: 'crossEntropy',
  axes: 'logits[b t v], labels[b t] -> y[b t]',
  locks: { v: 'the vocabulary belongs to the tokenizer' },
  emit: (g, { logits, labels }) => {
    const shifted = g.sub(logits, g.reduceMax(logits, [-1]));
    const total = g.log(g.reduceSum(g.exp(shifted), [-1]));
    const picked = g.op('GatherElements', [shifted, g.unsqueeze(labels, [-1])], { axis: -1 });
    return { y: g.sub(total, g.op('Squeeze', [picked, g.ints([-1])])) };
  },
  /** softmax minus one at the label. */
  vjp: (g, { logits, labels }, { y: dy }) => {
    const upstream = g.unsqueeze(dy, [-1]);
    const probabilities = g.op('Softmax', [logits], { axis: -1 });
    return {
      logits: g.op(
        'ScatterElements',
        [g.mul(probabilities, upstream), g.unsqueeze(labels, [-1]), g.neg(upstream)],
        {
          axis: -1,
          reduction: 'add',
        },
      ),
    };
  },
});

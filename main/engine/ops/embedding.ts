import { defineOp } from '../ir/op.ts';

/**
 * y[b, t] = W[ids[b, t]]. W is [v, h]; only the rows in use are turned into float32. Attribute paddingId: a row that
 * gets no gradient, as PyTorch's padding_idx.
 */
export const embedding = defineOp({
  type: 'embedding',
  axes: 'ids[b t], weight[v h] -> y[b t h]',
  locks: { v: 'the vocabulary belongs to the tokenizer' },
  rawPorts: ['weight'],
  lookup: 'weight',
  emit: (g, { ids, weight }, node) => ({
    y: g.toFloat(g.op('Gather', [weight, ids], { axis: 0 }), node.dtype('weight')),
  }),
  /** Rows of tokens that occur often get a sum: ScatterND adds serially, so the bits repeat. */
  vjp: (g, { ids }, { y: dy }, node) => {
    const zeros = g.op('Expand', [g.scalar(0), g.ints([node.size('v'), node.size('h')])]);
    const rows = g.reshape(ids, [-1, 1]);
    const counted = g.rows(dy, node.size('h'));
    const updates =
      'paddingId' in node.attributes
        ? g.op('Where', [g.op('Equal', [rows, g.int(node.attributes.paddingId)]), g.scalar(0), counted])
        : counted;
    return { weight: g.op('ScatterND', [zeros, rows, updates], { reduction: 'add' }) };
  },
});

import type { NodeView, OnnxPorts } from '../ir/op.ts';
import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';

/**
 * y = softmax(q·kᵀ/√d + bias)·v, for the attention ops of this folder, whose signatures have the axes b, g, r, d and e: the
 * r query heads of a KV head lie one after the other, so they are folded into the rows of one matrix product, and no
 * head is copied.
 * @param bias Anything that can be added to [b, g, r, s, t].
 */
export function attend(g: OnnxGraph, { q, k, v }: OnnxPorts, bias: OnnxValue, node: NodeView): OnnxValue {
  return unfold(g, g.matmul(attentionWeights(g, q, k, bias, node), v), q, node.size('e'));
}

/** Gradients of q, k and v from that of y. */
export function attendBackward(
  g: OnnxGraph,
  { q, k, v }: OnnxPorts,
  bias: OnnxValue,
  dy: OnnxValue,
  node: NodeView,
): OnnxPorts {
  const weights = attentionWeights(g, q, k, bias, node);
  const upstream = fold(g, dy, node, node.size('e'));
  const dWeights = g.matmul(upstream, transposeLast(g, v));
  const along = g.reduceSum(g.mul(dWeights, weights), [-1], true);
  const dScores = g.mul(g.mul(weights, g.sub(dWeights, along)), g.scalar(scoreScale(node)));
  return {
    q: unfold(g, g.matmul(dScores, k), q, node.size('d')),
    k: g.matmul(transposeLast(g, dScores), fold(g, q, node, node.size('d'))),
    v: g.matmul(transposeLast(g, weights), upstream),
  };
}

const scoreScale = (node: NodeView): number => 1 / Math.sqrt(node.size('d'));

/** Softmax weights as [b, g, (r s), t]. */
function attentionWeights(
  g: OnnxGraph,
  q: OnnxValue,
  k: OnnxValue,
  bias: OnnxValue,
  node: NodeView,
): OnnxValue {
  const scaled = g.mul(fold(g, q, node, node.size('d')), g.scalar(scoreScale(node)));
  const folded = g.matmul(scaled, transposeLast(g, k));
  const perHead = g.op('Reshape', [folded, scoreShape(g, q, k, node)]);
  const weights = g.op('Softmax', [g.add(perHead, bias)], { axis: -1 });
  return g.op('Reshape', [weights, g.shapeOf(folded)]);
}

/** [b, (g r), s, n] as [b, g, (r s), n]. */
function fold(g: OnnxGraph, x: OnnxValue, node: NodeView, last: number): OnnxValue {
  return g.reshape(x, [0, node.size('g'), -1, last]);
}

/** [b, g, (r s), n] as [b, (g r), s, n], with the leading shape of q. */
function unfold(g: OnnxGraph, x: OnnxValue, q: OnnxValue, last: number): OnnxValue {
  const leading = g.op('Shape', [q], { start: 0, end: 3 });
  return g.op('Reshape', [x, g.concat([leading, g.ints([last])], 0)]);
}

/** The shape [b, g, r, s, t]. */
function scoreShape(g: OnnxGraph, q: OnnxValue, k: OnnxValue, node: NodeView): OnnxValue {
  const batch = g.op('Shape', [q], { start: 0, end: 1 });
  const queries = g.op('Shape', [q], { start: 2, end: 3 });
  const keys = g.op('Shape', [k], { start: 2, end: 3 });
  return g.concat([batch, g.ints([node.size('g'), node.size('r')]), queries, keys], 0);
}

function transposeLast(g: OnnxGraph, x: OnnxValue): OnnxValue {
  return g.transpose(x, [0, 1, 3, 2]);
}

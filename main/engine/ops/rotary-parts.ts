import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';

/** Pairs (a, b) turned by their angles, the a's before the b's along the last axis. */
export function turned(g: OnnxGraph, a: OnnxValue, b: OnnxValue, cos: OnnxValue, sin: OnnxValue): OnnxValue {
  const first = g.sub(g.mul(a, cos), g.mul(b, sin));
  const second = g.add(g.mul(b, cos), g.mul(a, sin));
  return g.concat([first, second], -1);
}

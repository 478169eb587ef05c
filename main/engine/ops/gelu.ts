import type { OnnxGraph, OnnxValue } from '../onnx/onnx-graph.ts';
import { defineOp } from '../ir/op.ts';

/** sqrt(2/π), as BLOOM and ChatGLM-6B write it out. */
const inner = 0.7978845608028654;
const cubic = 0.044715;

/** y = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))): GELU by its tanh approximation. */
export const gelu = defineOp({
  type: 'gelu',
  axes: 'x[... f] -> y[... f]',
  emit: (g, { x }) => ({ y: g.mul(g.mul(x, g.scalar(0.5)), g.add(g.scalar(1), bend(g, x))) }),
  /** With b = tanh(u): dy/dx = (1 + b)/2 + x/2·(1 - b²)·du/dx. */
  vjp: (g, { x }, { y: dy }) => {
    const bent = bend(g, x);
    const du = g.mul(g.scalar(inner), g.add(g.scalar(1), g.mul(g.scalar(3 * cubic), g.mul(x, x))));
    const steep = g.mul(g.mul(x, g.sub(g.scalar(1), g.mul(bent, bent))), du);
    return { x: g.mul(dy, g.mul(g.scalar(0.5), g.add(g.add(g.scalar(1), bent), steep))) };
  },
  macs: ({ rest, f }) => rest * f,
});

function bend(g: OnnxGraph, x: OnnxValue): OnnxValue {
  const cube = g.mul(g.scalar(cubic), g.mul(g.mul(x, x), x));
  return g.op('Tanh', [g.mul(g.scalar(inner), g.add(x, cube))]);
}

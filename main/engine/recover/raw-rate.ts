import type { Program } from '../derive/emission.ts';
import { OnnxGraph } from '../onnx/onnx-graph.ts';
import { shapeOf } from '../ir/graph.ts';
import { linear } from '../ops/index.ts';
import type { DescribedModel } from '../runtime/model.ts';
import { blockGraph } from '../runtime/model-graph.ts';
import { floats, openSession, type SessionOptions } from '../runtime/session.ts';

/** Float32 elements of a weight that is multiplied with: as fast as a larger one, and soon made. */
const mostElements = 8 * 2 ** 20;
/** Runs of a shape, of which the fastest counts: other programs only slow one down. */
const leastRuns = 4;
const leastSecondsOfAShape = 0.15;

/**
 * Floating-point operations a second that plain float32 matrix products reach on a device, in the shapes of the
 * widest layer's weights: each shape's time counts as much as the products of its size take.
 * @param tokens Rows of x.
 */
export async function rawMatrixRate(
  model: Pick<DescribedModel, 'family' | 'config'>,
  tokens: number,
  options: SessionOptions,
): Promise<number> {
  const session = await openSession(productProgram(), options);
  try {
    let flops = 0;
    let seconds = 0;
    for (const { outSize, inSize } of weightShapes(model)) {
      const rows = Math.min(outSize, Math.max(1, Math.floor(mostElements / inSize)));
      const feeds = {
        x: floats(new Float32Array(tokens * inSize).fill(0.1), [tokens, inSize]),
        weight: floats(new Float32Array(rows * inSize).fill(0.1), [rows, inSize]),
      };
      const fastest = await fastestSeconds(() => session.run(feeds));
      flops += 2 * tokens * inSize * outSize;
      seconds += fastest * (outSize / rows);
    }
    return flops / seconds;
  } finally {
    await session.release();
  }
}

/** The linear weights of the layer that has most of them, by elements. */
function weightShapes({
  family,
  config,
}: Pick<DescribedModel, 'family' | 'config'>): { outSize: number; inSize: number }[] {
  const layers = config.layers.map((shape) =>
    blockGraph(family, config, shape)
      .graph.nodes.filter(({ op }) => op === linear)
      .map(({ inputs }) => shapeOf(inputs.weight).map(Number))
      .map(([outSize, inSize]) => ({ outSize, inSize })),
  );
  const sizeOf = (shapes: (typeof layers)[number]): number =>
    shapes.reduce((total, { outSize, inSize }) => total + outSize * inSize, 0);
  return layers.reduce((widest, shapes) => (sizeOf(shapes) > sizeOf(widest) ? shapes : widest));
}

async function fastestSeconds(product: () => Promise<unknown>): Promise<number> {
  let fastest = Infinity;
  let total = 0;
  for (let runs = 0; runs < leastRuns || total < leastSecondsOfAShape; runs++) {
    const startedAtMs = performance.now();
    await product();
    const seconds = (performance.now() - startedAtMs) / 1000;
    fastest = Math.min(fastest, seconds);
    total += seconds;
  }
  return fastest;
}

/** x·Wᵀ as the op has it; of the result one element is given out, since a copy of it all would count as well. */
function productProgram(): Program {
  const g = new OnnxGraph();
  const x = g.input('x', 'float', ['tokens', 'in']);
  const weight = g.input('weight', 'float', ['out', 'in']);
  const y = g.matmul(x, g.transpose(weight, [1, 0]));
  g.output('first', g.op('Slice', [y, g.ints([0, 0]), g.ints([1, 1])]), 'float', [1, 1]);
  return { model: g.encode(), inputs: g.usedInputs(), outputs: g.outputNames() };
}

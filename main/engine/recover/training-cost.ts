import { macsOf } from '../derive/cost.ts';
import { AdaptedGraph, isAdapterParam, type Adaptation } from '../derive/lora.ts';
import type { GraphNode } from '../ir/graph.ts';
import { attention, linear } from '../ops/index.ts';
import type { DescribedModel } from '../runtime/model.ts';
import { blockGraph, headGraph } from '../runtime/model-graph.ts';

/** A matrix product of the network, and how often a training step needs one of its size. */
interface Product {
  readonly node: GraphNode;
  readonly times: number;
}

/**
 * Floating-point operations of the matrix products that a training step needs (docs/method.md, Recovery): two a
 * multiply-accumulate; what the backward pass recomputes, and padding, are not needed and so not counted.
 */
export class TrainingCost {
  private readonly products: readonly Product[];
  private readonly flopsByLength = new Map<number, number>();

  constructor({ family, config }: Pick<DescribedModel, 'family' | 'config'>, adaptation: Adaptation) {
    const layers = config.layers.map(
      (shape) => blockGraph(family, config, shape, new AdaptedGraph(adaptation)).graph,
    );
    const graphs = [...layers, headGraph(family, config).graph];
    this.products = graphs.flatMap(({ nodes }) => nodes.flatMap(productOf));
  }

  /** @param length Tokens of a row. */
  flopsOfRow(length: number): number {
    const known = this.flopsByLength.get(length);
    if (known !== undefined) return known;
    const dynamic = { batch: 1, sequence: length };
    const flops = this.products.reduce(
      (total, { node, times }) => total + 2 * times * macsOf(node, dynamic),
      0,
    );
    this.flopsByLength.set(length, flops);
    return flops;
  }
}

/** Forward, and a gradient for each factor that has one: of a frozen weight only its x does. */
function productOf(node: GraphNode): Product[] {
  if (node.op === attention) return [{ node, times: 3 }];
  if (node.op !== linear) return [];
  return [{ node, times: isAdapterParam(node.inputs.weight.name) ? 3 : 2 }];
}

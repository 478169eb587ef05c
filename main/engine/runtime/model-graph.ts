import { GraphBuilder, type Value } from '../ir/graph.ts';
import type { Family, LayerShape, ModelConfig } from '../families/family.ts';

/** The whole network as one graph, with the hidden states before its first layer: for discovery and costs; it is never run as one. */
export function modelGraph(
  family: Family,
  config: ModelConfig,
): { graph: GraphBuilder; hidden: Value; logits: Value } {
  const graph = new GraphBuilder();
  const hidden = family.embed(graph, config);
  let x = hidden;
  config.layers.forEach((shape, layer) => {
    x = graph.within(family.layerPrefix(layer), () => family.block(graph, config, shape, x));
  });
  return { graph, hidden, logits: family.head(graph, config, x) };
}

/** One decoder layer as a graph of its own, from `x` to `y`, under names without the layer's prefix. */
export function blockGraph(
  family: Family,
  config: ModelConfig,
  shape: LayerShape,
  graph = new GraphBuilder(),
): { graph: GraphBuilder; x: Value; y: Value } {
  const x = hiddenInput(graph, config);
  return { graph, x, y: family.block(graph, config, shape, x) };
}

export function embedGraph(family: Family, config: ModelConfig): { graph: GraphBuilder; y: Value } {
  const graph = new GraphBuilder();
  return { graph, y: family.embed(graph, config) };
}

export function headGraph(
  family: Family,
  config: ModelConfig,
): { graph: GraphBuilder; x: Value; logits: Value } {
  const graph = new GraphBuilder();
  const x = hiddenInput(graph, config);
  return { graph, x, logits: family.head(graph, config, x) };
}

function hiddenInput(graph: GraphBuilder, config: ModelConfig): Value {
  return graph.input('x', 'float', ['batch', 'sequence', config.hiddenSize]);
}

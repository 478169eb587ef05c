import { EngineError } from '../errors.ts';
import type { ConfigReader } from './config-reader.ts';
import type { LayerShape } from './family.ts';

/** More layers than any published model has by a factor of ten. */
const maxLayers = 4096;

/** Keys of a model whose layers differ in width: one list entry a layer. */
export const perLayerKeys = [
  'num_attention_heads_per_layer',
  'num_key_value_heads_per_layer',
  'intermediate_size_per_layer',
] as const;

/** Widths of every layer: the stock keys, or the lists of a pruned model. */
export function readLayerShapes(config: ConfigReader): LayerShape[] {
  const layers = config.count('num_hidden_layers');
  if (layers > maxLayers) throw config.invalid('num_hidden_layers', `at most ${maxLayers}`, layers);
  const heads = config.count('num_attention_heads');
  const kvHeads = config.count('num_key_value_heads', heads);
  const mlpWidth = config.count('intermediate_size');
  const [headsOf, kvHeadsOf, mlpWidthOf] = perLayerKeys.map((key) => config.countPerLayer(key, layers));
  return Array.from({ length: layers }, (_, i) => {
    const shape = {
      heads: headsOf?.[i] ?? heads,
      kvHeads: kvHeadsOf?.[i] ?? kvHeads,
      mlpWidth: mlpWidthOf?.[i] ?? mlpWidth,
    };
    if (shape.heads % shape.kvHeads !== 0) {
      throw new EngineError(
        'config-invalid',
        `config.json: layer ${i} has ${shape.heads} attention heads, which ${shape.kvHeads} key-value heads do not divide.`,
        { layer: i, heads: shape.heads, kvHeads: shape.kvHeads },
      );
    }
    return shape;
  });
}

/** The stock keys take the widest layer, so that a loader which reads only them fails on shapes, never silently. */
export function withLayerShapes(layers: readonly LayerShape[]): Record<string, unknown> {
  const lists = {
    heads: layers.map(({ heads }) => heads),
    kvHeads: layers.map(({ kvHeads }) => kvHeads),
    mlpWidths: layers.map(({ mlpWidth }) => mlpWidth),
  };
  return {
    num_attention_heads: Math.max(...lists.heads),
    num_key_value_heads: Math.max(...lists.kvHeads),
    intermediate_size: Math.max(...lists.mlpWidths),
    [perLayerKeys[0]]: lists.heads,
    [perLayerKeys[1]]: lists.kvHeads,
    [perLayerKeys[2]]: lists.mlpWidths,
  };
}

export function withoutLayerShapes(source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const own: readonly string[] = perLayerKeys;
  return Object.fromEntries(Object.entries(source).filter(([key]) => !own.includes(key)));
}

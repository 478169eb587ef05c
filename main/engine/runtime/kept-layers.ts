import type { ModelConfig } from '../families/family.ts';

/** Keys of config.json with an entry a layer; those of widths are written anew with them. */
const perLayer = ['layer_types', 'no_rope_layers'] as const;

/** A model's config with some of its layers alone, numbered anew: its lists of layers are cut as well. */
export function withLayers(config: ModelConfig, kept: readonly number[]): ModelConfig {
  const { layers, source } = config;
  if (kept.length === layers.length) return config;
  const lists = perLayer.flatMap((key) => {
    const list: unknown = source[key];
    return Array.isArray(list) && list.length === layers.length
      ? [[key, kept.map((layer) => (list as unknown[])[layer])] as const]
      : [];
  });
  return {
    ...config,
    layers: kept.map((layer) => layers[layer]),
    source: { ...source, ...Object.fromEntries<unknown>(lists) },
  };
}

import { EngineError } from '../errors.ts';
import type { ConfigReader } from './config-reader.ts';
import type { LayerShape, ModelConfig, NetworkShape, WrittenConfig } from './family.ts';

/** More layers than any published model has by a factor of ten. */
const maxLayers = 4096;

/** Under which keys a family's config.json has its widths; null where it has none. */
export interface ShapeKeys {
  readonly layers: string;
  readonly heads: string;
  readonly kvHeads: string | null;
  readonly mlpWidth: string;
}

/** Those of LLaMA, which most families took over. */
export const stockKeys: ShapeKeys = {
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  mlpWidth: 'intermediate_size',
};

/** Keys of a model whose layers differ in width: one list entry a layer. */
const perLayerKeys = [
  'num_attention_heads_per_layer',
  'num_key_value_heads_per_layer',
  'intermediate_size_per_layer',
] as const;

/** Widths of every layer: the stock keys, or the lists of a pruned model. */
export function readLayerShapes(config: ConfigReader, keys = stockKeys): LayerShape[] {
  const layers = config.count(keys.layers);
  if (layers > maxLayers) throw config.invalid(keys.layers, `at most ${maxLayers}`, layers);
  const heads = config.count(keys.heads);
  const kvHeads = keys.kvHeads === null ? heads : config.count(keys.kvHeads, heads);
  const mlpWidth = config.count(keys.mlpWidth);
  const [headsOf, kvHeadsOf, mlpWidthOf] = perLayerKeys.map((key) => config.countPerLayer(key, layers));
  return Array.from({ length: layers }, (_, i) => {
    const shape = {
      heads: headsOf?.[i] ?? heads,
      kvHeads: kvHeadsOf?.[i] ?? kvHeads,
      mlpWidth: mlpWidthOf?.[i] ?? mlpWidth,
    };
    requireDivision(shape, i, keys);
    return shape;
  });
}

function requireDivision({ heads, kvHeads }: LayerShape, layer: number, keys: ShapeKeys): void {
  if (heads % kvHeads === 0 && (keys.kvHeads !== null || heads === kvHeads)) return;
  const why =
    keys.kvHeads === null
      ? `but ${kvHeads} key-value heads; the architecture has as many of both`
      : `which ${kvHeads} key-value heads do not divide`;
  throw new EngineError(
    'config-invalid',
    `config.json: layer ${layer} has ${heads} attention heads, ${why}.`,
    { layer, heads, kvHeads },
  );
}

/** The widths that all layers have; undefined where they differ. */
export function uniformShape(layers: readonly LayerShape[]): LayerShape | undefined {
  const [first] = layers;
  const same = (key: keyof LayerShape): boolean => layers.every((layer) => layer[key] === first[key]);
  return same('heads') && same('kvHeads') && same('mlpWidth') ? first : undefined;
}

/** The stock keys take the widest layer, so that a loader which reads only them fails on shapes, never silently. */
function withLayerShapes(layers: readonly LayerShape[], keys: ShapeKeys): Record<string, unknown> {
  const lists = {
    heads: layers.map(({ heads }) => heads),
    kvHeads: layers.map(({ kvHeads }) => kvHeads),
    mlpWidths: layers.map(({ mlpWidth }) => mlpWidth),
  };
  return {
    ...stockWidths(
      {
        heads: Math.max(...lists.heads),
        kvHeads: Math.max(...lists.kvHeads),
        mlpWidth: Math.max(...lists.mlpWidths),
      },
      keys,
    ),
    [perLayerKeys[0]]: lists.heads,
    [perLayerKeys[1]]: lists.kvHeads,
    [perLayerKeys[2]]: lists.mlpWidths,
  };
}

function stockWidths({ heads, kvHeads, mlpWidth }: LayerShape, keys: ShapeKeys): Record<string, unknown> {
  return {
    [keys.heads]: heads,
    ...(keys.kvHeads !== null && { [keys.kvHeads]: kvHeads }),
    [keys.mlpWidth]: mlpWidth,
  };
}

function withoutLayerShapes(source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const own: readonly string[] = perLayerKeys;
  return Object.fromEntries(Object.entries(source).filter(([key]) => !own.includes(key)));
}

/**
 * config.json of a family whose stock loader takes any widths, as long as all layers have the same.
 * @param further Keys that say what pruning leaves as it was, such as head_dim.
 * @param loader What opens it beside the studio, by name.
 */
export function writeStockConfig(
  config: ModelConfig,
  { hiddenSize, layers }: NetworkShape,
  further: Readonly<Record<string, unknown>>,
  loader: string,
  keys = stockKeys,
): WrittenConfig {
  const base = {
    ...withoutLayerShapes(config.source),
    hidden_size: hiddenSize,
    [keys.layers]: layers.length,
    ...further,
  };
  const first = uniformShape(layers);
  if (first) {
    return {
      json: { ...base, ...stockWidths(first, keys) },
      loaders: `${loader} and LLM-Pruner Studio open this folder.`,
    };
  }
  return { json: { ...base, ...withLayerShapes(layers, keys) }, loaders: unequalLoaders(loader) };
}

/**
 * config.json of a family whose stock loader takes a head to be as wide as hidden size / heads: it opens what lost
 * neither heads nor hidden indices, with MLPs of one width.
 * @param whyNot What else the loader does not do with layers of one shape, as the rest of a sentence about it.
 */
export function writeFixedHeadConfig(
  config: ModelConfig,
  shape: NetworkShape,
  further: Readonly<Record<string, unknown>> | null,
  loader: string,
  keys: ShapeKeys,
  whyNot: (layer: LayerShape) => string | null = () => null,
): WrittenConfig {
  const { headDim } = config;
  const written = writeStockConfig(config, shape, { head_dim: headDim, ...further }, loader, keys);
  const first = uniformShape(shape.layers);
  if (!first) return written;
  const why =
    first.heads * headDim === shape.hiddenSize
      ? whyNot(first)
      : `refuses it: it takes heads to be as wide as the hidden size divided by their number, and ${first.heads} heads of ${headDim} are not ${shape.hiddenSize}`;
  if (why === null) return written;
  return { ...written, loaders: `LLM-Pruner Studio opens this folder. ${loader} ${why}.` };
}

/** Of a folder whose layers differ in width. */
function unequalLoaders(loader: string): string {
  return `LLM-Pruner Studio opens this folder. Its layers differ in width (${perLayerKeys.join(', ')} in config.json), which no stock loader can express: ${loader} refuses it.`;
}

import { EngineError } from '../errors.ts';
import type { ConfigReader } from './config-reader.ts';
import type {
  HeadOrigins,
  LayerShape,
  ModelConfig,
  NetworkShape,
  Positions,
  SideInput,
  WrittenConfig,
} from './family.ts';
import { writeFixedHeadConfig, type ShapeKeys } from './layer-shapes.ts';

/** Keys of a pruned model: how many heads the slopes are of, and which of them each layer still has. */
const ownKeys = { heads: 'alibi_num_heads', kept: 'alibi_heads_per_layer' } as const;

/**
 * Slopes of `heads` heads (ALiBi, arXiv 2108.12409): with n the largest power of two in them 2^(-8(i + 1)/n) for the first n;
 * the others take every second slope of twice as many.
 */
function alibiSlopes(heads: number): number[] {
  const n = 2 ** Math.floor(Math.log2(heads));
  return Array.from({ length: heads }, (_, i) =>
    i < n ? 2 ** ((-8 * (i + 1)) / n) : 2 ** ((-4 * (2 * (i - n) + 1)) / n),
  );
}

/**
 * What a pruned model says of its heads: survivors keep the slopes that they had. Undefined where all are there.
 * @throws EngineError config-invalid where the lists do not fit the layers.
 */
export function readHeadOrigins(
  config: ConfigReader,
  layers: readonly LayerShape[],
): HeadOrigins | undefined {
  if (!config.has(ownKeys.kept)) return undefined;
  const of = config.count(ownKeys.heads);
  const lists = config.source[ownKeys.kept];
  const fits = (list: unknown, layer: number): list is number[] =>
    Array.isArray(list) &&
    list.length === layers[layer].heads &&
    list.every((head, i) => Number.isInteger(head) && head >= 0 && head < of && !(head <= list[i - 1]));
  if (!Array.isArray(lists) || lists.length !== layers.length || !lists.every(fits)) {
    const expected = `a list a layer of the layer's heads, ascending, each below ${of}`;
    throw config.invalid(ownKeys.kept, expected, lists);
  }
  return { of, kept: lists };
}

/**
 * config.json of a family with slopes: it says which heads are left, whose slopes a stock loader would take for those of
 * as many heads.
 * @param whyNot As `writeFixedHeadConfig` has it.
 */
export function writeAlibiConfig(
  config: ModelConfig,
  shape: NetworkShape,
  loader: string,
  keys: ShapeKeys,
  whyNot: (layer: LayerShape) => string | null = () => null,
): WrittenConfig {
  const origins = headOrigins(config, shape);
  const own: readonly string[] = Object.values(ownKeys);
  const source = Object.fromEntries(Object.entries(config.source).filter(([key]) => !own.includes(key)));
  return writeFixedHeadConfig(
    { ...config, source },
    shape,
    origins && { [ownKeys.heads]: origins.of, [ownKeys.kept]: origins.kept },
    loader,
    keys,
    (layer) => whyNot(layer) ?? (origins && whySlopesDiffer(origins.of, layer.heads)),
  );
}

/** Which heads a model of these widths has; null where all are there. */
function headOrigins(config: ModelConfig, shape: NetworkShape): HeadOrigins | null {
  const of = config.headOrigins?.of ?? config.layers[0].heads;
  const origins =
    shape.origins ?? config.layers.map(({ heads }, layer) => ({ layer, heads: firstOnes(heads) }));
  const kept = origins.map(({ layer, heads }) =>
    heads.map((head) => config.headOrigins?.kept[layer][head] ?? head),
  );
  if (kept.length !== shape.layers.length || kept.some((list, i) => list.length !== shape.layers[i].heads)) {
    throw new EngineError(
      'config-invalid',
      'Heads with slopes of their own were removed, but nothing says which are left.',
    );
  }
  return kept.every((list) => list.length === of) ? null : { of, kept };
}

/** What a stock loader, which knows nothing of these keys, does with heads that fit it but for their slopes. */
const whySlopesDiffer = (of: number, heads: number): string =>
  `opens it without complaint and computes something else: the ${heads} heads keep the slopes that they had among ${of}, and it gives them those of a model of ${heads}`;

/** The slopes of a layer's heads, as the op takes them: one query head a KV head. [heads, 1] */
export function slopesOf({ layers, headOrigins }: ModelConfig, layer: number): SideInput {
  const { heads } = layers[layer];
  const all = alibiSlopes(headOrigins?.of ?? heads);
  const kept = headOrigins?.kept[layer] ?? firstOnes(heads);
  return { dims: [heads, 1], data: Float32Array.from(kept, (head) => all[head]) };
}

/** Positions of all keys; whatever where a place holds none yet. [1, slots + length] */
export function keyPositions({ length, start = 0, slots = 0, tree }: Positions): SideInput {
  const at = (key: number): number => (key < slots ? key : start + key - slots);
  const data = tree
    ? Float32Array.from(tree.positions)
    : Float32Array.from({ length: slots + length }, (_, key) => at(key));
  return { dims: [1, slots + length], data };
}

const firstOnes = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

import { countMacs, countParameters, elementsOf } from '../derive/cost.ts';
import { EngineError } from '../errors.ts';
import type { Family, LayerShape, ModelConfig, NetworkShape } from '../families/family.ts';
import type { GraphBuilder } from '../ir/graph.ts';
import { blockGraph, modelGraph } from '../runtime/model-graph.ts';
import { keepHighest } from './select.ts';
import type { LayerWindow } from './windows.ts';

/** What stays in one layer, as ascending indices into the original. */
export interface LayerPlan {
  readonly attention: { readonly keptHeads: readonly number[]; readonly keptKvHeads: readonly number[] };
  readonly mlp: { readonly keptChannels: readonly number[] };
}

export interface PrunePlan {
  /** Hidden indices that stay through the whole network, ascending; left out where all do. */
  readonly hidden?: readonly number[];
  /** null: the layer goes. */
  readonly layers: readonly (LayerPlan | null)[];
}

/** What a model costs, by the published formulas (docs/method.md, Evaluation). */
export interface ModelCosts {
  readonly parameters: number;
  /** Multiply-accumulates of one forward over 64 tokens. */
  readonly macs: number;
  /** Bytes of the weights in the checkpoint's element type. */
  readonly weightBytes: number;
  /** fp16 weights and rotary caches on the device, as the paper's memory column. */
  readonly memoryBytes: number;
}

export interface LocalSelection {
  readonly ratio: number;
  readonly windows: { readonly attention: LayerWindow; readonly mlp: LayerWindow };
}

/** @throws EngineError ratio-out-of-range unless 0 < ratio < 1. */
export function checkRatio(ratio: number): void {
  if (ratio > 0 && ratio < 1) return;
  throw new EngineError(
    'ratio-out-of-range',
    `prune.ratio is ${ratio}, but must lie between 0 and 1, both excluded.`,
    { ratio },
    ratio === 0 ? 'A ratio of 0 removes nothing: leave the model as it is.' : 'Try 0.25.',
  );
}

/** The lowest-scored hidden indices go, down to the planned size; heads and channels all stay. */
export function selectHidden(config: ModelConfig, hiddenSize: number, scores: readonly number[]): PrunePlan {
  if (scores.length !== config.hiddenSize)
    throw new RangeError(`There are ${scores.length} scores for ${config.hiddenSize} hidden indices.`);
  return {
    hidden: keepHighest(scores, config.hiddenSize - hiddenSize),
    layers: config.layers.map(wholeLayer),
  };
}

/** A layer of which everything stays. */
export function wholeLayer({ heads, kvHeads, mlpWidth }: LayerShape): LayerPlan {
  const all = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  return {
    attention: { keptHeads: all(heads), keptKvHeads: all(kvHeads) },
    mlp: { keptChannels: all(mlpWidth) },
  };
}

/** Costs of a model with the given widths, from its config alone. */
export function modelCosts(
  family: Family,
  original: ModelConfig,
  { hiddenSize, layers }: NetworkShape,
  bytesPerElementOf: (param: string) => number,
): ModelCosts {
  const config = { ...original, hiddenSize, layers };
  const ends = partCosts(modelGraph(family, { ...config, layers: [] }).graph);
  const parts = [ends, ...blockCosts(family, config)];
  const sum = (of: (part: PartCosts) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const parameters = sum((part) => part.parameters);
  const bytesOf = ({ prefix, params }: PartCosts): number =>
    params.reduce((total, { name, elements }) => total + elements * bytesPerElementOf(prefix + name), 0);
  return {
    parameters,
    macs: sum(({ macs }) => macs),
    weightBytes: sum(bytesOf),
    memoryBytes: 2 * parameters + family.publishedCacheBytes(config),
  };
}

/** Costs of a part of a network. */
interface PartCosts {
  readonly parameters: number;
  readonly macs: number;
  /** In front of the name of each parameter. */
  readonly prefix: string;
  readonly params: readonly { readonly name: string; readonly elements: number }[];
}

/** Most layers are alike, and a graph is built for each that is not: a slider asks for costs many times a second. */
function blockCosts(family: Family, config: ModelConfig): PartCosts[] {
  const known = new Map<string, PartCosts>();
  return config.layers.map((shape, layer) => {
    const key = [shape.heads, shape.kvHeads, shape.mlpWidth].join(' ');
    const costs = known.get(key) ?? partCosts(blockGraph(family, config, shape).graph);
    known.set(key, costs);
    return { ...costs, prefix: family.layerPrefix(layer) };
  });
}

function partCosts(graph: GraphBuilder): PartCosts {
  const params = [...graph.params.values()].map((param) => ({
    name: param.name,
    elements: elementsOf(param),
  }));
  return { parameters: countParameters(graph), macs: countMacs(graph), prefix: '', params };
}

/** The widths that a plan leaves of a network. */
export const shapeLeftBy = (plan: PrunePlan, { hiddenSize }: NetworkShape): NetworkShape => ({
  hiddenSize: plan.hidden?.length ?? hiddenSize,
  layers: shapesOf(plan),
  origins: plan.layers.flatMap((kept, layer) =>
    kept === null ? [] : [{ layer, heads: kept.attention.keptHeads }],
  ),
});

/** The layers that a plan leaves. */
export function shapesOf(plan: PrunePlan): LayerShape[] {
  return keptLayers(plan).map(({ attention, mlp }) => ({
    heads: attention.keptHeads.length,
    kvHeads: attention.keptKvHeads.length,
    mlpWidth: mlp.keptChannels.length,
  }));
}

/** The widths that a plan leaves of one layer; nothing, where it goes. */
export function layerLeftBy({ layers }: PrunePlan, layer: number): LayerShape {
  const plan = layers[layer];
  return {
    heads: plan?.attention.keptHeads.length ?? 0,
    kvHeads: plan?.attention.keptKvHeads.length ?? 0,
    mlpWidth: plan?.mlp.keptChannels.length ?? 0,
  };
}

export const keptLayers = ({ layers }: PrunePlan): LayerPlan[] => layers.filter((layer) => layer !== null);

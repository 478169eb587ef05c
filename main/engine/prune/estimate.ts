import { needsData, type Criterion, type WeightCriterion } from '../criteria/criterion.ts';
import type { GroupMember } from '../derive/groups.ts';
import type { ActivationStore } from '../runtime/activation-store.ts';
import { forwardPass } from '../runtime/forward-pass.ts';
import type { LayerWeights, Network } from '../runtime/network.ts';
import { partOf, type Pace } from '../runtime/pace.ts';
import type { SessionOptions } from '../runtime/session.ts';
import { RandomStream } from '../tensor/random.ts';
import type { Aggregation } from './aggregate.ts';
import { backwardLayer, calibrationBatches, type CalibrationBatches } from './calibration-pass.ts';
import { lossGradients } from '../runtime/loss-gradients.ts';
import { layerGroups, type LayerGroup } from './layer-groups.ts';
import { MemberScorer, type Contraction, type SalienceSums } from './member-scores.ts';
import type { AttentionUnit } from './prune-settings.ts';
import { unitScores, type GqaFold } from './unit-scores.ts';
import { inWindow, type LayerWindow } from './windows.ts';

/** What each structure of a layer is worth. */
export interface LayerScores {
  readonly layer: number;
  /** One a prunable attention unit: a head, with GQA a KV head and its query heads, or each of these by itself. */
  readonly heads: readonly number[];
  /** One an MLP channel. */
  readonly channels: readonly number[];
}

export interface EstimateRequest {
  readonly criterion: Criterion;
  readonly aggregation: Aggregation;
  readonly fold: GqaFold;
  readonly unit?: AttentionUnit;
  readonly windows: { readonly attention: LayerWindow; readonly mlp: LayerWindow };
  readonly seed: number;
  /** Token ids of the calibration set; may be empty for a criterion without gradient. */
  readonly rows: readonly ArrayLike<number>[];
  /** Of each row, 1 where a token is to be predicted; all but the first where it is left out. */
  readonly learnt?: readonly Uint8Array[] | undefined;
  readonly batchTokens: number;
  readonly store: ActivationStore;
  readonly session: SessionOptions;
  readonly pace: Pace;
  /** Layers whose scores are known from before an interruption. */
  readonly done: ReadonlySet<number>;
  /** Takes each layer's scores as soon as they are there. */
  readonly save: (scores: LayerScores) => Promise<void>;
}

/** Mean next-token loss over the calibration set, where the criterion had to compute it. */
export interface EstimateResult {
  readonly calibrationLoss?: number;
}

/**
 * Scores the structures of every layer inside the windows. With a gradient criterion: one forward pass that keeps
 * each layer's input, the loss, and one backward pass, layer by layer, down to the lowest layer to be scored.
 */
export async function estimate(network: Network, request: EstimateRequest): Promise<EstimateResult> {
  const { criterion } = request;
  if (criterion.kind === 'drawn') {
    for (const layer of scoredLayers(network, request))
      await request.save(drawnScores(network, layer, request));
    return {};
  }
  const scorer = new MemberScorer(criterion, request.session);
  try {
    if (needsData(criterion))
      return { calibrationLoss: await estimateWithGradient(network, scorer, request) };
    await estimateFromWeights(network, scorer, request);
    return {};
  } finally {
    await scorer.release();
  }
}

/** Layers inside either window; both kinds of structures are scored there, whichever is pruned. */
function scoredLayers(network: Network, { windows, done }: EstimateRequest): number[] {
  return Array.from({ length: network.layerCount }, (_, layer) => layer).filter(
    (layer) => (inWindow(layer, windows.attention) || inWindow(layer, windows.mlp)) && !done.has(layer),
  );
}

function groupsOf({ model }: Network, layer: number, { unit }: EstimateRequest): LayerGroup[] {
  const { family, config } = model;
  return Object.values(layerGroups(family, config, config.layers[layer], unit));
}

function drawnScores(network: Network, layer: number, request: EstimateRequest): LayerScores {
  const { criterion } = request;
  if (criterion.kind !== 'drawn') throw new RangeError(`${criterion.id} does not draw its scores.`);
  const random = new RandomStream(request.seed, 'random-criterion', layer);
  const scores = groupsOf(network, layer, request).map((group) => {
    const channels = Float64Array.from({ length: group.units * group.unitSize }, () =>
      criterion.draw(random),
    );
    return [
      group,
      unitScores({ ...group, scored: group.scored.slice(0, 1) }, [channels], 'first', 'correct'),
    ] as const;
  });
  return layerScores(layer, scores);
}

async function estimateFromWeights(
  network: Network,
  scorer: MemberScorer,
  request: EstimateRequest,
): Promise<void> {
  const layers = scoredLayers(network, request);
  for (const [i, layer] of layers.entries()) {
    const weights = await network.takeLayer(layer);
    if (i + 1 < layers.length) network.prefetchLayer(layers[i + 1]);
    await request.save(await scoreLayer(network, scorer, layer, weights, new Map(), request));
    await request.pace.breathe();
    request.pace.report((i + 1) / layers.length);
  }
}

async function estimateWithGradient(
  network: Network,
  scorer: MemberScorer,
  request: EstimateRequest,
): Promise<number> {
  const { store, pace } = request;
  const calibration = calibrationBatches(request);
  const { batches, predicted } = calibration;
  await forwardPass(network, batches, store, partOf(pace, 0, 0.25), true);
  const lossSum = await lossGradients(network, batches, 1 / predicted, {
    store,
    pace: partOf(pace, 0.25, 0.3),
  });
  await backwardPass(network, scorer, calibration, request);
  return lossSum / predicted;
}

async function backwardPass(
  network: Network,
  scorer: MemberScorer,
  calibration: CalibrationBatches,
  request: EstimateRequest,
): Promise<void> {
  const { pace } = request;
  const layers = scoredLayers(network, request);
  if (layers.length === 0) return;
  const lowest = layers[0];
  const steps = network.layerCount - lowest;
  for (let layer = network.layerCount - 1; layer >= lowest; layer--) {
    const weights = await network.takeLayer(layer);
    if (layer > lowest) network.prefetchLayer(layer - 1);
    const scored = layers.includes(layer)
      ? groupsOf(network, layer, request).flatMap((group) => group.scored)
      : [];
    const wanted = { contracted: [...new Set(scored.map(({ param }) => param))], params: [] };
    const gradients = await backwardLayer(network, layer, weights, calibration, wanted, request);
    if (scored.length > 0)
      await request.save(await scoreLayer(network, scorer, layer, weights, gradients.contractions, request));
    gradients.drop();
    pace.report(0.3 + (0.7 * (network.layerCount - layer)) / steps);
  }
}

async function scoreLayer(
  network: Network,
  scorer: MemberScorer,
  layer: number,
  weights: LayerWeights,
  contractions: ReadonlyMap<string, readonly Contraction[]>,
  request: EstimateRequest,
): Promise<LayerScores> {
  const { family } = network.model;
  const criterion = request.criterion as WeightCriterion;
  const sums = new Map<string, SalienceSums>();
  const scores: (readonly [LayerGroup, number[]])[] = [];
  for (const group of groupsOf(network, layer, request)) {
    for (const { param } of group.scored) {
      if (sums.has(param)) continue;
      const dtype = network.weights.dtypeOf(family.layerPrefix(layer) + param);
      if (dtype === 'int8-rows') throw new RangeError('Weights are scored as they are stored.');
      const weight = { feed: weights[param], dtype, contractions: contractions.get(param) ?? [] };
      sums.set(param, await scorer.sums(weight));
      await request.pace.breathe();
    }
    const members = group.scored.map((member) => memberScores(member, sums, criterion));
    scores.push([group, unitScores(group, members, request.aggregation, request.fold)]);
  }
  return layerScores(layer, scores);
}

function memberScores(
  { param, dim }: GroupMember,
  sums: ReadonlyMap<string, SalienceSums>,
  criterion: WeightCriterion,
): Float64Array {
  const found = sums.get(param);
  if (!found) throw new RangeError(`${param} was not scored.`);
  return (dim === 0 ? found.rows : found.columns).map(criterion.score);
}

function layerScores(layer: number, scores: readonly (readonly [LayerGroup, number[]])[]): LayerScores {
  const of = (kind: LayerGroup['kind']): number[] => scores.find(([group]) => group.kind === kind)?.[1] ?? [];
  return { layer, heads: of('attention'), channels: of('mlp') };
}

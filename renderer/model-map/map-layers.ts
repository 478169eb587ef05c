import type { LayerShape, RunDetail } from '../../preload/contract.ts';
import {
  editedKinds,
  noEdits,
  pinnedHeads,
  treatmentOf,
  type EditedKind,
  type PlanEdits,
} from '../plan/plan-edits.ts';

/** One layer as the map draws it. */
export interface MapLayer {
  readonly before: LayerShape;
  readonly after: LayerShape;
  readonly attentionLocked: boolean;
  readonly mlpLocked: boolean;
  /** What of it a person left whole. */
  readonly leftWhole: readonly EditedKind[];
  /** KV groups that a person pinned: they stay. */
  readonly pinnedKvHeads: readonly number[];
  /** One score a KV group, a head where there are no groups; null before scores exist. */
  readonly headScores: readonly number[] | null;
  readonly channelScores: ChannelMeans | null;
  /** How much the whole layer changes what goes through it; null where that was not asked. */
  readonly influence: number | null;
  /** KV groups that stay; null before they are chosen. */
  readonly keptKvHeads: readonly number[] | null;
}

/** Scores of a layer's channels, in falling order: the mean of each of some equal shares. */
export interface ChannelMeans {
  readonly means: readonly number[];
}

export interface LayerWindows {
  readonly attention: readonly [from: number, to: number];
  readonly mlp: readonly [from: number, to: number];
}

/** What a map is told beyond widths. */
export interface KnownChoices {
  readonly scores?: RunDetail['scores'];
  /** KV groups that stay, by layer; null where it is not known. */
  readonly kept?: readonly ({ readonly kvHeads: readonly number[] } | null)[] | null;
}

interface WidthChange {
  readonly before: LayerShape;
  readonly after: LayerShape;
}

/** A map out of what is known: widths always, windows, scores, choices and edits when they are there. */
export function mapLayers(
  layers: readonly WidthChange[],
  windows: LayerWindows | null,
  known: KnownChoices = {},
  edits: PlanEdits = noEdits,
): MapLayer[] {
  const scores = new Map((known.scores ?? []).map((of) => [of.layer, of]));
  const isLocked = (kind: EditedKind, layer: number): boolean => {
    const treatment = treatmentOf(edits, kind, layer);
    if (treatment !== 'planned') return treatment === 'whole';
    return windows !== null && !within(layer, windows[kind]);
  };
  return layers.map(({ before, after }, layer) => ({
    before,
    after,
    attentionLocked: isLocked('attention', layer),
    mlpLocked: isLocked('mlp', layer),
    leftWhole: editedKinds.filter((kind) => treatmentOf(edits, kind, layer) === 'whole'),
    pinnedKvHeads: pinnedHeads(edits, layer),
    headScores: perKvHead(scores.get(layer)?.heads ?? null, before),
    channelScores: scores.get(layer)?.channels ?? null,
    influence: scores.get(layer)?.influence ?? null,
    keptKvHeads: known.kept?.[layer]?.kvHeads ?? null,
  }));
}

/** A model as it is, nothing removed. */
export function wholeModel(layers: readonly LayerShape[]): MapLayer[] {
  return mapLayers(
    layers.map((shape) => ({ before: shape, after: shape })),
    null,
  );
}

/** Where query heads were scored by themselves, those of a KV group together. */
function perKvHead(scores: readonly number[] | null, { kvHeads }: LayerShape): readonly number[] | null {
  if (scores === null || scores.length === kvHeads) return scores;
  const size = scores.length / kvHeads;
  return Array.from({ length: kvHeads }, (_, kv) =>
    scores.slice(kv * size, (kv + 1) * size).reduce((sum, score) => sum + score, 0),
  );
}

const within = (layer: number, [from, to]: readonly [number, number]): boolean => layer >= from && layer < to;

/** Whether a head's place is known to go; without scores only the count is known, and the last places stand for it. */
export function goingKvHeads(layer: MapLayer): ReadonlySet<number> {
  const { before, after, keptKvHeads, headScores, pinnedKvHeads } = layer;
  const all = Array.from({ length: before.kvHeads }, (_, i) => i);
  if (keptKvHeads !== null) {
    const kept = new Set(keptKvHeads);
    return new Set(all.filter((i) => !kept.has(i)));
  }
  const count = before.kvHeads - after.kvHeads;
  if (count === 0) return new Set();
  const free = all.filter((i) => !pinnedKvHeads.includes(i));
  if (headScores === null) return new Set(free.slice(-count));
  return new Set(free.sort((a, b) => headScores[a] - headScores[b]).slice(0, count));
}

/**
 * The query heads that go: all of a KV group that goes, and where groups get smaller, as many of each. Which of a group
 * is not told here: its last places stand for them.
 */
export function goingHeads(layer: MapLayer): ReadonlySet<number> {
  const going = goingKvHeads(layer);
  const perGroup = headsPerGroup(layer.before);
  const left = losesWithinGroups(layer) ? headsPerGroup(layer.after) : perGroup;
  const heads = Array.from({ length: layer.before.heads }, (_, head) => head);
  return new Set(heads.filter((head) => going.has(Math.floor(head / perGroup)) || head % perGroup >= left));
}

/** Whether query heads go and their KV group stays. */
export const losesWithinGroups = ({ before, after }: Pick<MapLayer, 'before' | 'after'>): boolean =>
  after.kvHeads > 0 && headsPerGroup(after) < headsPerGroup(before);

/** Query heads that share one KV head. */
export function headsPerGroup({ heads, kvHeads }: LayerShape): number {
  return kvHeads > 0 ? heads / kvHeads : 1;
}

/** Slices of an MLP bar, most important first: each the importance of an equal share of the channels. */
export const channelSlices = 24;

/** Importance from 0 to 1 for colour: the rank of a score among all of its kind in the model. */
export interface ImportanceRanks {
  /** By layer and KV group. */
  readonly heads: readonly (readonly number[] | null)[];
  /** By layer and slice. */
  readonly channels: readonly (readonly number[] | null)[];
}

/** Ranks, not magnitudes: a few scores are far larger than all others and would wash out the rest. */
export function importanceRanks(layers: readonly MapLayer[]): ImportanceRanks {
  return {
    heads: ranked(layers.map(({ headScores }) => headScores)),
    channels: ranked(layers.map(({ channelScores }) => channelScores && slicesOf(channelScores))),
  };
}

function ranked(rows: readonly (readonly number[] | null)[]): (readonly number[] | null)[] {
  const sorted = Float64Array.from(rows.flatMap((row) => row ?? [])).sort();
  const last = Math.max(1, sorted.length - 1);
  return rows.map((row) => row && row.map((score) => lowerBound(sorted, score) / last));
}

/** How many entries of an ascending array lie below `value`. */
function lowerBound(sorted: Float64Array, value: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] < value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The shares are in falling order; a slice is the mean of those it covers, a part of one counting as that part. */
function slicesOf({ means }: ChannelMeans): number[] {
  const slices = Math.min(channelSlices, means.length);
  const width = means.length / slices;
  return Array.from({ length: slices }, (_, slice) => {
    const [from, to] = [slice * width, (slice + 1) * width];
    let total = 0;
    for (let i = Math.floor(from); i < Math.min(means.length, Math.ceil(to)); i++)
      total += means[i] * (Math.min(i + 1, to) - Math.max(i, from));
    return total / width;
  });
}

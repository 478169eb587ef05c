import type { PlanPreview, RunDetail } from '../../preload/contract.ts';
import { goingKvHeads, type MapLayer } from '../model-map/map-layers.ts';

/** The scores of one layer's heads or channels, the highest first. */
export interface ScoreColumn {
  readonly layer: number;
  /** A head's score, or the mean of an equal share of the channels. */
  readonly values: readonly number[];
  /** The heads that have these scores; null for shares of channels. */
  readonly heads: readonly number[] | null;
  /** How many of the values stay: for shares of channels a part of one counts as that part. */
  readonly staying: number;
  /** Of heads, whether each stays: one that is pinned may score less than one that goes. */
  readonly stays: readonly boolean[] | null;
  /** The highest score that goes; null where nothing goes, or it is not known. */
  readonly threshold: number | null;
}

/** A column a layer that has scores of its heads (KV groups). */
export function headColumns(layers: readonly MapLayer[]): ScoreColumn[] {
  return layers.flatMap((of, layer) => {
    const { headScores, attentionLocked, before } = of;
    if (headScores === null) return [];
    const going = attentionLocked ? new Set<number>() : goingKvHeads(of);
    const heads = headScores.map((_, head) => head).sort((a, b) => headScores[b] - headScores[a] || a - b);
    const leaving = [...going].map((head) => headScores[head]);
    return [
      {
        layer,
        heads,
        values: heads.map((head) => headScores[head]),
        stays: heads.map((head) => !going.has(head)),
        staying: before.kvHeads - going.size,
        threshold: leaving.length === 0 ? null : Math.max(...leaving),
      },
    ];
  });
}

/**
 * A column a layer that has scores of its MLP's channels.
 * @param thresholds By layer, where the plan was made by these scores.
 */
export function channelColumns(
  layers: readonly MapLayer[],
  thresholds: readonly (number | null)[] | null,
): ScoreColumn[] {
  return layers.flatMap(({ channelScores, mlpLocked, before, after }, layer) => {
    if (channelScores === null) return [];
    const { means } = channelScores;
    const share = mlpLocked ? 1 : after.mlpWidth / before.mlpWidth;
    return [
      {
        layer,
        heads: null,
        values: means,
        stays: null,
        staying: share * means.length,
        threshold: share === 1 ? null : (thresholds?.[layer] ?? null),
      },
    ];
  });
}

/** A column a layer that was judged as a whole. */
export function influenceColumns(layers: readonly MapLayer[]): ScoreColumn[] {
  return layers.flatMap(({ influence, after }, layer) => {
    if (influence === null) return [];
    const stays = after.mlpWidth > 0;
    return [
      { layer, heads: null, values: [influence], stays: [stays], staying: Number(stays), threshold: null },
    ];
  });
}

/** One column of the hidden indices, which go through the whole network. */
export function hiddenColumns(
  hidden: RunDetail['hidden'],
  size: PlanPreview['hiddenSize'],
  threshold: number | null,
): ScoreColumn[] {
  if (!hidden) return [];
  const { count, means } = hidden;
  const share = size === undefined ? 1 : size.after / count;
  return [{ layer: 0, heads: null, values: means, stays: null, staying: share * means.length, threshold }];
}

export const scaleSpans = ['layer', 'model'] as const;
/** Whether each layer is drawn up to its own highest score, or all of them up to the highest of the model. */
export type ScaleSpan = (typeof scaleSpans)[number];
export const scaleShapes = ['linear', 'log'] as const;
export type ScaleShape = (typeof scaleShapes)[number];

export interface ScoreScale {
  readonly lowest: number;
  readonly highest: number;
  /** Of a score: from 0, at the bottom, to 1. */
  readonly at: (score: number) => number;
}

/** A scale for these columns together. A linear one begins at 0, or below it; a logarithmic one begins at the lowest score that is above 0. */
export function scoreScale(columns: readonly ScoreColumn[], shape: ScaleShape): ScoreScale {
  const values = columns.flatMap((column) => column.values);
  const highest = values.reduce((most, value) => Math.max(most, value), 0);
  if (shape === 'linear') {
    // A product of many is told by its logarithm, which may be below 0.
    const floor = values.reduce((least, value) => Math.min(least, value), 0);
    const span = highest - floor;
    return { lowest: floor, highest, at: (score) => (span === 0 ? 0 : clamp((score - floor) / span)) };
  }
  const lowest = values.reduce((least, value) => (value > 0 ? Math.min(least, value) : least), highest);
  const span = Math.log(highest) - Math.log(lowest);
  const at = (score: number): number => {
    if (score <= 0 || highest === 0) return 0;
    return span === 0 ? 1 : clamp((Math.log(score) - Math.log(lowest)) / span);
  };
  return { lowest, highest, at };
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/** The value in the middle of a falling list. */
export const middleOf = (falling: readonly number[]): number => falling[Math.floor(falling.length / 2)];

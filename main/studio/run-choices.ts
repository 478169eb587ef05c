import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, readError } from '../engine/checkpoint/file-errors.ts';
import { readJsonFile } from '../engine/checkpoint/read-json.ts';
import { EngineError } from '../engine/errors.ts';
import type { Aggregation } from '../engine/prune/aggregate.ts';
import type { LayerInfluence } from '../engine/prune/block-influence.ts';
import type { LayerScores } from '../engine/prune/estimate.ts';
import type { PrunePlan } from '../engine/prune/plan.ts';
import { inNetworkOrder, totalHiddenScores, type HiddenScores } from '../engine/prune/total-hidden-scores.ts';
import { runFiles } from '../engine/run.ts';
import { UnchangedFiles } from './unchanged-files.ts';

/** What a layer's structures are worth, as far as a picture of it shows. */
export interface LayerImportance {
  readonly layer: number;
  /** One score a prunable attention unit; null where the layer has none. */
  readonly heads: readonly number[] | null;
  readonly channels: ChannelImportance | null;
  /** Of the whole layer, where whole ones go; null elsewhere. */
  readonly influence: number | null;
}

/** The scores of many channels, sorted and cut into equal shares: which channel has which is not told. */
export interface ChannelImportance {
  readonly count: number;
  /** The mean of each share, the highest first; the scores themselves where there are few. */
  readonly means: readonly number[];
}

/** KV heads that stay in each layer, as ascending indices into the original; none of a layer that goes. */
export type KeptHeads = readonly { readonly kvHeads: readonly number[] }[];

interface KeptStructures {
  readonly heads: KeptHeads;
  readonly choosesHidden: boolean;
}

/** A file of scores: of a layer's structures, of a whole layer, or of hidden indices by a part of the network. */
type PartScores = LayerScores | LayerInfluence | HiddenScores;

/** More than a bar of a few hundred pixels can show, and little to send. */
export const maxChannelMeans = 256;

/** Scores of one layer, or a plan: a number each for tens of thousands of channels. */
const maxFileBytes = 64 * 2 ** 20;

/** Runs that are looked at have at most a few hundred layers, and one is looked at at a time. */
const maxRememberedLayers = 256;
const maxRememberedPlans = 4;

/** What runs found out about structures and chose of them: scores/ and plan.json. */
export class RunChoices {
  private readonly layers = new UnchangedFiles(readLayer, maxRememberedLayers);
  private readonly wholeParts = new UnchangedFiles(readWholePart, maxRememberedLayers);
  private readonly plans = new UnchangedFiles(readPlan, maxRememberedPlans);

  /** The layers of a run's folder that have scores yet. */
  async scores(folder: string): Promise<LayerImportance[]> {
    const scores = join(folder, runFiles.scores);
    const layers: LayerImportance[] = [];
    // One after the other: parsed all at once, they would keep everybody else waiting.
    for (const name of await scoreFilesIn(scores, /^layer-\d+\.json$/))
      layers.push(await this.layers.get(join(scores, name)));
    return layers;
  }

  /** Every score of heads and channels, by layer: what a selection needs. */
  async wholeScores(folder: string): Promise<Map<number, LayerScores>> {
    const read = await this.whole(folder);
    return new Map(read.flatMap((of) => ('channels' in of ? [[of.layer, of] as const] : [])));
  }

  /** How much whole layers change what goes through them, of a run that removes layers. */
  async influences(folder: string): Promise<LayerInfluence[]> {
    return (await this.whole(folder)).filter((of) => 'influence' in of);
  }

  /** What every hidden index is worth to the whole network, of a run that has chosen among them; null elsewhere. */
  async hiddenScores(folder: string, aggregation: Aggregation): Promise<number[] | null> {
    if ((await this.plan(folder))?.choosesHidden !== true) return null;
    const parts = (await this.whole(folder)).filter((of) => 'hidden' in of);
    return parts.length === 0 ? null : totalHiddenScores(parts, inNetworkOrder(parts), aggregation);
  }

  private async whole(folder: string): Promise<PartScores[]> {
    const scores = join(folder, runFiles.scores);
    const parts: PartScores[] = [];
    for (const name of await scoreFilesIn(scores, /^[a-z]+(-\d+)?\.json$/))
      parts.push(await this.wholeParts.get(join(scores, name)));
    return parts;
  }

  /** null until it is selected. */
  async kept(folder: string): Promise<KeptHeads | null> {
    return (await this.plan(folder))?.heads ?? null;
  }

  private async plan(folder: string): Promise<KeptStructures | null> {
    return this.plans.get(join(folder, runFiles.plan)).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === 'file-missing') return null;
      throw error;
    });
  }
}

/** Scores in falling order, cut into equal shares, at most `maxChannelMeans`; the mean of each. */
export function channelImportance(scores: readonly number[]): ChannelImportance {
  const falling = Float64Array.from(scores).sort().reverse();
  const shares = Math.min(maxChannelMeans, falling.length);
  const means = Array.from({ length: shares }, (_, i) => {
    const from = Math.floor((i * falling.length) / shares);
    const share = falling.subarray(from, Math.floor(((i + 1) * falling.length) / shares));
    return share.reduce((total, score) => total + score, 0) / share.length;
  });
  return { count: scores.length, means };
}

async function readLayer(path: string): Promise<LayerImportance> {
  const scores = (await readJsonFile(path, { maxBytes: maxFileBytes })) as Partial<
    LayerScores & LayerInfluence
  >;
  const { layer = 0, heads, channels, influence } = scores;
  return {
    layer,
    heads: heads ?? null,
    channels: channels === undefined ? null : channelImportance(channels),
    influence: influence ?? null,
  };
}

const readWholePart = async (path: string): Promise<PartScores> =>
  (await readJsonFile(path, { maxBytes: maxFileBytes })) as PartScores;

async function readPlan(path: string): Promise<KeptStructures> {
  const { layers, hidden } = (await readJsonFile(path, { maxBytes: maxFileBytes })) as PrunePlan;
  const heads = layers.map((layer) => ({ kvHeads: layer?.attention.keptKvHeads ?? [] }));
  return { heads, choosesHidden: hidden !== undefined };
}

async function scoreFilesIn(folder: string, named: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw readError(error, folder);
  });
  return names.filter((name) => named.test(name)).sort();
}

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from './checkpoint/atomic-file.ts';
import { notANumber } from './measure-model.ts';
import type { LayerInfluence } from './prune/block-influence.ts';
import type { LayerScores } from './prune/estimate.ts';
import type { HiddenScores } from './prune/total-hidden-scores.ts';
import { readRunFile, runFiles } from './run-stages.ts';

/** The scores in a run's folder, one file a layer; those of an interrupted estimate are some of them. */
export async function readScores(runFolder: string): Promise<Map<number, LayerScores>> {
  const scores = (await readScoreFiles(runFolder)) as LayerScores[];
  return new Map(scores.map((layer) => [layer.layer, layer]));
}

/** The scores of hidden indices in a run's folder, one file a part of the network. */
export async function readHiddenScores(runFolder: string): Promise<HiddenScores[]> {
  return (await readScoreFiles(runFolder)) as HiddenScores[];
}

/** The influence of the layers in a run's folder, one file each. */
export async function readInfluences(runFolder: string): Promise<LayerInfluence[]> {
  return (await readScoreFiles(runFolder)) as LayerInfluence[];
}

async function readScoreFiles(runFolder: string): Promise<unknown[]> {
  const folder = join(runFolder, runFiles.scores);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  const scores: unknown[] = [];
  for (const file of files) scores.push(await readRunFile(join(folder, file)));
  return scores;
}

/** @throws EngineError compute-failed where a score is no number. */
export async function writeScores(runFolder: string, scores: LayerScores): Promise<void> {
  const { layer, heads, channels } = scores;
  if (![...heads, ...channels].every(Number.isFinite)) throw notANumber(`A score in layer ${layer}`);
  await writeScoreFile(runFolder, layerFile(layer), scores);
}

/** @throws EngineError compute-failed where a score is no number. */
export async function writeHiddenScores(runFolder: string, scores: HiddenScores): Promise<void> {
  const { part, hidden } = scores;
  const name = typeof part === 'number' ? `layer ${part}` : `the ${part}`;
  if (!hidden.every(Number.isFinite)) throw notANumber(`A score in ${name}`);
  await writeScoreFile(runFolder, typeof part === 'number' ? layerFile(part) : part, scores);
}

/** @throws EngineError compute-failed where it is no number. */
export async function writeInfluence(runFolder: string, influence: LayerInfluence): Promise<void> {
  if (!Number.isFinite(influence.influence)) throw notANumber(`The influence of layer ${influence.layer}`);
  await writeScoreFile(runFolder, layerFile(influence.layer), influence);
}

const layerFile = (layer: number): string => `layer-${String(layer).padStart(3, '0')}`;

async function writeScoreFile(runFolder: string, name: string, scores: object): Promise<void> {
  await writeFileAtomic(join(runFolder, runFiles.scores, `${name}.json`), `${JSON.stringify(scores)}\n`);
}

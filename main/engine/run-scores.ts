import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from './checkpoint/atomic-file.ts';
import { notANumber } from './measure-model.ts';
import type { LayerScores } from './prune/estimate.ts';
import { readRunFile, runFiles } from './run-stages.ts';

/** The scores in a run's folder, one file a layer; those of an interrupted estimate are some of them. */
export async function readScores(runFolder: string): Promise<Map<number, LayerScores>> {
  const folder = join(runFolder, runFiles.scores);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  const scores = new Map<number, LayerScores>();
  for (const file of files) {
    const layer = (await readRunFile(join(folder, file))) as LayerScores;
    scores.set(layer.layer, layer);
  }
  return scores;
}

/** @throws EngineError compute-failed where a score is no number. */
export async function writeScores(runFolder: string, scores: LayerScores): Promise<void> {
  const { layer, heads, channels } = scores;
  if (![...heads, ...channels].every(Number.isFinite)) throw notANumber(`A score in layer ${layer}`);
  const file = `layer-${String(layer).padStart(3, '0')}.json`;
  await writeFileAtomic(join(runFolder, runFiles.scores, file), `${JSON.stringify(scores)}\n`);
}

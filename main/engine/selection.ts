import { hiddenParts } from './prune/hidden-group.ts';
import { totalHiddenScores } from './prune/hidden-scores.ts';
import { selectHidden, selectLocally, type PrunePlan } from './prune/plan.ts';
import type { NetworkShape } from './families/family.ts';
import { readHiddenScores, readScores } from './run-scores.ts';
import type { RunSettings } from './run.ts';
import type { Model } from './runtime/model.ts';

/** What stays of a model by the scores in a folder, down to the widths of `shape`. */
export async function selectOnce(
  { family, config }: Model,
  { mode, aggregation }: RunSettings['prune'],
  shape: NetworkShape,
  folder: string,
): Promise<PrunePlan> {
  if (mode !== 'channel') return selectLocally(config, shape.layers, await readScores(folder));
  const parts = hiddenParts(family, config, aggregation);
  const scores = totalHiddenScores(await readHiddenScores(folder), parts, aggregation);
  return selectHidden(config, shape.hiddenSize, scores);
}

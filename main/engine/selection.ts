import { hiddenParts } from './prune/hidden-group.ts';
import { selectHidden, type PrunePlan } from './prune/plan.ts';
import { lastFirst } from './prune/planned-layers.ts';
import { plannedWidths } from './prune/planned-widths.ts';
import { leastInfluenceFirst, selectLayers } from './prune/select-layers.ts';
import { selectStructures } from './prune/select-structures.ts';
import type { StructureCosts } from './prune/structure-costs.ts';
import { totalHiddenScores } from './prune/total-hidden-scores.ts';
import { readHiddenScores, readInfluences, readScores } from './run-scores.ts';
import type { RunSettings } from './run.ts';
import type { Model } from './runtime/model.ts';

/** What is chosen from. */
export interface Choice {
  readonly original: Model;
  /** Sizes of the original's parts. */
  readonly costs: StructureCosts;
  readonly prune: RunSettings['prune'];
  /** The folder with the scores. */
  readonly folder: string;
  /** In an iterative pruning: how much of the way there, what was scored, and what the steps before have left of the original. */
  readonly step?: { readonly share: number; readonly present: Model; readonly before: PrunePlan | null };
}

/** What stays of the original by the scores in a folder. */
export async function selectOnce(choice: Choice): Promise<PrunePlan> {
  const { original, costs, prune, folder, step } = choice;
  const { config } = original;
  if (prune.mode === 'channel') return selectByHidden(choice);
  if (prune.mode === 'layer') {
    const order =
      prune.drop === 'last' ? lastFirst(config) : leastInfluenceFirst(await readInfluences(folder));
    return selectLayers(config, costs, prune, order);
  }
  const { share, before } = step ?? { share: 1, before: null };
  const scores = await readScores(folder);
  return selectStructures({ config, costs, selection: prune, share, scores, before });
}

async function selectByHidden({ original, costs, prune, folder, step }: Choice): Promise<PrunePlan> {
  const { family, config } = step?.present ?? original;
  const parts = hiddenParts(family, config, prune.aggregation);
  const scores = totalHiddenScores(await readHiddenScores(folder), parts, prune.aggregation);
  const { hiddenSize } = plannedWidths(original.config, costs, prune, step?.share);
  const plan = selectHidden(config, hiddenSize, scores);
  const before = step?.before?.hidden;
  return before ? { ...plan, hidden: plan.hidden?.map((i) => before[i]) } : plan;
}

import { statfs } from 'node:fs/promises';
import { makeFolder } from '../engine/checkpoint/atomic-file.ts';
import type { LayerScores } from '../engine/prune/estimate.ts';
import { selectLocally, type PrunePlan } from '../engine/prune/plan.ts';
import type { RunSettings } from '../engine/run.ts';
import { expectedMemory } from '../engine/runtime/memory-plan.ts';
import type { ModelLibrary } from './model-library.ts';
import { prepareRunOf, type PlanPreview, type PreparedRun } from './preview-plan.ts';
import { checkRecipe } from './recipe.ts';
import { Refusal } from './refusal.ts';
import type { RunChoices } from './run-choices.ts';
import type { KeptRun, RunLibrary } from './run-library.ts';
import type { PruneRequest } from './run-request.ts';

/** What a plan asks of this machine. */
export interface RunNeeds {
  readonly memoryBudgetBytes: number;
  /** What a run of the usual samples comes to, about. */
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly freeDiskBytes: number;
}

/** What a plan takes by the scores of an earlier run. */
export interface PlanPicks {
  /** null for a layer without scores. */
  readonly layers: readonly (LayerPicks | null)[];
}

export interface LayerPicks {
  /** KV heads that stay, as ascending indices into the original. */
  readonly kvHeads: readonly number[];
  /** The highest score of the channels that go; null where all stay. */
  readonly channelThreshold: number | null;
}

/** Plans as they are made: what they come to, what they need, and what they take where scores are known. */
export class PlanPreviews {
  constructor(
    private readonly models: ModelLibrary,
    private readonly runs: RunLibrary,
    private readonly choices: RunChoices,
  ) {}

  /** @param scoresOf A run whose scores tell what goes; they count where the plan would come to the same scores. */
  async preview(
    modelId: string,
    prune: PruneRequest,
    scoresOf: string | null,
  ): Promise<PlanPreview & RunNeeds & { readonly picks: PlanPicks | null }> {
    const model = await this.models.known(modelId);
    const recipe = checkRecipe({ model: model.folder, prune }, 'The plan');
    const prepared = prepareRunOf(model, recipe);
    const { preview, settings } = prepared;
    await makeFolder(this.runs.folder);
    const { bavail, bsize } = await statfs(this.runs.folder);
    return {
      ...preview,
      memoryBudgetBytes: settings.memory.budgetBytes,
      memoryBytes: expectedMemory(settings.memory, model.config, preview.before.weightBytes),
      diskBytes: preview.after.weightBytes,
      freeDiskBytes: bavail * bsize,
      picks: scoresOf === null ? null : await this.picks(prepared, scoresOf),
    };
  }

  private async picks(prepared: PreparedRun, scoresOf: string): Promise<PlanPicks | null> {
    const run = await this.scoredRun(scoresOf);
    if (run === null || !scoresAlike(run.stored.settings, prepared.settings)) return null;
    const scores = await this.choices.wholeScores(run.stored.folder);
    return scores.size === 0 ? null : picksOf(planOf(prepared, scores), scores);
  }

  /** A run that was deleted tells nothing. */
  private async scoredRun(runId: string): Promise<KeptRun | null> {
    return this.runs.find(runId).catch((error: unknown) => {
      if (error instanceof Refusal) return null;
      throw error;
    });
  }
}

/** Whether two runs on the same calibration would score structures alike; what goes of them, and where, is another matter. */
function scoresAlike(a: RunSettings, b: RunSettings): boolean {
  const keys = ['criterion', 'aggregation', 'gqaFold', 'seed', 'steps'] as const;
  return a.model === b.model && keys.every((key) => a.prune[key] === b.prune[key]);
}

/**
 * What the engine selects by these scores; null where what goes from one layer depends on the scores of another that has
 * none. A layer without scores stands in with equal ones: how many structures it loses does not depend on them.
 */
function planOf(
  { model: { config }, settings: { prune } }: PreparedRun,
  costs: StructureCosts,
  scores: ReadonlyMap<number, LayerScores>,
): PrunePlan | null {
  const unscored = structuresOf(config, prune).some(({ cut, layer }) => cut !== 'none' && !scores.has(layer));
  if (unscored && prune.scope !== undefined) return null;
  const filled = new Map(
    config.layers.map(({ kvHeads, mlpWidth }, layer) => [
      layer,
      scores.get(layer) ?? { layer, heads: zeros(kvHeads), channels: zeros(mlpWidth) },
    ]),
  );
  return selectStructures({ config, costs, selection: prune, share: 1, scores: filled, before: null });
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);

function picksOf({ layers }: PrunePlan, scores: ReadonlyMap<number, LayerScores>): PlanPicks {
  return {
    layers: layers.map(({ attention, mlp }, layer) => {
      const of = scores.get(layer);
      if (of === undefined) return null;
      return {
        kvHeads: attention.keptKvHeads,
        channelThreshold: highestOutside(of.channels, mlp.keptChannels),
      };
    }),
  };
}

/** The highest of the scores whose indices are not among the kept, which are ascending; null where all are kept. */
function highestOutside(scores: readonly number[], kept: readonly number[]): number | null {
  let highest: number | null = null;
  let next = 0;
  for (const [i, score] of scores.entries()) {
    if (kept[next] === i) next += 1;
    else if (highest === null || score > highest) highest = score;
  }
  return highest;
}

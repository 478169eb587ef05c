import { statfs } from 'node:fs/promises';
import { makeFolder } from '../engine/checkpoint/atomic-file.ts';
import type { LayerScores } from '../engine/prune/estimate.ts';
import type { LayerInfluence } from '../engine/prune/block-influence.ts';
import { layerLeftBy, selectHidden, shapeLeftBy, type PrunePlan } from '../engine/prune/plan.ts';
import { leastInfluenceFirst, selectLayers } from '../engine/prune/select-layers.ts';
import { selectStructures } from '../engine/prune/select-structures.ts';
import type { LayerShape } from '../engine/families/family.ts';
import type { AttentionUnit } from '../engine/prune/prune-settings.ts';
import { prunesQueryHeads, structuresOf } from '../engine/prune/structures.ts';
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
  /** The highest score of the hidden indices that go; null where none goes. */
  readonly hiddenThreshold: number | null;
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
    const { settings } = prepared;
    const chosen = scoresOf === null ? null : await this.chosenBy(prepared, scoresOf);
    const preview = chosen === null ? prepared.preview : followed(prepared, chosen.plan);
    await makeFolder(this.runs.folder);
    const { bavail, bsize } = await statfs(this.runs.folder);
    return {
      ...preview,
      memoryBudgetBytes: settings.memory.budgetBytes,
      memoryBytes: expectedMemory(settings.memory, model.config, preview.before.weightBytes),
      diskBytes: preview.after.weightBytes,
      freeDiskBytes: bavail * bsize,
      picks: chosen && picksOf(chosen),
    };
  }

  /** What the engine would select by the scores of a run; null where these tell it nothing. */
  private async chosenBy(prepared: PreparedRun, scoresOf: string): Promise<Chosen | null> {
    const run = await this.scoredRun(scoresOf);
    if (run === null || !scoresAlike(run.stored.settings, prepared.settings)) return null;
    const { folder } = run.stored;
    const { mode } = prepared.settings.prune;
    if (mode === 'channel')
      return chosenHidden(
        prepared,
        await this.choices.hiddenScores(folder, prepared.settings.prune.aggregation),
      );
    if (mode === 'layer') return chosenLayers(prepared, await this.choices.influences(folder));
    return mode === undefined ? chosenStructures(prepared, await this.choices.wholeScores(folder)) : null;
  }

  /** A run that was deleted tells nothing. */
  private async scoredRun(runId: string): Promise<KeptRun | null> {
    return this.runs.find(runId).catch((error: unknown) => {
      if (error instanceof Refusal) return null;
      throw error;
    });
  }
}

interface Chosen {
  readonly plan: PrunePlan;
  /** Those of heads and channels, by layer. */
  readonly scores: ReadonlyMap<number, LayerScores>;
  /** Those of hidden indices, where these go. */
  readonly hidden?: readonly number[];
}

/** Whether two runs on the same calibration would score alike; what goes by the scores, and where, is another matter. */
function scoresAlike(a: RunSettings, b: RunSettings): boolean {
  const keys = ['mode', 'criterion', 'aggregation', 'gqaFold', 'unit', 'seed', 'steps'] as const;
  return a.model === b.model && keys.every((key) => a.prune[key] === b.prune[key]);
}

/**
 * null where what goes from one layer depends on the scores of another that has none. A layer without scores stands in
 * with equal ones: how many structures it loses does not depend on them.
 */
function chosenStructures(
  { model, settings: { prune } }: PreparedRun,
  scores: ReadonlyMap<number, LayerScores>,
): Chosen | null {
  const { config } = model;
  const unscored = structuresOf(config, prune).some(({ cut, layer }) => cut !== 'none' && !scores.has(layer));
  if (scores.size === 0 || (unscored && prune.scope !== undefined)) return null;
  const filled = new Map(
    config.layers.map((shape, layer) => [layer, scores.get(layer) ?? equalScores(shape, layer, prune.unit)]),
  );
  const costs = model.structureCosts();
  const choice = { config, costs, selection: prune, share: 1, scores: filled, before: null };
  return { plan: selectStructures(choice), scores };
}

function equalScores(shape: LayerShape, layer: number, unit: AttentionUnit | undefined): LayerScores {
  const { heads, kvHeads, mlpWidth } = shape;
  const scored = prunesQueryHeads(shape, unit) ? heads : kvHeads;
  return { layer, heads: zeros(scored), channels: zeros(mlpWidth) };
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);

function chosenLayers(
  { model, settings: { prune } }: PreparedRun,
  influences: readonly LayerInfluence[],
): Chosen | null {
  const { config } = model;
  if (prune.drop === 'last' || influences.length < config.layers.length) return null;
  const order = leastInfluenceFirst(influences);
  return { plan: selectLayers(config, model.structureCosts(), prune, order), scores: new Map() };
}

function chosenHidden({ model, preview }: PreparedRun, hidden: readonly number[] | null): Chosen | null {
  const { config } = model;
  if (hidden?.length !== config.hiddenSize || preview.hiddenSize === undefined) return null;
  return { plan: selectHidden(config, preview.hiddenSize.after, hidden), scores: new Map(), hidden };
}

/** The preview with the widths that were chosen, where these were waited for. */
function followed({ model, preview }: PreparedRun, plan: PrunePlan): PlanPreview {
  if (!preview.awaitsScores) return preview;
  const after = model.costsWith(shapeLeftBy(plan, model.config));
  return {
    ...preview,
    after,
    removedOfParameters: 1 - after.parameters / preview.before.parameters,
    layers: preview.layers.map(({ before }, layer) => ({ before, after: layerLeftBy(plan, layer) })),
  };
}

function picksOf({ plan, scores, hidden }: Chosen): PlanPicks {
  return {
    hiddenThreshold: hidden && plan.hidden ? highestOutside(hidden, plan.hidden) : null,
    layers: plan.layers.map((layer, i) => {
      const of = scores.get(i);
      if (of === undefined || layer === null) return null;
      return {
        kvHeads: layer.attention.keptKvHeads,
        channelThreshold: highestOutside(of.channels, layer.mlp.keptChannels),
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

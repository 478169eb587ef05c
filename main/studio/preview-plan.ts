import { EngineError } from '../engine/errors.ts';
import type { LayerShape, ModelConfig, NetworkShape } from '../engine/families/family.ts';
import type { ModelCosts } from '../engine/prune/plan.ts';
import { plannedWidths, shapeOfWidths, type PlannedWidths } from '../engine/prune/planned-widths.ts';
import { isPruning, requireCalibrationSource } from '../engine/calibration.ts';
import type { RunSettings } from '../engine/run.ts';
import { cpu, type ComputeDevice } from '../engine/runtime/device.ts';
import { openModel } from '../engine/runtime/model.ts';
import { inspectModel, type InspectedModel } from './inspect-model.ts';
import type { Recipe } from './recipe.ts';
import { resolveRecipe } from './resolve-recipe.ts';

/** What a recipe will come to, before any weight is read. */
export interface PlanPreview {
  readonly before: ModelCosts;
  readonly after: ModelCosts;
  readonly ratioInWindow: number;
  readonly removedOfParameters: number;
  readonly windows: RunSettings['prune']['windows'];
  /** A layer that goes is left with nothing. */
  readonly layers: readonly { readonly before: LayerShape; readonly after: LayerShape }[];
  /** As in `PlannedWidths` of the engine. */
  readonly awaitsScores: boolean;
  /** Widths, ascending, that were a multiple of 64 and will be none: matrices of such widths run no faster. */
  readonly unevenWidths: readonly number[];
  /** Where hidden indices go. */
  readonly hiddenSize?: { readonly before: number; readonly after: number };
}

/** A model, the settings a recipe comes to on it, and their outcome in sizes. */
export interface PreparedRun {
  readonly model: InspectedModel;
  readonly settings: RunSettings;
  /** What the run leaves. */
  readonly shape: NetworkShape;
  readonly preview: PlanPreview;
}

export async function prepareRun(recipe: Recipe): Promise<PreparedRun> {
  return prepareRunOf(await inspectModel(recipe.model), recipe);
}

/** What a model's weights take where a device keeps them. */
export function keptWeightBytes({ parameters, weightBytes }: ModelCosts, device: ComputeDevice): number {
  return device.kind === 'webgpu' ? 4 * parameters : weightBytes;
}

/**
 * Prepares a run of a model that was inspected before.
 * @throws EngineError ratio-out-of-range, window-out-of-range, target-out-of-reach, edits-invalid, combination-unsupported.
 */
export function prepareRunOf(
  model: InspectedModel,
  recipe: Recipe,
  device: ComputeDevice = cpu,
): PreparedRun {
  const before = model.costsWith(model.config);
  const asked = resolveRecipe(recipe, model, keptWeightBytes(before, device), device);
  const planned = plannedWidths(model.config, model.structureCosts(), asked.prune);
  const settings = withRatio(asked, planned.ratio);
  const shape = shapeOfWidths(planned);
  const after = model.costsWith(shape);
  const preview = {
    before,
    after,
    ratioInWindow: isPruning(settings) ? settings.prune.ratio : 0,
    removedOfParameters: 1 - after.parameters / before.parameters,
    windows: settings.prune.windows,
    layers: model.config.layers.map((before, i) => ({ before, after: planned.layers[i] ?? noLayer })),
    awaitsScores: planned.awaitsScores,
    unevenWidths: unevenWidths(model.config, planned),
    ...(settings.prune.mode === 'channel' && {
      hiddenSize: { before: model.config.hiddenSize, after: shape.hiddenSize },
    }),
  };
  return { model, settings, shape, preview };
}

const noLayer: LayerShape = { heads: 0, kvHeads: 0, mlpWidth: 0 };

/** The ratio that a target came to, to be shown: what goes follows from the target. */
function withRatio(settings: RunSettings, ratio: number): RunSettings {
  if (settings.prune.target === undefined) return settings;
  const shown = Math.min(1 - 1e-6, Math.max(1e-6, Math.round(ratio * 1e6) / 1e6));
  return { ...settings, prune: { ...settings.prune, ratio: shown } };
}

function unevenWidths(original: ModelConfig, planned: PlannedWidths): number[] {
  const isUneven = (before: number, after: number): boolean => before % 64 === 0 && after % 64 !== 0;
  const mlp = planned.layers.flatMap((shape, i) =>
    shape !== null && isUneven(original.layers[i].mlpWidth, shape.mlpWidth) ? [shape.mlpWidth] : [],
  );
  const hidden = isUneven(original.hiddenSize, planned.hiddenSize) ? [planned.hiddenSize] : [];
  return [...new Set(planned.awaitsScores ? [] : [...mlp, ...hidden])].sort((a, b) => a - b);
}

function removesNothing({ prune }: RunSettings): string {
  const { mode, ratio } = prune;
  if (mode === 'layer') return `A ratio of ${ratio} of the layers removes nothing: it is less than one.`;
  if (mode === 'channel') return `A ratio of ${ratio} removes nothing: it is less than one hidden index.`;
  return `A ratio of ${ratio} inside these layers removes nothing: not one head or channel is whole enough to go.`;
}

/**
 * Looks for what a run needs beyond a preview, before anything is made for it.
 * @throws EngineError file-missing without weights, as openModel; recipe-invalid without calibration data;
 * ratio-out-of-range where nothing would go.
 */
export async function requireRunnable({ model, settings, preview }: PreparedRun): Promise<void> {
  if (preview.removedOfParameters === 0 && isPruning(settings)) {
    throw new EngineError(
      'ratio-out-of-range',
      removesNothing(settings),
      { ratio: preview.ratioInWindow },
      'Choose a larger prune.ratio, or wider windows in prune.layers.',
    );
  }
  requireCalibrationSource(settings);
  if (!model.hasWeights) await (await openModel(model.folder)).checkpoint.close();
}

import { EngineError } from '../engine/errors.ts';
import type { LayerShape, NetworkShape } from '../engine/families/family.ts';
import { prunedShape, type ModelCosts } from '../engine/prune/plan.ts';
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
  readonly layers: readonly { readonly before: LayerShape; readonly after: LayerShape }[];
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
 * @throws EngineError ratio-out-of-range, window-out-of-range.
 */
export function prepareRunOf(
  model: InspectedModel,
  recipe: Recipe,
  device: ComputeDevice = cpu,
): PreparedRun {
  const before = model.costsWith(model.config);
  const settings = resolveRecipe(recipe, model, keptWeightBytes(before, device), device);
  const shape = prunedShape(model.config, settings.prune);
  const after = model.costsWith(shape);
  const preview = {
    before,
    after,
    ratioInWindow: isPruning(settings) ? settings.prune.ratio : 0,
    removedOfParameters: 1 - after.parameters / before.parameters,
    windows: settings.prune.windows,
    layers: model.config.layers.map((before, i) => ({ before, after: shape.layers[i] })),
    ...(settings.prune.mode === 'channel' && {
      hiddenSize: { before: model.config.hiddenSize, after: shape.hiddenSize },
    }),
  };
  return { model, settings, shape, preview };
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
      `A ratio of ${preview.ratioInWindow} inside these layers removes nothing: not one head or channel is whole enough to go.`,
      { ratio: preview.ratioInWindow },
      'Choose a larger prune.ratio, or wider windows in prune.layers.',
    );
  }
  requireCalibrationSource(settings);
  if (!model.hasWeights) await (await openModel(model.folder)).checkpoint.close();
}

import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeError } from './checkpoint/file-errors.ts';
import type { ModelCard } from './export/exporter.ts';
import { primaryExporter } from './export/index.ts';
import { withLayers } from './runtime/kept-layers.ts';
import { requireDiskSpace } from './prune/disk-space.ts';
import { modelCosts, shapeLeftBy, type PrunePlan } from './prune/plan.ts';
import { slicedTensors } from './prune/slice.ts';
import { storedBytesPerElement, type Model } from './runtime/model.ts';
import type { Pace } from './runtime/pace.ts';

/**
 * Writes what a plan leaves of a model into a folder, which appears whole or not at all.
 * @throws EngineError disk-full, folder-not-writable.
 */
export async function writePruned(
  model: Model,
  plan: PrunePlan,
  card: ModelCard,
  folder: string,
  pace: Pace,
): Promise<void> {
  const partial = `${folder}.partial`;
  const shape = shapeLeftBy(plan, model.config);
  await rm(partial, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  const { weightBytes } = modelCosts(model.family, model.config, shape, storedBytesPerElement(model));
  await requireDiskSpace(dirname(folder), weightBytes);
  try {
    const kept = plan.layers.flatMap((layer, i) => (layer === null ? [] : [i]));
    const source = { model: { ...model, config: withLayers(model.config, kept) }, shape };
    await primaryExporter.write({ ...source, tensors: slicedTensors(model, plan), card, pace }, partial);
    await rename(partial, folder).catch((error: unknown) => {
      throw writeError(error, folder);
    });
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

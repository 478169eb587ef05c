import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { weightFormatIn, type WeightFormat } from '../engine/checkpoint/weight-files.ts';
import { EngineError } from '../engine/errors.ts';
import { structureCosts, type StructureCosts } from '../engine/prune/structure-costs.ts';
import { modelCosts, type ModelCosts } from '../engine/prune/plan.ts';
import type { NetworkShape } from '../engine/families/family.ts';
import {
  describeModel,
  declaredBytesPerElement,
  openModel,
  storedBytesPerElement,
  type DescribedModel,
} from '../engine/runtime/model.ts';

/** A model as its folder tells it, with what it costs by any widths. */
export interface InspectedModel extends DescribedModel {
  /** Whether the weights are there; their shapes have then been checked. */
  readonly hasWeights: boolean;
  /** How their files are written; null where there are none. */
  readonly weightFormat: WeightFormat | null;
  /** Sizes of its parts, worked out once. */
  structureCosts(): StructureCosts;
  costsWith(shape: NetworkShape): ModelCosts;
}

/**
 * Looks at a model's folder, or an adapter's: config.json alone, and the weights' headers where there are weights.
 * @throws EngineError as openModel.
 */
export async function inspectModel(folder: string): Promise<InspectedModel> {
  const described = await describeModel(folder).catch(async (error: unknown) => {
    throw isWithoutConfig(error, folder) ? await noModel(folder) : error;
  });
  const names = await readdir(described.baseFolder);
  const isAnyShardThere = names.some((file) => file.endsWith('.safetensors'));
  const weightFormat = weightFormatIn(names) ?? (isAnyShardThere ? 'safetensors' : null);
  if (weightFormat === null) return inspected(described, null, declaredBytesPerElement(described));
  const model = await openModel(folder);
  const bytesOf = storedBytesPerElement(model);
  await model.checkpoint.close();
  // The weights tell whether a head beside the embedding is one of its own.
  return inspected({ ...described, config: model.config }, weightFormat, bytesOf);
}

const isWithoutConfig = (error: unknown, folder: string): boolean =>
  error instanceof EngineError &&
  error.code === 'file-missing' &&
  error.facts.path === join(folder, 'config.json');

async function noModel(folder: string): Promise<EngineError> {
  const found = await stat(folder).catch(() => undefined);
  const what = found?.isDirectory()
    ? 'holds no model: it has no config.json'
    : 'is a file, not a model folder';
  return new EngineError(
    'file-missing',
    `${folder} ${found === undefined ? 'does not exist' : what}.`,
    { folder },
    'Name the folder that holds config.json, the weights and the tokenizer.',
  );
}

function inspected(
  described: DescribedModel,
  weightFormat: WeightFormat | null,
  bytesOf: (param: string) => number,
): InspectedModel {
  const { family, config } = described;
  let costs: StructureCosts | undefined;
  return {
    ...described,
    hasWeights: weightFormat !== null,
    weightFormat,
    structureCosts: () => (costs ??= structureCosts(family, config, bytesOf)),
    costsWith: (shape) => modelCosts(family, config, shape, bytesOf),
  };
}

import { readdir, stat } from 'node:fs/promises';
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
  /** Sizes of its parts, worked out once. */
  structureCosts(): StructureCosts;
  costsWith(shape: NetworkShape): ModelCosts;
}

/**
 * Looks at a model folder: config.json alone, and the weights' headers where there are weights.
 * @throws EngineError as openModel.
 */
export async function inspectModel(folder: string): Promise<InspectedModel> {
  const described = await describeModel(folder).catch(async (error: unknown) => {
    throw error instanceof EngineError && error.code === 'file-missing' ? await noModel(folder) : error;
  });
  const hasWeights = (await readdir(folder)).some((file) => /\.safetensors(\.index\.json)?$/.test(file));
  if (!hasWeights) return inspected(described, false, declaredBytesPerElement(described));
  const model = await openModel(folder);
  const bytesOf = storedBytesPerElement(model);
  await model.checkpoint.close();
  return inspected(described, true, bytesOf);
}

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
  hasWeights: boolean,
  bytesOf: (param: string) => number,
): InspectedModel {
  const { family, config, folder } = described;
  let costs: StructureCosts | undefined;
  return {
    folder,
    family,
    config,
    hasWeights,
    structureCosts: () => (costs ??= structureCosts(family, config, bytesOf)),
    costsWith: (shape) => modelCosts(family, config, shape, bytesOf),
  };
}

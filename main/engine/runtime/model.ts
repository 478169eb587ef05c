import { join } from 'node:path';
import { openCheckpoint, type Checkpoint } from '../checkpoint/checkpoint.ts';
import { readJsonFile } from '../checkpoint/read-json.ts';
import { adaptableWeights } from '../derive/lora.ts';
import { EngineError } from '../errors.ts';
import type { Family, ModelConfig } from '../families/family.ts';
import { readModelConfig } from '../families/index.ts';
import { openAdapted } from './adapted-checkpoint.ts';
import { findAdapter, type AdapterFolder } from './adapter-folder.ts';
import { blockGraph, modelGraph } from './model-graph.ts';
import { bytesPerElement, type Dtype } from '../tensor/dtype.ts';
import { shapeOf } from '../ir/graph.ts';

/** A config.json of a published model is a few kilobytes; per-layer lists add a few more. */
const maxConfigBytes = 4 * 2 ** 20;

/** What config.json alone tells of a model. */
export interface DescribedModel {
  /** As it was named. */
  readonly folder: string;
  /** Where config.json, the weights and the tokenizer lie: the same folder, unless that one holds an adapter alone. */
  readonly baseFolder: string;
  /** What is added to the weights as they are read; left out for a model by itself. */
  readonly adapter?: AdapterFolder;
  readonly family: Family;
  readonly config: ModelConfig;
}

/** A model whose weights are open for reading and fit its config. */
export interface Model extends DescribedModel {
  readonly checkpoint: Checkpoint;
}

/**
 * Reads a model folder's config.json, or that of the model that an adapter's folder belongs to.
 * @throws EngineError file-missing, json-invalid, config-invalid, architecture-unknown, feature-unsupported; as
 * findAdapter.
 */
export async function describeModel(folder: string): Promise<DescribedModel> {
  const adapter = await findAdapter(folder);
  const baseFolder = adapter?.baseFolder ?? folder;
  const source = await readJsonFile(join(baseFolder, 'config.json'), { maxBytes: maxConfigBytes });
  return { folder, baseFolder, ...(adapter && { adapter }), ...readModelConfig(source) };
}

/**
 * Opens a model folder and checks every weight's shape against the config before any is read. The weights of
 * an adapter's folder are those of its base model with the adapter merged into them.
 * @throws EngineError as `describeModel`, `openCheckpoint` and `openAdapted`; tensor-missing, tensor-shape.
 */
export async function openModel(folder: string): Promise<Model> {
  const described = await describeModel(folder);
  const opened = await openCheckpoint(described.baseFolder);
  try {
    checkShapes(described, opened);
    return { ...described, checkpoint: await withAdapter(described, opened) };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function withAdapter(
  { adapter, family, config }: DescribedModel,
  checkpoint: Checkpoint,
): Promise<Checkpoint> {
  if (!adapter) return checkpoint;
  const adaptable = config.layers.flatMap((shape, layer) =>
    adaptableWeights(blockGraph(family, config, shape).graph).map((weight) => ({
      ...weight,
      module: family.layerPrefix(layer) + weight.module,
    })),
  );
  return openAdapted(checkpoint, adapter, adaptable);
}

function checkShapes({ family, config, baseFolder: folder }: DescribedModel, checkpoint: Checkpoint): void {
  for (const param of modelGraph(family, config).graph.params.values()) {
    const expected = shapeOf(param);
    const found = checkpoint.info(param.name).shape;
    if (found.length === expected.length && found.every((size, i) => size === expected[i])) continue;
    throw new EngineError(
      'tensor-shape',
      `The weight ${param.name} should be [${expected.join(', ')}] by config.json, but the file has [${found.join(', ')}].`,
      { tensor: param.name, expected, found, folder },
      'The weights and config.json belong to different models, or one of them was changed.',
    );
  }
}

/** Bytes of an element of each weight, as it lies in the checkpoint. */
export function storedBytesPerElement({ checkpoint }: Model): (param: string) => number {
  return (param) => bytesPerElement[checkpoint.info(param).dtype];
}

/**
 * Bytes of an element by config.json alone; transformers takes float32 where nothing is said.
 * @throws EngineError config-invalid for an element type that no checkpoint here has.
 */
export function declaredBytesPerElement({ config }: DescribedModel): (param: string) => number {
  const declared = config.source.dtype ?? config.source.torch_dtype ?? 'float32';
  const dtype = declaredDtypes.find(([name]) => name === declared)?.[1];
  if (dtype !== undefined) return () => bytesPerElement[dtype];
  const known = declaredDtypes.map(([name]) => name);
  throw new EngineError(
    'config-invalid',
    `config.json: "dtype" should be one of ${known.join(', ')}, but is ${JSON.stringify(declared)}.`,
    { expected: known },
  );
}

const declaredDtypes: readonly (readonly [string, Dtype])[] = [
  ['float32', 'F32'],
  ['float16', 'F16'],
  ['bfloat16', 'BF16'],
];

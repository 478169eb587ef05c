import { join } from 'node:path';
import { openCheckpoint, type Checkpoint } from '../checkpoint/checkpoint.ts';
import { renamedCheckpoint } from '../checkpoint/renamed-checkpoint.ts';
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
 * Opens a model folder and checks every weight's shape against the config before any is read. The weights of an
 * adapter's folder are those of its base model with the adapter merged into them.
 * @throws EngineError as `describeModel`, `openCheckpoint` and `openAdapted`; tensor-missing, tensor-shape.
 */
export async function openModel(folder: string): Promise<Model> {
  const described = await describeModel(folder);
  const opened = await openCheckpoint(described.baseFolder);
  try {
    const checkpoint = underOwnNames(described, opened);
    const model = await withSeparateHead({ ...described, checkpoint });
    checkShapes(model, checkpoint);
    return await withAdapter(model);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** A checkpoint that has parameters under other names, as the family knows them, is read under those of the graph. */
function underOwnNames({ family, config }: DescribedModel, checkpoint: Checkpoint): Checkpoint {
  if (!family.storedNames) return checkpoint;
  const missing = [...modelGraph(family, config).graph.params.keys()].filter(
    (name) => !checkpoint.tensors.has(name),
  );
  const renamed = missing.flatMap((name) => {
    const stored = family.storedNames?.(name).find((candidate) => checkpoint.tensors.has(candidate));
    return stored === undefined ? [] : [[name, stored] as const];
  });
  return renamed.length > 0 ? renamedCheckpoint(checkpoint, new Map(renamed)) : checkpoint;
}

/** Rows of head and embedding that are compared: a head that was trained by itself differs in all of them. */
const comparedRows = 64;

/** A head beside a tied embedding counts where it holds other numbers. */
async function withSeparateHead(model: Model): Promise<Model> {
  const { family, config, checkpoint } = model;
  const names = family.separateHead;
  if (!names || !config.tiedEmbeddings || !checkpoint.tensors.has(names.head)) return model;
  const step = Math.max(1, Math.floor(config.vocabSize / comparedRows));
  for (let row = 0; row < config.vocabSize; row += step) {
    const [embedded, read] = await Promise.all(
      [names.embedding, names.head].map((name) => checkpoint.readRows(name, row, row + 1)),
    );
    if (embedded.length !== read.length || embedded.some((value, i) => value !== read[i]))
      return { ...model, config: { ...config, tiedEmbeddings: false } };
  }
  return model;
}

async function withAdapter(model: Model): Promise<Model> {
  const { adapter, family, config, checkpoint } = model;
  if (!adapter) return model;
  const adaptable = config.layers.flatMap((shape, layer) =>
    adaptableWeights(blockGraph(family, config, shape).graph).map((weight) => ({
      ...weight,
      module: family.layerPrefix(layer) + weight.module,
    })),
  );
  return { ...model, checkpoint: await openAdapted(checkpoint, adapter, adaptable) };
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

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { errnoOf, readError } from './file-errors.ts';
import { readJsonFile } from './read-json.ts';
import { MAX_TENSORS, quoted } from './safetensors-header.ts';

/** `torch`: a zip archive with a pickle, as torch.save writes it. */
export type WeightFormat = 'safetensors' | 'torch';

/** How a format's files are called, as transformers has it. */
interface FileNames {
  readonly format: WeightFormat;
  readonly single: string;
  readonly index: string;
  /** A plain file name: nothing that leads out of the folder, nor a hidden file or a Windows device or stream. */
  readonly shard: RegExp;
  readonly extension: string;
}

export const SINGLE_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';

/** In the order in which transformers looks for them. */
const formats: readonly FileNames[] = [
  {
    format: 'safetensors',
    single: SINGLE_FILE,
    index: INDEX_FILE,
    shard: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.safetensors$/,
    extension: '.safetensors',
  },
  {
    format: 'torch',
    single: 'pytorch_model.bin',
    index: 'pytorch_model.bin.index.json',
    shard: /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.bin$/,
    extension: '.bin',
  },
];

/** The largest index in use (90 000 tensors) has 9 MB. */
const MAX_INDEX_BYTES = 32 * 1024 * 1024;

/** Every shard stays open; the largest models have under 200. */
export const MAX_SHARDS = 1024;

/** The files that hold a model's weights. */
export interface WeightFiles {
  readonly format: WeightFormat;
  /** Base names, ascending. */
  readonly files: readonly string[];
  /** Tensor name to shard file; undefined for a single file, which holds what it holds. */
  readonly weightMap: ReadonlyMap<string, string> | undefined;
  /** The index's name in this format, whether or not there is one. */
  readonly indexFile: string;
}

/** Which of the files in a folder weights are read from; undefined where there are none. */
export function weightFormatIn(names: readonly string[]): WeightFormat | undefined {
  return formats.find(({ single, index }) => names.includes(single) || names.includes(index))?.format;
}

/** Whether a file belongs to the weights in a format that the folder has besides the one that is read, if any is. */
export function isOtherWeights(name: string, format: WeightFormat | undefined): boolean {
  return (
    format !== undefined && formats.some((names) => names.format !== format && name.endsWith(names.extension))
  );
}

/**
 * Finds the weights of a folder: safetensors before PyTorch's files, and of each a single file before shards.
 * Throws file-missing, file-unreadable, json-invalid, header-invalid or limit-exceeded.
 */
export async function findWeightFiles(folder: string): Promise<WeightFiles> {
  for (const names of formats) {
    const { format, single, index } = names;
    if (await exists(join(folder, single))) {
      return { format, files: [single], weightMap: undefined, indexFile: index };
    }
    if (await exists(join(folder, index))) {
      const weightMap = await readWeightMap(join(folder, index), names);
      return { format, files: [...new Set(weightMap.values())].sort(), weightMap, indexFile: index };
    }
  }
  throw await noCheckpoint(folder);
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw readError(error, path);
  }
}

/** Tensor name to shard file. */
async function readWeightMap(path: string, names: FileNames): Promise<Map<string, string>> {
  const index = await readJsonFile(path, { maxBytes: MAX_INDEX_BYTES });
  const entries = Object.entries(weightMapOf(index, path));
  if (entries.length > MAX_TENSORS) {
    throw indexInvalid(
      path,
      `it names ${entries.length} tensors; at most ${MAX_TENSORS} are allowed`,
      'limit-exceeded',
    );
  }
  const weightMap = new Map(entries.map(([name, file]) => [name, requireShardName(file, name, path, names)]));
  const shards = new Set(weightMap.values()).size;
  if (shards > MAX_SHARDS) {
    throw indexInvalid(
      path,
      `it names ${shards} shards; at most ${MAX_SHARDS} are allowed`,
      'limit-exceeded',
    );
  }
  return weightMap;
}

function weightMapOf(index: unknown, path: string): object {
  if (typeof index === 'object' && index !== null && 'weight_map' in index) {
    const map = index.weight_map;
    if (typeof map === 'object' && map !== null && !Array.isArray(map)) return map;
  }
  throw indexInvalid(path, 'it has no weight_map object from tensor names to files');
}

function requireShardName(
  file: unknown,
  name: string,
  path: string,
  { shard, extension }: FileNames,
): string {
  if (typeof file === 'string' && shard.test(file)) return file;
  const found = typeof file === 'string' ? quoted(file) : typeof file;
  throw indexInvalid(
    path,
    `tensor ${quoted(name)} is said to be in ${found}, expected a ${extension} file beside it`,
  );
}

async function noCheckpoint(folder: string): Promise<EngineError> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw readError(error, folder);
  });
  const found = names.filter((name) => /\.(bin|pth?|gguf|safetensors)$/.test(name)).slice(0, 20);
  const expected = formats.map(({ single }) => single).join(', ');
  return new EngineError(
    'file-missing',
    `${folder} has no weights: expected ${expected}, or an index of shards, found ` +
      (found.length === 0 ? 'no file of weights' : found.join(', ')),
    { folder, found },
    'Choose the folder that holds the model, or save the model as safetensors.',
  );
}

/** The error of an index that does not fit its shards, or is none. */
export function indexInvalid(
  path: string,
  message: string,
  code: 'header-invalid' | 'limit-exceeded' = 'header-invalid',
): EngineError {
  return new EngineError(
    code,
    `${path}: ${message}`,
    { path },
    'Download the model again, with all of its files.',
  );
}

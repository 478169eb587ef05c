import { type FileHandle, lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError, type ErrorFacts } from '../errors.ts';
import { type Dtype, type RawArray, viewAs } from '../tensor/dtype.ts';
import { errnoOf, readError } from './file-errors.ts';
import { openForReading, readBytes } from './read-bytes.ts';
import { readJsonFile } from './read-json.ts';
import {
  LENGTH_BYTES,
  MAX_TENSORS,
  type StoredTensor,
  isWeightDtype,
  parseHeader,
  parseHeaderLength,
  quoted,
} from './safetensors-header.ts';

export const SINGLE_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';

/** The largest index in use (90 000 tensors) has 9 MB. */
const MAX_INDEX_BYTES = 32 * 1024 * 1024;

/** Every shard stays open; the largest models have under 200. */
export const MAX_SHARDS = 1024;

/** Electron allows 2046 MiB in one ArrayBuffer. */
const MAX_READ_BYTES = 2046 * 1024 * 1024;

/** A plain file name: nothing that leads out of the folder, nor a hidden file or a Windows device or stream. */
const SHARD_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.safetensors$/;

/** A tensor that can be read. `file` is a base name, `offset` counts from the start of that file. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly file: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A tensor of a type that weights do not have, such as an I64 buffer: it is known, but not read. */
export type OtherTensorInfo = Omit<TensorInfo, 'dtype'> & { readonly dtype: string };

/** The weights of a model in safetensors files, opened for reading by name. */
export interface Checkpoint {
  readonly folder: string;
  /** In the order of the files' names and of the bytes in each. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly others: ReadonlyMap<string, OtherTensorInfo>;
  /** Sum of `sizeBytes` over `tensors`. */
  readonly totalBytes: number;
  /** Throws tensor-missing, or tensor-dtype for one of `others`. */
  info(name: string): TensorInfo;
  /** The whole tensor, row-major. Throws limit-exceeded above 2046 MiB: read such a one by rows. */
  read(name: string): Promise<RawArray>;
  /** Rows [from, to) of the first axis; nothing else is read from the disk. */
  readRows(name: string, from: number, to: number): Promise<RawArray>;
  /** Waits for reads under way. Nothing can be read afterwards. */
  close(): Promise<void>;
}

/**
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names, and checks every header before
 * any tensor is read. Where there is an index, it alone decides which tensors exist and which shard holds each.
 * Throws file-missing, file-unreadable, json-invalid, header-truncated, header-invalid or limit-exceeded.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const weightMap = (await exists(join(folder, SINGLE_FILE))) ? undefined : await readWeightMap(folder);
  const files = weightMap === undefined ? [SINGLE_FILE] : [...new Set(weightMap.values())].sort();
  const shards = new Map<string, Shard>();
  try {
    for (const file of files) shards.set(file, await openShard(folder, file));
    if (weightMap !== undefined) requireIndexed(weightMap, shards, folder);
    return new OpenCheckpoint(folder, shards, listTensors(shards, weightMap));
  } catch (error) {
    await closeAll(shards);
    throw error;
  }
}

/**
 * Opens one safetensors file by its path.
 * Throws file-missing, file-unreadable, header-truncated, header-invalid or limit-exceeded.
 */
export async function openSafetensors(path: string): Promise<Checkpoint> {
  const [folder, file] = [dirname(path), basename(path)];
  const shards = new Map([[file, await openShard(folder, file)]]);
  return new OpenCheckpoint(folder, shards, listTensors(shards, undefined));
}

interface Shard {
  readonly path: string;
  readonly handle: FileHandle;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** The file stays open from here on: headers and tensors come from the same file even if another takes its name. */
async function openShard(folder: string, file: string): Promise<Shard> {
  const path = join(folder, file);
  const { handle, sizeBytes } = await openForReading(path);
  try {
    const lengthBytes = await readBytes(handle, path, 0, Math.min(LENGTH_BYTES, sizeBytes));
    const headerBytes = parseHeaderLength(lengthBytes, sizeBytes, path);
    const tensors = parseHeader(await readBytes(handle, path, LENGTH_BYTES, headerBytes), sizeBytes, path);
    return { path, handle, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function closeAll(shards: ReadonlyMap<string, Shard>): Promise<void> {
  await Promise.all([...shards.values()].map(({ handle }) => handle.close()));
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
async function readWeightMap(folder: string): Promise<Map<string, string>> {
  const path = join(folder, INDEX_FILE);
  if (!(await exists(path))) throw await noCheckpoint(folder);
  const index = await readJsonFile(path, { maxBytes: MAX_INDEX_BYTES });
  const entries = Object.entries(weightMapOf(index, path));
  if (entries.length > MAX_TENSORS) {
    throw indexInvalid(
      path,
      `it names ${entries.length} tensors; at most ${MAX_TENSORS} are allowed`,
      'limit-exceeded',
    );
  }
  const weightMap = new Map(entries.map(([name, file]) => [name, requireShardName(file, name, path)]));
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

function requireShardName(file: unknown, name: string, path: string): string {
  if (typeof file === 'string' && SHARD_NAME.test(file)) return file;
  const found = typeof file === 'string' ? quoted(file) : typeof file;
  throw indexInvalid(
    path,
    `tensor ${quoted(name)} is said to be in ${found}, expected a .safetensors file beside it`,
  );
}

function requireIndexed(
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Shard>,
  folder: string,
): void {
  for (const [name, file] of weightMap) {
    if (shards.get(file)?.tensors.has(name) === true) continue;
    throw indexInvalid(
      join(folder, INDEX_FILE),
      `tensor ${quoted(name)} is said to be in ${file}, which lacks it`,
    );
  }
}

function listTensors(
  shards: ReadonlyMap<string, Shard>,
  weightMap: ReadonlyMap<string, string> | undefined,
): OtherTensorInfo[] {
  return [...shards].flatMap(([file, shard]) =>
    [...shard.tensors.values()]
      .filter(({ name }) => weightMap === undefined || weightMap.get(name) === file)
      .map((tensor) => ({ ...tensor, file })),
  );
}

function isWeight(tensor: OtherTensorInfo): tensor is TensorInfo {
  return isWeightDtype(tensor.dtype);
}

class OpenCheckpoint implements Checkpoint {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly others: ReadonlyMap<string, OtherTensorInfo>;
  readonly totalBytes: number;
  private readonly reading = new Set<Promise<Uint8Array>>();
  private closing: Promise<void> | undefined;

  constructor(
    readonly folder: string,
    private readonly shards: ReadonlyMap<string, Shard>,
    tensors: readonly OtherTensorInfo[],
  ) {
    const weights = tensors.filter(isWeight);
    this.tensors = new Map(weights.map((tensor) => [tensor.name, tensor]));
    this.others = new Map(
      tensors.filter((tensor) => !isWeight(tensor)).map((tensor) => [tensor.name, tensor]),
    );
    this.totalBytes = weights.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  info(name: string): TensorInfo {
    const tensor = this.tensors.get(name);
    if (tensor !== undefined) return tensor;
    const other = this.others.get(name);
    throw other === undefined ? tensorMissing(name, this) : notAWeight(other, this.folder);
  }

  async read(name: string): Promise<RawArray> {
    const tensor = this.info(name);
    return this.readRange(tensor, 0, tensor.sizeBytes);
  }

  async readRows(name: string, from: number, to: number): Promise<RawArray> {
    const tensor = this.info(name);
    const [rows = 0] = tensor.shape;
    if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= rows)) {
      throw rowsOutside(tensor, from, to, this.folder);
    }
    const rowBytes = rows === 0 ? 0 : tensor.sizeBytes / rows;
    return this.readRange(tensor, from * rowBytes, to * rowBytes);
  }

  close(): Promise<void> {
    this.closing ??= Promise.allSettled(this.reading).then(() => closeAll(this.shards));
    return this.closing;
  }

  /** Bytes [begin, end) of the tensor. */
  private async readRange(tensor: TensorInfo, begin: number, end: number): Promise<RawArray> {
    if (end - begin > MAX_READ_BYTES) throw tooLargeToRead(tensor, end - begin, this.folder);
    const shard = this.shards.get(tensor.file);
    if (shard === undefined || this.closing !== undefined) {
      const message = `tensor ${quoted(tensor.name)} cannot be read: ${this.folder} was closed`;
      throw new EngineError('file-unreadable', message, { folder: this.folder, tensor: tensor.name });
    }
    const reading = readBytes(shard.handle, shard.path, tensor.offset + begin, end - begin);
    this.reading.add(reading);
    try {
      return viewAs(tensor.dtype, await reading);
    } finally {
      this.reading.delete(reading);
    }
  }
}

async function noCheckpoint(folder: string): Promise<EngineError> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw readError(error, folder);
  });
  const found = names.filter((name) => /\.(bin|pth?|gguf|safetensors)$/.test(name)).slice(0, 20);
  return new EngineError(
    'file-missing',
    `${folder} has no weights: expected ${SINGLE_FILE} or ${INDEX_FILE}, found ` +
      (found.length === 0 ? 'no file of weights' : found.join(', ')),
    { folder, found },
    'Choose the folder that holds the model, or save the model as safetensors.',
  );
}

function indexInvalid(
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

function tensorMissing(name: string, { folder, tensors }: Checkpoint): EngineError {
  const facts: ErrorFacts = { folder, tensor: name, tensors: tensors.size };
  return new EngineError(
    'tensor-missing',
    `${folder} has no tensor ${quoted(name)} among its ${tensors.size}`,
    facts,
    'The config and the weights may belong to different models, or a file of the model is missing.',
  );
}

function notAWeight({ name, dtype, file }: OtherTensorInfo, folder: string): EngineError {
  return new EngineError(
    'tensor-dtype',
    `tensor ${quoted(name)} in ${join(folder, file)} has the dtype ${dtype}; weights are F32, F16 or BF16`,
    { folder, file, tensor: name, dtype },
    'If the model is quantized, start from its original in 16 or 32 bits.',
  );
}

function rowsOutside({ name, shape }: TensorInfo, from: number, to: number, folder: string): EngineError {
  const rows = shape.length === 0 ? 'no rows' : `${shape[0]} rows`;
  return new EngineError(
    'tensor-shape',
    `rows ${from} to ${to} of tensor ${quoted(name)} in ${folder}: it has ${rows}, its shape is [${shape.join(', ')}]`,
    { folder, tensor: name, shape, from, to },
  );
}

function tooLargeToRead({ name, file }: TensorInfo, sizeBytes: number, folder: string): EngineError {
  return new EngineError(
    'limit-exceeded',
    `${sizeBytes} bytes of tensor ${quoted(name)} in ${join(folder, file)} are too many to read at once; ` +
      `at most ${MAX_READ_BYTES} fit one array`,
    { folder, file, tensor: name, sizeBytes, maxBytes: MAX_READ_BYTES },
    'Read it by ranges of rows.',
  );
}

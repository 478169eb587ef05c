import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError, type ErrorFacts } from '../errors.ts';
import { type Dtype, type RawArray, bytesPerElement, viewAs } from '../tensor/dtype.ts';
import { openForReading, readBytes } from './read-bytes.ts';
import { type ReadRange, readStrided } from './read-strided.ts';
import {
  LENGTH_BYTES,
  type StoredTensor,
  isWeightDtype,
  parseHeader,
  parseHeaderLength,
  quoted,
} from './safetensors-header.ts';
import { readTorchArchive } from './torch-archive.ts';
import { type WeightFiles, type WeightFormat, findWeightFiles, indexInvalid } from './weight-files.ts';

/** Electron allows 2046 MiB in one ArrayBuffer. */
const MAX_READ_BYTES = 2046 * 1024 * 1024;

/** A tensor that can be read. `file` is a base name, `offset` counts from the start of that file. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly file: string;
  readonly offset: number;
  readonly sizeBytes: number;
  /** As in StoredTensor. */
  readonly strides?: readonly number[];
}

/** A tensor of a type that weights do not have, such as an I64 buffer: it is known, but not read. */
export type OtherTensorInfo = Omit<TensorInfo, 'dtype'> & { readonly dtype: string };

/** The weights of a model in their files, opened for reading by name. */
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
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names; where there are neither,
 * `pytorch_model.bin` or its shards. Every header is checked before any tensor is read. Where there is an index, it
 * alone decides which tensors exist and which shard holds each.
 * Throws file-missing, file-unreadable, json-invalid, header-truncated, header-invalid, limit-exceeded, code-refused
 * or feature-unsupported.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const found = await findWeightFiles(folder);
  const shards = new Map<string, Shard>();
  try {
    for (const file of found.files) shards.set(file, await openShard(folder, file, found.format));
    requireIndexed(found, shards, folder);
    return new OpenCheckpoint(folder, shards, listTensors(shards, found.weightMap));
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
  const shards = new Map([[file, await openShard(folder, file, 'safetensors')]]);
  return new OpenCheckpoint(folder, shards, listTensors(shards, undefined));
}

interface Shard {
  readonly path: string;
  readonly handle: FileHandle;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** The file stays open from here on: headers and tensors come from the same file even if another takes its name. */
async function openShard(folder: string, file: string, format: WeightFormat): Promise<Shard> {
  const path = join(folder, file);
  const { handle, sizeBytes } = await openForReading(path);
  try {
    const tensors = await tensorReaders[format](handle, sizeBytes, path);
    return { path, handle, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** What a file says of its tensors, by its format. */
const tensorReaders: Readonly<
  Record<WeightFormat, (handle: FileHandle, fileBytes: number, path: string) => Promise<StoredTensor[]>>
> = { safetensors: readSafetensorsHeader, torch: readTorchArchive };

async function readSafetensorsHeader(
  handle: FileHandle,
  fileBytes: number,
  path: string,
): Promise<StoredTensor[]> {
  const lengthBytes = await readBytes(handle, path, 0, Math.min(LENGTH_BYTES, fileBytes));
  const headerBytes = parseHeaderLength(lengthBytes, fileBytes, path);
  return parseHeader(await readBytes(handle, path, LENGTH_BYTES, headerBytes), fileBytes, path);
}

async function closeAll(shards: ReadonlyMap<string, Shard>): Promise<void> {
  await Promise.all([...shards.values()].map(({ handle }) => handle.close()));
}

function requireIndexed(
  { weightMap, indexFile }: WeightFiles,
  shards: ReadonlyMap<string, Shard>,
  folder: string,
): void {
  for (const [name, file] of weightMap ?? []) {
    if (shards.get(file)?.tensors.has(name) === true) continue;
    throw indexInvalid(
      join(folder, indexFile),
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
    return this.readPart(tensor, 0, tensor.shape[0] ?? 1);
  }

  async readRows(name: string, from: number, to: number): Promise<RawArray> {
    const tensor = this.info(name);
    const [rows = 0] = tensor.shape;
    if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= rows)) {
      throw rowsOutside(tensor, from, to, this.folder);
    }
    return this.readPart(tensor, from, to);
  }

  close(): Promise<void> {
    this.closing ??= Promise.allSettled(this.reading).then(() => closeAll(this.shards));
    return this.closing;
  }

  /** Rows [from, to); a tensor without dimensions is one row. */
  private async readPart(tensor: TensorInfo, from: number, to: number): Promise<RawArray> {
    const { dtype, shape, strides, offset } = tensor;
    const [rows = 1, ...row] = shape;
    const rowBytes = rows === 0 ? 0 : tensor.sizeBytes / rows;
    const sizeBytes = (to - from) * rowBytes;
    if (sizeBytes > MAX_READ_BYTES) throw tooLargeToRead(tensor, sizeBytes, this.folder);
    const read = this.rangesOf(tensor);
    if (strides === undefined) return viewAs(dtype, await read(offset + from * rowBytes, sizeBytes));
    const view = { dtype, shape: [to - from, ...row], strides };
    return readStrided({ ...view, offset: offset + from * strides[0] * bytesPerElement[dtype] }, read);
  }

  /** Reads of the file that holds a tensor, which `close` waits for. */
  private rangesOf(tensor: TensorInfo): ReadRange {
    return async (offset, sizeBytes) => {
      const shard = this.shards.get(tensor.file);
      if (shard === undefined || this.closing !== undefined) {
        const message = `tensor ${quoted(tensor.name)} cannot be read: ${this.folder} was closed`;
        throw new EngineError('file-unreadable', message, { folder: this.folder, tensor: tensor.name });
      }
      const reading = readBytes(shard.handle, shard.path, offset, sizeBytes);
      this.reading.add(reading);
      try {
        return await reading;
      } finally {
        this.reading.delete(reading);
      }
    };
  }
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

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { PartialFile, makeFolder } from './atomic-file.ts';
import { INDEX_FILE, MAX_SHARDS, SINGLE_FILE } from './weight-files.ts';
import { writeError } from './file-errors.ts';
import {
  type TensorLayout,
  encodeHeader,
  quoted,
  requireEncodable,
  tensorSizeBytes,
} from './safetensors-header.ts';

/** A tensor to write: `data` is called once, and yields exactly the bytes of `shape`, row-major, little endian. */
export interface TensorSource extends TensorLayout {
  readonly data: () => AsyncIterable<Uint8Array>;
}

export interface WriteCheckpointOptions {
  /** Bytes of tensors per file; a single tensor above it gets a file of its own. */
  readonly maxShardBytes?: number;
  /** Free text in every file's header. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The default of huggingface_hub's split_torch_state_dict_into_shards (MAX_SHARD_SIZE), 5 GB. */
const DEFAULT_SHARD_BYTES = 5e9;

/** What transformers writes, and asks for when it loads. */
const DEFAULT_METADATA = { format: 'pt' };

/**
 * Writes safetensors files that transformers loads: `model.safetensors`, or numbered shards and their index.
 * Files are filled in the order given (within a file, F32 first) and get their names only when all of them are
 * complete, the index last; the same input gives the same bytes. Creates `folder`; a checkpoint of the same files in it is replaced.
 * Throws disk-full, folder-not-writable, run-folder-occupied (other weights are there), tensor-shape (a wrong number
 * of bytes), tensor-dtype, header-invalid (names) or limit-exceeded, and what `data` throws; no partial file remains.
 */
export async function writeCheckpoint(
  folder: string,
  tensors: readonly TensorSource[],
  { maxShardBytes = DEFAULT_SHARD_BYTES, metadata = DEFAULT_METADATA }: WriteCheckpointOptions = {},
): Promise<void> {
  requireEncodable(tensors, folder);
  const shards = splitIntoShards(tensors, maxShardBytes, folder);
  await makeFolder(folder);
  await requireNoOtherWeights(folder, shards);
  const files: PartialFile[] = [];
  try {
    for (const shard of shards) await writeShard(join(folder, shard.file), shard.tensors, metadata, files);
    if (shards.length > 1) await writeIndex(join(folder, INDEX_FILE), shards, files);
    await removeIndex(folder); // from here to the new index, half-replaced shards do not look like a checkpoint
    for (const file of files) await file.place();
  } finally {
    await Promise.all(files.map((file) => file.discard()));
  }
}

/**
 * Writes one safetensors file, which appears under `path` whole or not at all; the folder must exist.
 * Throws as writeCheckpoint.
 */
export async function writeSafetensors(path: string, tensors: readonly TensorSource[]): Promise<void> {
  requireEncodable(tensors, path);
  const files: PartialFile[] = [];
  try {
    await writeShard(path, alignedOrder(tensors), DEFAULT_METADATA, files);
    for (const file of files) await file.place();
  } finally {
    await Promise.all(files.map((file) => file.discard()));
  }
}

interface Shard {
  readonly file: string;
  readonly tensors: readonly TensorSource[];
}

/** Fills each file in turn, and starts the next where a tensor would exceed the limit. */
function splitIntoShards(tensors: readonly TensorSource[], maxShardBytes: number, folder: string): Shard[] {
  if (!(maxShardBytes > 0)) {
    const message = `${folder}: the largest shard must be above 0 bytes, found ${maxShardBytes}`;
    throw new EngineError('recipe-invalid', message, { maxShardBytes });
  }
  const groups: TensorSource[][] = [[]];
  let shardBytes = 0;
  for (const tensor of tensors) {
    const sizeBytes = tensorSizeBytes(tensor.dtype, tensor.shape);
    const last = groups.at(-1);
    if (last === undefined || (last.length > 0 && shardBytes + sizeBytes > maxShardBytes)) {
      groups.push([tensor]);
      shardBytes = sizeBytes;
    } else {
      last.push(tensor);
      shardBytes += sizeBytes;
    }
  }
  if (groups.length > MAX_SHARDS) {
    throw new EngineError(
      'limit-exceeded',
      `${folder}: shards of ${maxShardBytes} bytes make ${groups.length} files; at most ${MAX_SHARDS} can be opened`,
      { folder, maxShardBytes, shards: groups.length, maxShards: MAX_SHARDS },
      'Choose larger shards.',
    );
  }
  return groups.map((group, i) => ({ file: shardFile(i, groups.length), tensors: alignedOrder(group) }));
}

function shardFile(index: number, shards: number): string {
  if (shards === 1) return SINGLE_FILE;
  const digits = (number: number): string => String(number).padStart(5, '0');
  return `model-${digits(index + 1)}-of-${digits(shards)}.safetensors`;
}

/** F32 before the 16-bit types, otherwise as given: then every tensor starts aligned, without holes. */
function alignedOrder(tensors: readonly TensorSource[]): TensorSource[] {
  const wide = tensors.filter(({ dtype }) => dtype === 'F32');
  return [...wide, ...tensors.filter(({ dtype }) => dtype !== 'F32')];
}

/** `files` gets the new file before anything is written to it, so that the caller can discard it. */
async function writeShard(
  path: string,
  tensors: readonly TensorSource[],
  metadata: Readonly<Record<string, string>>,
  files: PartialFile[],
): Promise<void> {
  const header = encodeHeader(tensors, metadata, path);
  const file = await PartialFile.create(path);
  files.push(file);
  await file.write(header);
  for (const tensor of tensors) await writeTensor(file, tensor);
  await file.finish();
}

async function writeTensor(file: PartialFile, { name, dtype, shape, data }: TensorSource): Promise<void> {
  const expectedBytes = tensorSizeBytes(dtype, shape);
  let writtenBytes = 0;
  for await (const bytes of data()) {
    writtenBytes += bytes.byteLength;
    if (writtenBytes > expectedBytes) break;
    await file.write(bytes);
  }
  if (writtenBytes === expectedBytes) return;
  const found = writtenBytes > expectedBytes ? `at least ${writtenBytes}` : String(writtenBytes);
  throw new EngineError(
    'tensor-shape',
    `tensor ${quoted(name)} of ${dtype} [${shape.join(', ')}] has ${expectedBytes} bytes, but ${found} were given ` +
      `for ${file.path}`,
    { path: file.path, tensor: name, dtype, shape, expectedBytes, foundBytes: writtenBytes },
  );
}

async function writeIndex(path: string, shards: readonly Shard[], files: PartialFile[]): Promise<void> {
  const file = await PartialFile.create(path);
  files.push(file);
  await file.write(Buffer.from(indexText(shards)));
  await file.finish();
}

/** The layout of transformers' own index. */
function indexText(shards: readonly Shard[]): string {
  const all = shards.flatMap(({ file, tensors }) => tensors.map((tensor) => ({ file, tensor })));
  const totalBytes = all.reduce((sum, { tensor }) => sum + tensorSizeBytes(tensor.dtype, tensor.shape), 0);
  const weightMap = Object.fromEntries(all.map(({ file, tensor }) => [tensor.name, file]));
  return `${JSON.stringify({ metadata: { total_size: totalBytes }, weight_map: weightMap }, null, 2)}\n`;
}

async function removeIndex(folder: string): Promise<void> {
  const path = join(folder, INDEX_FILE);
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw writeError(error, path);
  }
}

/** Left-over files of another split would be loaded in place of the new ones, or travel with them. */
async function requireNoOtherWeights(folder: string, shards: readonly Shard[]): Promise<void> {
  const ours = new Set(shards.map(({ file }) => file));
  if (shards.length > 1) ours.add(INDEX_FILE);
  const names = await readdir(folder).catch((error: unknown) => {
    throw writeError(error, folder);
  });
  const others = names.filter((name) => isCheckpointFile(name) && !ours.has(name)).sort();
  if (others.length === 0) return;
  throw new EngineError(
    'run-folder-occupied',
    `${folder} already holds weights that would not be replaced: ${others.slice(0, 5).join(', ')}`,
    { folder, files: others.slice(0, 20), count: others.length },
    'Choose an empty folder, or remove those files.',
  );
}

function isCheckpointFile(name: string): boolean {
  return name === SINGLE_FILE || name === INDEX_FILE || /^model-\d{5}-of-\d{5}\.safetensors$/.test(name);
}

// The safetensors format, https://github.com/huggingface/safetensors#format: eight bytes with the header's length
// (little endian), the header in JSON, then the tensors' bytes. A header is checked as the reference implementation
// checks it (tensors cover the data without holes or overlaps), and more strictly where that one is lenient.
import { EngineError, type ErrorCode, type ErrorFacts } from '../errors.ts';
import { type Dtype, bytesPerElement } from '../tensor/dtype.ts';
import { findJsonProblem } from './json-problem.ts';

export const LENGTH_BYTES = 8;

/** The reference implementation's own limit (MAX_HEADER_SIZE): what it refuses, we neither read nor write. */
const MAX_HEADER_BYTES = 100_000_000;

/** Five times the tensors of the largest mixtures of experts, which have about 90 000. */
export const MAX_TENSORS = 500_000;

/** The longest names in use have about 150 characters; names go into messages, plans and reports. */
export const MAX_NAME_LENGTH = 1024;

/** PyTorch's own limit on the dimensions of a tensor. */
export const MAX_RANK = 64;

/** Header, tensor, shape: a valid header needs three levels; metadata is a flat map. */
const MAX_DEPTH = 3;

/** Entry, dtype, two lists and six numbers per tensor: this bounds what JSON.parse is asked to build. */
const MAX_VALUES = 10 * MAX_TENSORS;

const METADATA_KEY = '__metadata__';

/** Every element type of the format, with its size; the small float types are packed, several to a byte. */
const bitsPerElement: ReadonlyMap<string, number> = new Map([
  ['BOOL', 8],
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['U8', 8],
  ['I8', 8],
  ['F8_E5M2', 8],
  ['F8_E4M3', 8],
  ['F8_E8M0', 8],
  ['F8_E4M3FNUZ', 8],
  ['F8_E5M2FNUZ', 8],
  ['I16', 16],
  ['U16', 16],
  ['F16', 16],
  ['BF16', 16],
  ['I32', 32],
  ['U32', 32],
  ['F32', 32],
  ['C64', 64],
  ['F64', 64],
  ['I64', 64],
  ['U64', 64],
]);

/** One tensor as a header describes it: `offset` counts from the start of the file. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  /** Of its elements, wherever they lie. */
  readonly sizeBytes: number;
  /** Elements from one index of each axis to the next, where it does not lie row after row without gaps. */
  readonly strides?: readonly number[];
}

/** One tensor to be described in a header. */
export interface TensorLayout {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** The header's length in bytes, from the file's first eight; the header must fit the file. */
export function parseHeaderLength(lengthBytes: Uint8Array, fileBytes: number, path: string): number {
  if (fileBytes < LENGTH_BYTES) {
    throw truncated(path, `has ${fileBytes} bytes; the length of the header alone takes ${LENGTH_BYTES}`, {
      fileBytes,
    });
  }
  if (new TextDecoder('latin1').decode(lengthBytes) === 'version ') throw gitLfsPointer(path);
  const length = Number(new DataView(lengthBytes.buffer, lengthBytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw new EngineError(
      'limit-exceeded',
      `${path}: its first eight bytes give a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed`,
      { path, headerBytes: length, maxHeaderBytes: MAX_HEADER_BYTES },
      'It is probably not a safetensors file. Download or export it again.',
    );
  }
  if (LENGTH_BYTES + length > fileBytes) {
    throw truncated(
      path,
      `has ${fileBytes} bytes; its header alone should end at byte ${LENGTH_BYTES + length}`,
      {
        fileBytes,
        headerBytes: length,
      },
    );
  }
  return length;
}

/**
 * The tensors that `header` describes, in the order of their bytes.
 * Throws header-invalid, header-truncated (the file ends before its last tensor) or limit-exceeded.
 */
export function parseHeader(header: Uint8Array, fileBytes: number, path: string): StoredTensor[] {
  const dataStart = LENGTH_BYTES + header.byteLength;
  const entries = Object.entries(parseJsonObject(header, path));
  if (entries.length > MAX_TENSORS + 1) throw tooMany(path, entries.length);
  const tensors: StoredTensor[] = [];
  for (const [key, value] of entries) {
    if (key === METADATA_KEY) requireStringMap(value, path);
    else tensors.push(parseTensor(key, value, dataStart, path));
  }
  tensors.sort((a, b) => a.offset - b.offset || a.sizeBytes - b.sizeBytes);
  requireFullCover(tensors, dataStart, fileBytes, path);
  return tensors;
}

/** Length and header in bytes, padded with spaces so that the data starts at a multiple of eight. */
export function encodeHeader(
  tensors: readonly TensorLayout[],
  metadata: Readonly<Record<string, string>>,
  path: string,
): Uint8Array {
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape }): [string, unknown] => {
    const begin = end;
    end += tensorSizeBytes(dtype, shape);
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries([[METADATA_KEY, metadata], ...entries])));
  const headerBytes = Math.ceil(json.byteLength / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new EngineError(
      'limit-exceeded',
      `${path}: its header would have ${headerBytes} bytes; at most ${MAX_HEADER_BYTES} are allowed`,
      { path, headerBytes, maxHeaderBytes: MAX_HEADER_BYTES },
      'Choose smaller shards.',
    );
  }
  const bytes = Buffer.alloc(LENGTH_BYTES + headerBytes, ' ');
  bytes.writeBigUInt64LE(BigInt(headerBytes));
  json.copy(bytes, LENGTH_BYTES);
  return bytes;
}

export function isWeightDtype(dtype: string): dtype is Dtype {
  return Object.hasOwn(bytesPerElement, dtype);
}

/**
 * Refuses what could be written but not read again, here or elsewhere.
 * Throws header-invalid (names), tensor-dtype, tensor-shape or limit-exceeded.
 */
export function requireEncodable(tensors: readonly TensorLayout[], path: string): void {
  if (tensors.length > MAX_TENSORS) throw tooMany(path, tensors.length);
  const names = new Set<string>();
  for (const { name, dtype, shape } of tensors) {
    requireName(name, names, path);
    const tensor = `${path}: tensor ${quoted(name)}`;
    if (!isWeightDtype(dtype)) {
      const found = shown(dtype);
      throw new EngineError(
        'tensor-dtype',
        `${tensor} has the dtype ${found}; F32, F16 or BF16 can be written`,
        { path },
      );
    }
    if (
      !shape.every(isCount) ||
      shape.length > MAX_RANK ||
      !Number.isSafeInteger(tensorSizeBytes(dtype, shape))
    ) {
      throw new EngineError(
        'tensor-shape',
        `${tensor} has the shape ${shown(shape)}, expected up to ${MAX_RANK} whole numbers from 0 on`,
        { path, tensor: name },
      );
    }
  }
}

function requireName(name: string, seen: Set<string>, path: string): void {
  const refuse = (reason: string): never => {
    throw new EngineError('header-invalid', `${path}: the tensor name ${quoted(name)} ${reason}`, {
      path,
      tensor: name,
    });
  };
  if (name === METADATA_KEY) refuse('is reserved by the format');
  if (name.length > MAX_NAME_LENGTH)
    refuse(`has ${name.length} characters; at most ${MAX_NAME_LENGTH} are allowed`);
  if (/\p{Surrogate}/u.test(name)) refuse('is not valid text: it holds half of a surrogate pair');
  if (seen.has(name)) refuse('occurs twice');
  seen.add(name);
}

/** Bytes of a tensor of `shape`; a shape without dimensions is one element. */
export function tensorSizeBytes(dtype: Dtype, shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, bytesPerElement[dtype]);
}

/** A name as a message shows it: escaped, and cut where it is long. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);
}

function parseJsonObject(header: Uint8Array, path: string): object {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    throw invalid(path, 'its header is not UTF-8 text');
  }
  if (!text.startsWith('{'))
    throw invalid(path, `its header starts with ${quoted(text.slice(0, 1))}, expected "{"`);
  const problem = findJsonProblem(text, { maxDepth: MAX_DEPTH, maxValues: MAX_VALUES, uniqueKeys: true });
  if (problem !== undefined) {
    const code = problem.kind === 'limit' ? 'limit-exceeded' : 'header-invalid';
    const { position, reason } = problem;
    throw invalid(path, `its header is not valid at character ${position}: ${reason}`, { position }, code);
  }
  const value: unknown = JSON.parse(text);
  if (isObject(value)) return value;
  throw invalid(path, 'its header is not a JSON object'); // what starts with { and has no problem is one
}

function requireStringMap(value: unknown, path: string): void {
  if (value === null) return; // the reference reads null as no metadata
  if (isObject(value) && Object.values(value).every((entry) => typeof entry === 'string')) return;
  throw invalid(path, `${METADATA_KEY} must map text to text`);
}

function parseTensor(name: string, value: unknown, dataStart: number, path: string): StoredTensor {
  if (name.length > MAX_NAME_LENGTH) {
    throw invalid(
      path,
      `a tensor's name has ${name.length} characters (${quoted(name)}); at most ${MAX_NAME_LENGTH} are allowed`,
      { nameLength: name.length, maxNameLength: MAX_NAME_LENGTH },
      'limit-exceeded',
    );
  }
  const where = `tensor ${quoted(name)}`;
  if (!isObject(value)) throw invalid(path, `${where} must be described by an object`);
  const dtype = field(value, 'dtype');
  const bits = typeof dtype === 'string' ? bitsPerElement.get(dtype) : undefined;
  if (typeof dtype !== 'string' || bits === undefined) {
    throw invalid(path, `${where} has the dtype ${shown(dtype)}, which safetensors does not define`);
  }
  const shape = parseShape(field(value, 'shape'), where, path);
  const [begin, end] = parseOffsets(field(value, 'data_offsets'), where, path);
  requireSize(end - begin, dtype, bits, shape, where, path);
  return { name, dtype, shape, offset: dataStart + begin, sizeBytes: end - begin };
}

function parseShape(value: unknown, where: string, path: string): number[] {
  if (!Array.isArray(value) || !value.every(isCount)) {
    throw invalid(path, `${where} has the shape ${shown(value)}, expected a list of whole numbers from 0 on`);
  }
  if (value.length > MAX_RANK) {
    const facts = { rank: value.length, maxRank: MAX_RANK };
    throw invalid(
      path,
      `${where} has ${value.length} dimensions; at most ${MAX_RANK} are allowed`,
      facts,
      'limit-exceeded',
    );
  }
  return value;
}

function parseOffsets(value: unknown, where: string, path: string): [begin: number, end: number] {
  const [begin, end] = Array.isArray(value) && value.length === 2 ? (value as unknown[]) : [];
  if (isCount(begin) && isCount(end) && begin <= end) return [begin, end];
  throw invalid(
    path,
    `${where} has the data_offsets ${shown(value)}, expected [begin, end] with 0 <= begin <= end`,
  );
}

function requireSize(
  foundBytes: number,
  dtype: string,
  bits: number,
  shape: readonly number[],
  where: string,
  path: string,
): void {
  let sizeBits = bits;
  for (const dimension of shape) {
    sizeBits *= dimension;
    if (!Number.isSafeInteger(sizeBits))
      throw invalid(path, `${where} is larger than any file: [${shape.join(', ')}]`);
  }
  if (sizeBits % 8 !== 0)
    throw invalid(path, `${where} of ${dtype} [${shape.join(', ')}] does not fill whole bytes`);
  if (sizeBits / 8 === foundBytes) return;
  throw invalid(
    path,
    `${where} of ${dtype} [${shape.join(', ')}] needs ${sizeBits / 8} bytes, but its data_offsets span ${foundBytes}`,
    { expectedBytes: sizeBits / 8, foundBytes },
  );
}

/** Every data byte belongs to exactly one tensor: the reference refuses holes too, as a place to hide other data. */
function requireFullCover(
  tensors: readonly StoredTensor[],
  dataStart: number,
  fileBytes: number,
  path: string,
): void {
  let end = dataStart;
  for (const { name, offset, sizeBytes } of tensors) {
    if (offset !== end) {
      const what = offset < end ? 'overlaps the tensor before it' : 'leaves unused bytes before it';
      throw invalid(
        path,
        `tensor ${quoted(name)} starts at byte ${offset} and ${what}; byte ${end} was expected`,
        {
          tensor: name,
          foundByte: offset,
          expectedByte: end,
        },
      );
    }
    end = offset + sizeBytes;
  }
  if (fileBytes < end) {
    throw truncated(path, `has ${fileBytes} bytes; its last tensor should end at byte ${end}`, {
      fileBytes,
      expectedBytes: end,
    });
  }
  if (fileBytes > end) {
    throw invalid(path, `has ${fileBytes} bytes, but its last tensor ends at byte ${end}`, {
      fileBytes,
      expectedBytes: end,
    });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own fields only: a header's `__proto__` is a key like any other, and nothing is inherited. */
function field(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

/** Whole, from 0 on, and exact in a double; a JSON "-0" is none. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function invalid(
  path: string,
  message: string,
  facts: ErrorFacts = {},
  code: ErrorCode = 'header-invalid',
): EngineError {
  return new EngineError(
    code,
    `${path}: ${message}`,
    { path, ...facts },
    'The file is damaged, or was not written as safetensors defines it. Download or export it again.',
  );
}

function truncated(path: string, message: string, facts: ErrorFacts): EngineError {
  return new EngineError(
    'header-truncated',
    `${path} is cut short: it ${message}`,
    { path, ...facts },
    'The download or copy was interrupted. Get the file again.',
  );
}

function tooMany(path: string, entries: number): EngineError {
  return invalid(
    path,
    `its header names ${entries} tensors; at most ${MAX_TENSORS} are allowed`,
    { tensors: entries, maxTensors: MAX_TENSORS },
    'limit-exceeded',
  );
}

function gitLfsPointer(path: string): EngineError {
  return new EngineError(
    'header-invalid',
    `${path} is a Git LFS pointer, not the weights themselves`,
    { path },
    'Run "git lfs pull" in that folder, or download the model from its page.',
  );
}

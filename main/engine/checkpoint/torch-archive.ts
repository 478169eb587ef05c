// What torch.save writes: a zip archive in one folder, whose data.pkl describes tensors and whose data/<key> are their
// storages (torch/serialization.py, torch/_utils.py). A tensor is a view of a storage: offset, shape and strides, all
// counted in elements; several tensors may share one.
import type { FileHandle } from 'node:fs/promises';
import { EngineError, type ErrorCode, type ErrorFacts } from '../errors.ts';
import { readBytes } from './read-bytes.ts';
import { lastElement, product, rowMajor } from './read-strided.ts';
import { type StoredTensor, MAX_NAME_LENGTH, MAX_RANK, isWeightDtype, quoted } from './safetensors-header.ts';
import { dtypeNames, storageTypes } from './torch-types.ts';
import { Dict, KnownGlobal, List, Tuple, unpickle } from './unpickle.ts';
import { type ZipEntry, isZip, readZipDirectory } from './zip-directory.ts';

/** A tensor takes some 200 bytes; shards have a few hundred of them. */
const MAX_PICKLE_BYTES = 32 * 1024 * 1024;

/** A shard of the largest models has some thousand. */
const MAX_TENSORS_PER_FILE = 50_000;

/** Of its dict: tensors, and what lies beside them. */
const MAX_ENTRIES = 2 * MAX_TENSORS_PER_FILE;

/** An expanded mask over 8192 positions; the size of any other tensor is bounded by its file's. */
const MAX_REPEATED_BYTES = 256 * 1024 * 1024;

/** torch.save's own name for the file's description. */
const PICKLE = 'data.pkl';

const START_BYTES = 16;

/** More than "little" has, for a message to show. */
const MAX_BYTE_ORDER_BYTES = 20;

/** The first bytes of the format before 2020: a pickled number, 0x1950a86a20f9469cfc6c. */
const legacyStart = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/** The file format of PyTorch, by a file's first bytes. */
export async function readTorchArchive(
  handle: FileHandle,
  fileBytes: number,
  path: string,
): Promise<StoredTensor[]> {
  await requireArchive(handle, fileBytes, path);
  const entries = await readZipDirectory(handle, fileBytes, path);
  const archive = new TorchArchive(entries, path);
  const bytes = async ({ offset, sizeBytes }: ZipEntry): Promise<Uint8Array> =>
    readBytes(handle, path, offset, sizeBytes);
  const order = archive.byteOrder;
  if (order !== undefined) archive.requireLittleEndian(await bytes(order));
  return archive.tensorsOf(await bytes(archive.pickle));
}

async function requireArchive(handle: FileHandle, fileBytes: number, path: string): Promise<void> {
  const start = await readBytes(handle, path, 0, Math.min(START_BYTES, fileBytes));
  if (isZip(start)) return;
  if (legacyStart.every((byte, i) => start[i] === byte)) {
    throw new EngineError(
      'feature-unsupported',
      `${path} has the file format that PyTorch wrote before version 1.6`,
      { path },
      'Load it with torch.load and save it again with torch.save, or save the model as safetensors.',
    );
  }
  const isPointer = new TextDecoder('latin1').decode(start).startsWith('version ');
  throw new EngineError(
    'header-invalid',
    isPointer
      ? `${path} is a Git LFS pointer, not the weights themselves`
      : `${path} is not a file of PyTorch: it should begin as a zip archive`,
    { path },
    isPointer
      ? 'Run "git lfs pull" in that folder, or download the model from its page.'
      : 'Download the file again, or get the model as safetensors.',
  );
}

/** A storage: where its bytes lie, and what they are. */
class Storage {
  constructor(
    readonly dtype: string,
    readonly elementBytes: number,
    readonly elements: number,
    readonly offset: number,
  ) {}
}

/** A view of a storage, not yet named. */
class TorchTensor {
  constructor(
    readonly storage: Storage,
    readonly firstElement: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    /** What it is marked with: its elements are not those of the storage, but their negatives or conjugates. */
    readonly marks: Dict | undefined,
  ) {}
}

class TorchArchive {
  readonly pickle: ZipEntry;
  private readonly folder: string;
  private readonly storages = new Map<string, ZipEntry>();
  private tensors = 0;
  private readonly globals: ReadonlyMap<string, KnownGlobal>;

  constructor(
    private readonly entries: ReadonlyMap<string, ZipEntry>,
    private readonly path: string,
  ) {
    const found = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
    if (found.length !== 1)
      throw this.invalid(`it holds ${found.length} files named ${PICKLE}, expected one`);
    [this.pickle] = found;
    if (this.pickle.sizeBytes > MAX_PICKLE_BYTES) {
      throw this.invalid(
        `its ${PICKLE} has ${this.pickle.sizeBytes} bytes; at most ${MAX_PICKLE_BYTES} are allowed`,
        'limit-exceeded',
        { pickleBytes: this.pickle.sizeBytes, maxPickleBytes: MAX_PICKLE_BYTES },
      );
    }
    this.folder = this.pickle.name.slice(0, -PICKLE.length);
    for (const entry of entries.values()) {
      if (entry.name.startsWith(`${this.folder}data/`))
        this.storages.set(entry.name.slice(this.folder.length + 'data/'.length), entry);
    }
    this.globals = new Map<string, KnownGlobal>(
      [
        new KnownGlobal('collections.OrderedDict', (args) => this.orderedDict(args)),
        new KnownGlobal('torch._utils._rebuild_tensor_v2', (args) => this.tensor(args)),
        new KnownGlobal('torch._utils._rebuild_parameter', ([data]) => this.requireTensor(data)),
        new KnownGlobal('torch.Size', ([size]) => this.requireTuple(size, 'a torch.Size')),
        ...[...storageTypes.keys(), ...dtypeNames].map((type) => new KnownGlobal(`torch.${type}`)),
      ].map((known) => [known.name, known]),
    );
  }

  /** Written since PyTorch 2.1; files without it are little endian in practice. */
  get byteOrder(): ZipEntry | undefined {
    const entry = this.entries.get(`${this.folder}byteorder`);
    return entry && { ...entry, sizeBytes: Math.min(entry.sizeBytes, MAX_BYTE_ORDER_BYTES) };
  }

  requireLittleEndian(bytes: Uint8Array): void {
    const order = new TextDecoder('latin1').decode(bytes);
    if (order === 'little') return;
    throw this.invalid(`its byte order is ${quoted(order)}, expected "little"`, 'feature-unsupported');
  }

  /** In the order of their bytes. */
  tensorsOf(pickle: Uint8Array): StoredTensor[] {
    const { value, sizeBytes } = unpickle(
      pickle,
      {
        global: (module, name) => this.globals.get(`${module}.${name}`),
        persistent: (id) => this.storage(id),
      },
      this.path,
    );
    if (sizeBytes !== pickle.byteLength) {
      throw this.invalid(`its ${PICKLE} ends at byte ${sizeBytes}, but has ${pickle.byteLength}`);
    }
    if (!(value instanceof Dict)) throw this.invalid('it holds no dict of tensors');
    const tensors = [...this.tensorsIn(value)].map(([name, tensor]) => this.named(name, tensor));
    return tensors.sort((a, b) => a.offset - b.offset || a.sizeBytes - b.sizeBytes);
  }

  /** By their names. What else lies beside them (a number, None, a dict) is let pass; a weight of its name is missing. */
  private tensorsIn({ items }: Dict): ReadonlyMap<string, TorchTensor> {
    const entries = items.length / 2;
    if (entries > MAX_ENTRIES) throw this.tooMany('values', MAX_ENTRIES);
    const found = new Map<string, unknown>();
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key === 'string') found.set(key, items[i + 1]);
    }
    const tensors = [...found].filter(
      (entry): entry is [string, TorchTensor] => entry[1] instanceof TorchTensor,
    );
    if (tensors.length === 0 && entries > 0) throw this.noTensors([...found.keys()]);
    return new Map(tensors);
  }

  private named(name: string, { storage, firstElement, shape, strides, marks }: TorchTensor): StoredTensor {
    if (name.length > MAX_NAME_LENGTH) {
      throw this.invalid(
        `a tensor's name has ${name.length} characters (${quoted(name)}); at most ${MAX_NAME_LENGTH} are allowed`,
        'limit-exceeded',
      );
    }
    const sizeBytes = product(shape) * storage.elementBytes;
    if (isWeightDtype(storage.dtype)) {
      if (marks !== undefined && marks.items.length > 0) throw this.marked(name, marks);
      if (sizeBytes > Math.max(MAX_REPEATED_BYTES, storage.elements * storage.elementBytes))
        throw this.repeatedTooOften(name, sizeBytes);
    }
    return {
      name,
      dtype: storage.dtype,
      shape,
      offset: storage.offset + firstElement * storage.elementBytes,
      sizeBytes,
      ...(!isContiguous(shape, strides) && { strides }),
    };
  }

  /** ('storage', type, key, device, elements) */
  private storage(id: unknown): Storage {
    const [kind, type, key, , elements] = this.requireTuple(id, 'a persistent id').items;
    const known =
      type instanceof KnownGlobal ? storageTypes.get(type.name.slice('torch.'.length)) : undefined;
    if (kind !== 'storage' || known === undefined || typeof key !== 'string' || !isCount(elements)) {
      throw this.invalid('a storage in its pickle is not described as torch.save does');
    }
    const entry = this.storages.get(key);
    if (entry === undefined) throw this.invalid(`it lacks the storage ${quoted(key)}`);
    const [dtype, elementBytes] = known;
    if (entry.sizeBytes !== elements * elementBytes) {
      throw this.invalid(
        `its storage ${quoted(key)} has ${entry.sizeBytes} bytes; ${elements} elements of ${dtype} take ${elements * elementBytes}`,
        'header-invalid',
        { expectedBytes: elements * elementBytes, foundBytes: entry.sizeBytes },
      );
    }
    return new Storage(dtype, elementBytes, elements, entry.offset);
  }

  /** (storage, first element, size, strides, requires_grad, hooks[, metadata]) */
  private tensor([storage, firstElement, size, stride, , , metadata]: readonly unknown[]): TorchTensor {
    if (++this.tensors > MAX_TENSORS_PER_FILE) throw this.tooMany('tensors', MAX_TENSORS_PER_FILE);
    const shape = this.requireTuple(size, 'the shape of a tensor').items;
    const strides = this.requireTuple(stride, 'the strides of a tensor').items;
    if (shape.length > MAX_RANK) {
      const message = `a tensor has ${shape.length} dimensions; at most ${MAX_RANK} are allowed`;
      throw this.invalid(message, 'limit-exceeded', { rank: shape.length, maxRank: MAX_RANK });
    }
    if (shape.length !== strides.length) {
      throw this.invalid(`a tensor has ${shape.length} dimensions, but ${strides.length} strides`);
    }
    const marks = metadata ?? undefined;
    if (
      !(storage instanceof Storage) ||
      !isCount(firstElement) ||
      !shape.every(isCount) ||
      !strides.every(isCount) ||
      !(marks === undefined || marks instanceof Dict)
    ) {
      throw this.invalid('a tensor in its pickle is not described as torch.save does');
    }
    const view = (): string =>
      `[${shape.join(', ')}] with strides [${strides.join(', ')}] from element ${firstElement}`;
    const elements = product(shape);
    if (!Number.isSafeInteger(elements * storage.elementBytes))
      throw this.invalid(`a tensor of ${view()} is larger than any file`);
    const end = elements === 0 ? firstElement : firstElement + lastElement(shape, strides) + 1;
    if (end > storage.elements)
      throw this.invalid(`a tensor of ${view()} does not fit its storage of ${storage.elements} elements`);
    return new TorchTensor(storage, firstElement, shape, strides, marks);
  }

  private orderedDict(args: readonly unknown[]): Dict {
    const [pairs = new List()] = args;
    if (!(pairs instanceof List)) throw this.invalid('an ordered dict in its pickle is not made from a list');
    return new Dict(
      pairs.items.flatMap((pair) => {
        if ((pair instanceof Tuple || pair instanceof List) && pair.items.length === 2) return pair.items;
        throw this.invalid('an ordered dict in its pickle is not made from pairs');
      }),
    );
  }

  private requireTuple(value: unknown, what: string): Tuple {
    if (value instanceof Tuple) return value;
    throw this.invalid(`${what} in its pickle is no tuple`);
  }

  private requireTensor(value: unknown): TorchTensor {
    if (value instanceof TorchTensor) return value;
    throw this.invalid('a parameter in its pickle is no tensor');
  }

  private noTensors([name]: readonly string[]): EngineError {
    if (name === undefined) return this.invalid('no key of its dict is a text');
    return new EngineError(
      'header-invalid',
      `${this.path}: ${quoted(name)} is no tensor, nor is any other value; a model's file holds tensors by their names`,
      { path: this.path, key: name },
      'It may be the state of a training: save the state dict inside it by itself.',
    );
  }

  private marked(name: string, { items: [mark] }: Dict): EngineError {
    const shown = typeof mark === 'string' ? quoted(mark) : `a ${typeof mark}`;
    return new EngineError(
      'feature-unsupported',
      `${this.path}: tensor ${quoted(name)} is marked with ${shown}: its elements are other than its storage has them, which is not read`,
      { path: this.path, tensor: name },
      'Load it with torch.load, give every tensor to torch.resolve_neg and torch.resolve_conj, and save it again.',
    );
  }

  private repeatedTooOften(name: string, sizeBytes: number): EngineError {
    return this.invalid(
      `tensor ${quoted(name)} repeats elements of its storage up to ${sizeBytes} bytes; at most ${MAX_REPEATED_BYTES} are allowed`,
      'limit-exceeded',
      { tensor: name, sizeBytes, maxBytes: MAX_REPEATED_BYTES },
    );
  }

  private tooMany(what: string, most: number): EngineError {
    return this.invalid(`it holds more than ${most} ${what}`, 'limit-exceeded', { most });
  }

  private invalid(message: string, code: ErrorCode = 'header-invalid', facts: ErrorFacts = {}): EngineError {
    return new EngineError(
      code,
      `${this.path}: ${message}`,
      { path: this.path, ...facts },
      'The file is damaged, or is no model that torch.save wrote. Download or export it again.',
    );
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Row-major without gaps; the stride of an axis of one element, or of no elements at all, says nothing. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (product(shape) === 0) return true;
  const expected = rowMajor(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === expected[axis]);
}

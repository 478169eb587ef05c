/** Files in the layout of torch.save, put together byte by byte: for what its own writer would not write. */

const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
};
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

interface Entry {
  readonly name: string;
  readonly data: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  /** What the directory says, where it is not true. */
  readonly sizeBytes?: number;
  readonly packedBytes?: number;
  readonly headerOffset?: number;
  /** Whether the directory has the sizes in the 64-bit field. */
  readonly isWide?: boolean;
}

interface ZipOptions {
  readonly comment?: string;
  /** Whether the end record is that of a 64-bit archive. */
  readonly isWide?: boolean;
  readonly entryCount?: number;
}

/** A zip archive of stored entries. */
export function zipBytes(entries: readonly Entry[], options: ZipOptions = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  const add = (...more: readonly Uint8Array[]): void => {
    for (const part of more) {
      parts.push(Buffer.from(part));
      at += part.byteLength;
    }
  };
  for (const entry of entries) {
    const { name, data, method = 0, flags = 0, isWide = false } = entry;
    const { sizeBytes = data.byteLength, packedBytes = sizeBytes, headerOffset = at } = entry;
    const nameBytes = Buffer.from(name);
    const narrow = (value: number): Buffer => u32(isWide ? 0xffffffff : value);
    const extra = isWide
      ? Buffer.concat([
          u16(0x7777),
          u16(0),
          u16(1),
          u16(24),
          u64(sizeBytes),
          u64(packedBytes),
          u64(headerOffset),
        ])
      : Buffer.alloc(0);
    const padding = Buffer.alloc((64 - ((at + 30 + nameBytes.length) % 64)) % 64);
    directory.push(
      Buffer.concat([
        ...[u32(0x02014b50), u16(0), u16(0), u16(flags), u16(method), u32(0), u32(0)],
        ...[narrow(packedBytes), narrow(sizeBytes), u16(nameBytes.length), u16(extra.length), u16(0)],
        ...[u32(0), u32(0), narrow(headerOffset), nameBytes, extra],
      ]),
    );
    add(
      u32(0x04034b50),
      u16(0),
      u16(flags),
      u16(method),
      u32(0),
      u32(0),
      narrow(packedBytes),
      narrow(sizeBytes),
    );
    add(u16(nameBytes.length), u16(padding.length), nameBytes, padding, data);
  }
  const { isWide = false, entryCount = entries.length, comment = '' } = options;
  const offset = at;
  add(...directory);
  const size = at - offset;
  if (isWide) {
    const record = at;
    add(u32(0x06064b50), u64(44), u16(0), u16(0), u32(0), u32(0), u64(entryCount), u64(entryCount));
    add(u64(size), u64(offset), u32(0x07064b50), u32(0), u64(record), u32(1));
  }
  const count = u16(isWide ? 0xffff : entryCount);
  const place = isWide ? [u32(0xffffffff), u32(0xffffffff)] : [u32(size), u32(offset)];
  add(u32(0x06054b50), u16(0), u16(0), count, count, ...place, u16(comment.length), Buffer.from(comment));
  return Buffer.concat(parts);
}

/** Instructions of pickle, by what they push. */
export const pickled = {
  start: Buffer.from([0x80, 2]),
  end: Buffer.from('.'),
  none: Buffer.from('N'),
  true: Buffer.from([0x88]),
  int: (value: number): Buffer => Buffer.concat([Buffer.from('J'), u32(value >>> 0)]),
  long: (value: bigint): Buffer => Buffer.concat([Buffer.from([0x8a, 8]), u64(BigInt.asUintN(64, value))]),
  text: (value: string): Buffer =>
    Buffer.concat([Buffer.from('X'), u32(Buffer.byteLength(value)), Buffer.from(value)]),
  global: (module: string, name: string): Buffer => Buffer.from(`c${module}\n${name}\n`),
  tuple: (...items: readonly Uint8Array[]): Buffer =>
    Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')]),
  call: (callee: Uint8Array, ...args: readonly Uint8Array[]): Buffer =>
    Buffer.concat([callee, pickled.tuple(...args), Buffer.from('R')]),
  dict: (entries: Readonly<Record<string, Uint8Array>>): Buffer =>
    Buffer.concat([
      Buffer.from('}('),
      ...Object.entries(entries).flatMap(([key, value]) => [pickled.text(key), value]),
      Buffer.from('u'),
    ]),
};

export interface ViewOptions {
  readonly key?: string;
  readonly type?: string;
  /** Elements of the storage. */
  readonly elements: number | bigint;
  readonly first?: number | bigint;
  readonly shape: readonly (number | bigint)[];
  readonly strides: readonly (number | bigint)[];
  /** What torch says of the view besides. */
  readonly metadata?: Uint8Array;
}

/** A tensor: a view of a storage. */
export function viewOf({
  key = '0',
  type = 'FloatStorage',
  elements,
  first = 0,
  shape,
  strides,
  metadata,
}: ViewOptions): Buffer {
  const number = (value: number | bigint): Buffer => pickled.long(BigInt(value));
  const storage = Buffer.concat([
    pickled.tuple(
      pickled.text('storage'),
      pickled.global('torch', type),
      pickled.text(key),
      pickled.text('cpu'),
      number(elements),
    ),
    Buffer.from('Q'),
  ]);
  return pickled.call(
    pickled.global('torch._utils', '_rebuild_tensor_v2'),
    storage,
    number(first),
    pickled.tuple(...shape.map(number)),
    pickled.tuple(...strides.map(number)),
    Buffer.from([0x89]),
    pickled.call(pickled.global('collections', 'OrderedDict')),
    ...(metadata === undefined ? [] : [metadata]),
  );
}

/** A file with one storage, "0", and this pickle between its start and end. */
export function torchBytes(
  body: Uint8Array,
  storage: Uint8Array = new Uint8Array(),
  more: readonly Entry[] = [],
  options: ZipOptions = {},
): Buffer {
  const data = Buffer.concat([pickled.start, body, pickled.end]);
  return zipBytes(
    [{ name: 'archive/data.pkl', data }, { name: 'archive/data/0', data: storage }, ...more],
    options,
  );
}

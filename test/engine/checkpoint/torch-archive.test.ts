import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import { toFloat32 } from '../../../main/engine/tensor/half.ts';
import { rejection } from './rejection.ts';
import { safetensorsBytes, writeSingle } from './safetensors-file.ts';
import { openFilesBelow, temporaryFolder, canCountOpenFiles } from './temporary-folder.ts';
import { pickled, torchBytes, viewOf, zipBytes } from './torch-file.ts';

const golden = join(import.meta.dirname, '../../golden/torch');

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Row-major, in hex. */
  readonly bytes: string;
}

async function open(folder: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(folder);
  onTestFinished(() => checkpoint.close());
  return checkpoint;
}

function folderWith(bytes: Uint8Array): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'pytorch_model.bin'), bytes);
  return folder;
}

const hex = (values: ArrayBufferView): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

describe.each(['state-dict', 'views', 'types', 'types-protocol-2'])('%s, as torch.save writes it', (name) => {
  const expected = JSON.parse(readFileSync(join(golden, name, 'expected.json'), 'utf8')) as Record<
    string,
    Expected
  >;
  const weights = Object.entries(expected).filter(([, { dtype }]) => ['F32', 'F16', 'BF16'].includes(dtype));

  it('has the tensors that were saved', async () => {
    const { tensors, others } = await open(join(golden, name));
    const found = [...tensors.values(), ...others.values()].map(({ name: key, dtype, shape }) => [
      key,
      { dtype, shape },
    ]);
    const saved = Object.entries(expected).map(([key, { dtype, shape }]) => [key, { dtype, shape }]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(saved));
    expect(tensors.size).toBe(weights.length);
  });

  it('gives their values, whole and row by row', async () => {
    const checkpoint = await open(join(golden, name));
    for (const [key, { shape, bytes }] of weights) {
      expect(hex(await checkpoint.read(key)), key).toBe(bytes);
      const [rows = 0] = shape;
      const parts = Array.from({ length: rows }, (_, row) => checkpoint.readRows(key, row, row + 1));
      if (shape.length > 0) expect((await Promise.all(parts)).map(hex).join(''), key).toBe(bytes);
    }
  });
});

describe('a sharded model', () => {
  it('equals the same model in safetensors', async () => {
    const [torch, safetensors] = [
      await open(join(golden, 'half-f16')),
      await open(join(golden, '../models/half-f16')),
    ];
    expect(new Set(torch.tensors.keys())).toEqual(new Set(safetensors.tensors.keys()));
    for (const name of safetensors.tensors.keys())
      expect(await torch.read(name)).toEqual(await safetensors.read(name));
    expect(torch.totalBytes).toBe(safetensors.totalBytes);
  });

  it('yields to safetensors in the same folder', async () => {
    const folder = temporaryFolder();
    await cp(join(golden, 'half-f16'), folder, { recursive: true });
    await writeSingle(folder, safetensorsBytes({ w: { dtype: 'F32', shape: [0], data_offsets: [0, 0] } }));
    expect([...(await open(folder)).tensors.keys()]).toEqual(['w']);
  });

  it('lacks a shard that was not downloaded', async () => {
    const folder = temporaryFolder();
    for (const file of ['pytorch_model.bin.index.json', 'pytorch_model-00001-of-00002.bin'])
      copyFileSync(join(golden, 'half-f16', file), join(folder, file));
    expect(await rejection(openCheckpoint(folder))).toMatchObject({ code: 'file-missing' });
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });
});

describe('a large file', () => {
  it('is read by ranges', async () => {
    // 4 GiB of zeros that take no space, then a storage whose last element is 7: its place needs 64 bits.
    const gap = 2 ** 32;
    const body = pickled.dict({ w: viewOf({ key: '1', elements: 4, shape: [2, 2], strides: [2, 1] }) });
    const data = Buffer.concat([pickled.start, body, pickled.end]);
    const whole = zipBytes(
      [
        { name: 'archive/data.pkl', data },
        { name: 'archive/data/1', data: Buffer.from(Float32Array.of(1, 2, 3, 7).buffer), isWide: true },
      ],
      { isWide: true },
    );
    const folder = temporaryFolder();
    const file = openSync(join(folder, 'pytorch_model.bin'), 'w');
    // The storage's own header and everything after it is moved behind the gap.
    const at = whole.indexOf('archive/data/1') - 30;
    writeSync(file, whole, 0, at, 0);
    ftruncateSync(file, gap + whole.length);
    const moved = Buffer.from(whole.subarray(at));
    const shift = (position: number): void =>
      void moved.writeBigUInt64LE(moved.readBigUInt64LE(position) + BigInt(gap), position);
    const [extra, end64] = [
      moved.indexOf(Buffer.from([1, 0, 24, 0])),
      moved.indexOf(Buffer.from('PK\x06\x06', 'latin1')),
    ];
    for (const position of [extra + 4 + 16, end64 + 48, end64 + 56 + 8]) shift(position);
    writeSync(file, moved, 0, moved.length, gap + at);
    closeSync(file);
    const checkpoint = await open(folder);
    expect(checkpoint.info('w').offset).toBeGreaterThan(gap);
    expect(await checkpoint.readRows('w', 1, 2)).toEqual(Float32Array.of(3, 7));
  });

  it('is read in parts where a transposed tensor spans more than is held at once', async () => {
    // 40 000 x 600 float32 are 96 MB; column c of the file's row r is r mod 251.
    const [rows, columns] = [40_000, 600];
    const storage = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++) storage.fill(row % 251, row * columns, (row + 1) * columns);
    const view = viewOf({ elements: storage.length, shape: [columns, rows], strides: [1, columns] });
    const checkpoint = await open(
      folderWith(torchBytes(pickled.dict({ w: view }), Buffer.from(storage.buffer))),
    );
    const found = await checkpoint.readRows('w', 599, 600);
    expect(found.length).toBe(rows);
    expect(toFloat32(found, 'F32').every((value, row) => value === row % 251)).toBe(true);
  });
});

describe('a pickle that asks for code', () => {
  const { marker, refused } = JSON.parse(readFileSync(join(golden, 'attacks/refused.json'), 'utf8')) as {
    marker: string;
    refused: Record<string, string>;
  };

  it.each(Object.entries(refused))('%s is refused by the name %s', async (name, global) => {
    const error = await rejection(
      openCheckpoint(folderWith(readFileSync(join(golden, 'attacks', `${name}.bin`)))),
    );
    expect(error).toMatchObject({ code: 'code-refused', facts: { global } });
    expect(error.message).toContain(`asks for "${global}"`);
    expect(existsSync(marker)).toBe(false);
  });

  it('does not reach what JavaScript inherits', async () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      const body = pickled.call(pickled.global(name, name), pickled.text('1'));
      expect((await rejection(openCheckpoint(folderWith(torchBytes(body))))).code).toBe('code-refused');
    }
  });
});

const four = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
const view = { elements: 4, shape: [4], strides: [1] };
const oneTensor = (options: Partial<Parameters<typeof viewOf>[0]>): Buffer =>
  torchBytes(pickled.dict({ w: viewOf({ ...view, ...options }) }), four);
const raw = (...bytes: readonly (number | string)[]): Buffer =>
  torchBytes(
    Buffer.concat(
      bytes.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.of(part))),
    ),
  );
const plainData = Buffer.concat([pickled.start, pickled.dict({}), pickled.end]);

describe('a damaged or hostile file', () => {
  const cases: readonly (readonly [what: string, bytes: () => Uint8Array, code: string, says: string])[] = [
    [
      'views past the storage',
      () => oneTensor({ shape: [5] }),
      'header-invalid',
      'does not fit its storage of 4',
    ],
    [
      'views that begin past it',
      () => oneTensor({ first: 1 }),
      'header-invalid',
      'does not fit its storage of 4',
    ],
    [
      'strides past it',
      () => oneTensor({ shape: [2, 2], strides: [3, 1] }),
      'header-invalid',
      'does not fit',
    ],
    [
      'a tensor that repeats one element a billion times',
      () => oneTensor({ shape: [1_000_000_000], strides: [0] }),
      'header-invalid',
      'does not fit its storage of 4',
    ],
    [
      'sizes past 2^53',
      () => oneTensor({ shape: [2n ** 62n] }),
      'header-invalid',
      'not described as torch.save does',
    ],
    [
      'sizes whose product passes 2^53',
      () => oneTensor({ shape: [2 ** 40, 2 ** 40], strides: [1, 1] }),
      'header-invalid',
      'does not fit',
    ],
    [
      'negative strides',
      () => oneTensor({ strides: [-1] }),
      'header-invalid',
      'not described as torch.save does',
    ],
    ['fewer strides than dimensions', () => oneTensor({ strides: [] }), 'header-invalid', 'but 0 strides'],
    [
      'more dimensions than PyTorch has',
      () => oneTensor({ shape: Array(65).fill(1), strides: Array(65).fill(1) }),
      'limit-exceeded',
      'at most 64',
    ],
    [
      'a storage of another size',
      () => oneTensor({ elements: 3 }),
      'header-invalid',
      'has 16 bytes; 3 elements',
    ],
    ['a storage that is not there', () => oneTensor({ key: '7' }), 'header-invalid', 'lacks the storage "7"'],
    [
      'a storage outside the archive',
      () => oneTensor({ key: '../data.pkl' }),
      'header-invalid',
      'lacks the storage',
    ],
    [
      'no tensors but a number',
      () => torchBytes(pickled.int(1)),
      'header-invalid',
      'holds no dict of tensors',
    ],
    [
      'the state of a training',
      () => torchBytes(pickled.dict({ epoch: pickled.int(1) })),
      'header-invalid',
      '"epoch" is no tensor',
    ],
    ['a value never remembered', () => raw('h', 9), 'header-invalid', 'recalls value 9'],
    ['a whole number of 4 GB', () => raw(0x8b, '\xff\xff\xff\xff'), 'limit-exceeded', 'has 4294967295 bytes'],
    [
      'a text longer than the file',
      () => raw('X', '\xff\xff\xff\x7f'),
      'header-invalid',
      'ends in the middle',
    ],
    ['an empty stack', () => raw('a'), 'header-invalid', 'takes a value that is not there'],
    ['a list that was not begun', () => raw('t'), 'header-invalid', 'did not begin'],
    ['a call of a type', () => raw('ctorch\nFloatStorage\n)R'), 'header-invalid', 'only a type'],
    ['a call of a text', () => raw('X', '\0\0\0\0', ')R'), 'header-invalid', 'calls what is no global'],
    ['attributes of a list', () => raw(']N', 'b'), 'header-invalid', 'gives attributes'],
    ['an extension code', () => raw(0x82, 1), 'header-invalid', '0x82'],
    ['an instance', () => raw('ccollections\nOrderedDict\n)', 0x81), 'header-invalid', '0x81'],
    ['a later protocol', () => raw(0x80, 9), 'header-invalid', 'protocol 9'],
    ['two million values', () => raw('N'.repeat(2_000_000)), 'limit-exceeded', 'more than 1000000 values'],
    ['two million marks', () => raw('('.repeat(2_000_000)), 'limit-exceeded', 'more than 1000000 marks'],
    [
      'five million remembered values',
      () => raw('N', '\x94'.repeat(5_000_000)),
      'limit-exceeded',
      'more than 4000000 remembered values',
    ],
    [
      'something after its end',
      () => zipBytes([{ name: 'a/data.pkl', data: Buffer.concat([plainData, Buffer.from('N')]) }]),
      'header-invalid',
      'ends at byte',
    ],
    [
      'no pickle',
      () => zipBytes([{ name: 'a/version', data: Buffer.from('3') }]),
      'header-invalid',
      'holds 0 files named data.pkl',
    ],
    [
      'two pickles',
      () =>
        zipBytes([
          { name: 'a/data.pkl', data: plainData },
          { name: 'b/data.pkl', data: plainData },
        ]),
      'header-invalid',
      'holds 2 files named data.pkl',
    ],
    [
      'a big-endian byte order',
      () =>
        zipBytes([
          { name: 'a/data.pkl', data: plainData },
          { name: 'a/byteorder', data: Buffer.from('big') },
        ]),
      'feature-unsupported',
      '"big"',
    ],
    [
      'a compressed entry, such as a zip bomb has',
      () =>
        zipBytes([
          { name: 'a/data.pkl', data: Buffer.alloc(20), method: 8, sizeBytes: 2 ** 31, packedBytes: 20 },
        ]),
      'feature-unsupported',
      'is compressed (method 8)',
    ],
    [
      'an encrypted entry',
      () => zipBytes([{ name: 'a/data.pkl', data: plainData, flags: 1 }]),
      'feature-unsupported',
      'is encrypted',
    ],
    [
      'a stored entry of two sizes',
      () => zipBytes([{ name: 'a/data.pkl', data: plainData, packedBytes: 1 }]),
      'header-invalid',
      'stored as 1',
    ],
    [
      'entries that overlap, as a zip bomb’s do',
      () =>
        zipBytes([
          { name: 'a/data.pkl', data: plainData },
          { name: 'a/data/0', data: four, headerOffset: 0 },
        ]),
      'header-invalid',
      'overlaps the one before it',
    ],
    [
      'an entry larger than the file',
      () => zipBytes([{ name: 'a/data.pkl', data: plainData, sizeBytes: 2 ** 31 }]),
      'header-invalid',
      'reaches past the end of the file',
    ],
    [
      'an entry that takes in the directory',
      () => zipBytes([{ name: 'a/data.pkl', data: plainData, sizeBytes: 60 }]),
      'header-invalid',
      'reaches into the directory',
    ],
    [
      'an entry somewhere else',
      () => zipBytes([{ name: 'a/data.pkl', data: plainData, headerOffset: 5 }]),
      'header-invalid',
      'does not begin at byte 5',
    ],
    [
      'two entries of one name',
      () =>
        zipBytes([
          { name: 'a/data.pkl', data: plainData },
          { name: 'a/data.pkl', data: plainData },
        ]),
      'header-invalid',
      'two entries named',
    ],
    [
      'more entries than there are',
      () => zipBytes([{ name: 'a/data.pkl', data: plainData }], { entryCount: 7 }),
      'header-invalid',
      'ends in the middle of an entry',
    ],
    [
      'a billion entries',
      () => zipBytes([{ name: 'a/data.pkl', data: plainData }], { entryCount: 1e9, isWide: true }),
      'limit-exceeded',
      'at most 100000',
    ],
    [
      'half of it',
      () => torchBytes(pickled.dict({})).subarray(0, 100),
      'header-truncated',
      'has no directory at its end',
    ],
    ['a Git LFS pointer', () => Buffer.from('version https://git-lfs'), 'header-invalid', 'Git LFS pointer'],
    ['no file of PyTorch', () => Buffer.from('GGUF'), 'header-invalid', 'not a file of PyTorch'],
    ['an empty file', () => Buffer.alloc(0), 'header-invalid', 'not a file of PyTorch'],
  ];

  it.each(cases)('%s', async (_, bytes, code, says) => {
    const folder = folderWith(bytes());
    const error = await rejection(openCheckpoint(folder));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(says)]);
    expect(error.message).toContain(join(folder, 'pytorch_model.bin'));
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });

  it('in the format before PyTorch 1.6 is told from it', async () => {
    const error = await rejection(openCheckpoint(join(golden, 'legacy')));
    expect(error).toMatchObject({ code: 'feature-unsupported', hint: expect.stringContaining('torch.save') });
  });

  it('may have a comment at its end, and a 64-bit directory', async () => {
    const body = pickled.dict({ w: viewOf(view) });
    for (const options of [{ comment: 'a comment' }, { isWide: true }]) {
      const checkpoint = await open(folderWith(torchBytes(body, four, [], options)));
      expect(await checkpoint.read('w')).toEqual(Float32Array.of(1, 2, 3, 4));
    }
  });
});

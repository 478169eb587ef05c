import { closeSync, copyFileSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import { toFloat32 } from '../../../main/engine/tensor/half.ts';
import { rejection } from './rejection.ts';
import { safetensorsBytes, writeSingle } from './safetensors-file.ts';
import { canCountOpenFiles, openFilesBelow, temporaryFolder } from './temporary-folder.ts';
import { folderWith, four, itRefuses, oneTensor, open, wholeOfFour } from './torch-folder.ts';
import { pickled, torchBytes, viewOf, zipBytes } from './torch-file.ts';

const golden = join(import.meta.dirname, '../../golden/torch');

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Row-major, in hex. */
  readonly bytes: string;
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

const plainData = Buffer.concat([pickled.start, pickled.dict({}), pickled.end]);

describe('a byte order of five gigabytes', () => {
  it('is refused by its first bytes', async () => {
    const gap = 5 * 2 ** 30;
    const order = { name: 'a/byteorder', data: new Uint8Array(), sizeBytes: gap, isWide: true };
    const whole = zipBytes([{ name: 'a/data.pkl', data: plainData }, order], { isWide: true });
    const directory = whole.indexOf('PK\x01\x02');
    const end64 = whole.indexOf('PK\x06\x06');
    for (const position of [end64 + 48, end64 + 56 + 8])
      whole.writeBigUInt64LE(whole.readBigUInt64LE(position) + BigInt(gap), position);
    const folder = folderWith(whole.subarray(0, directory));
    const file = openSync(join(folder, 'pytorch_model.bin'), 'r+');
    writeSync(file, whole, directory, whole.length - directory, gap + directory);
    closeSync(file);
    const error = await rejection(openCheckpoint(folder));
    expect(error).toMatchObject({
      code: 'feature-unsupported',
      message: expect.stringContaining('its byte order is'),
    });
  });
});

describe('a view that repeats elements', () => {
  it('is read, whole and row by row', async () => {
    const file = oneTensor({ first: 2, shape: [5, 2, 3], strides: [0, 1, 0] });
    const checkpoint = await open(folderWith(file));
    const row = [3, 3, 3, 4, 4, 4];
    expect(await checkpoint.read('w')).toEqual(Float32Array.from([row, row, row, row, row].flat()));
    expect(await checkpoint.readRows('w', 3, 5)).toEqual(Float32Array.from([row, row].flat()));
  });

  it('may overlap itself', async () => {
    const checkpoint = await open(folderWith(oneTensor({ shape: [3, 2], strides: [1, 1] })));
    expect(await checkpoint.read('w')).toEqual(Float32Array.of(1, 2, 2, 3, 3, 4));
  });
});

describe('what lies beside the weights', () => {
  const complex = viewOf({ key: '0', type: 'ComplexFloatStorage', elements: 2, shape: [2], strides: [1] });
  const conjugate = viewOf({
    ...{ key: '0', type: 'ComplexDoubleStorage', elements: 1, shape: [1], strides: [1] },
    metadata: pickled.dict({ conj: pickled.true }),
  });
  const beside = {
    none: pickled.none,
    number: pickled.int(5),
    text: pickled.text('x'),
    tuple: pickled.tuple(pickled.int(1), pickled.none),
    dict: pickled.dict({ inner: pickled.int(1) }),
    dtype: pickled.global('torch', 'float16'),
    complex,
    conjugate,
  };

  it('is let pass', async () => {
    const checkpoint = await open(folderWith(oneTensor({ metadata: pickled.dict({}) }, beside)));
    expect([...checkpoint.tensors.keys()]).toEqual(['w']);
    expect(await checkpoint.read('w')).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it('is refused by its name where it is called for', async () => {
    const checkpoint = await open(folderWith(oneTensor({}, beside)));
    for (const name of ['none', 'number', 'text', 'tuple', 'dict', 'dtype'])
      expect(await rejection(checkpoint.read(name))).toMatchObject({
        code: 'tensor-missing',
        facts: { tensor: name },
      });
    for (const [name, dtype] of [
      ['complex', 'C64'],
      ['conjugate', 'C128'],
    ])
      expect(await rejection(checkpoint.read(name))).toMatchObject({
        code: 'tensor-dtype',
        facts: { tensor: name, dtype },
      });
  });

  it('takes the place of a tensor that had its name', async () => {
    const twice = [pickled.text('v'), viewOf(wholeOfFour), pickled.text('v'), pickled.none];
    const body = Buffer.concat([
      pickled.dict({ w: viewOf(wholeOfFour) }),
      Buffer.from('('),
      ...twice,
      Buffer.from('u'),
    ]);
    expect([...(await open(folderWith(torchBytes(body, four)))).tensors.keys()]).toEqual(['w']);
  });

  it('may have a number for its key', async () => {
    const numbered = Buffer.concat([pickled.int(7), viewOf(wholeOfFour), Buffer.from('s')]);
    const body = Buffer.concat([pickled.dict({ w: viewOf(wholeOfFour) }), numbered]);
    expect([...(await open(folderWith(torchBytes(body, four)))).tensors.keys()]).toEqual(['w']);
  });

  it('is no call of a dtype', async () => {
    const called = pickled.call(pickled.global('torch', 'float16'));
    const error = await rejection(openCheckpoint(folderWith(oneTensor({}, { called }))));
    expect(error.message).toContain('calls torch.float16, which is only a type');
  });

  it.each(['device', 'float', 'Tensor', 'dtype'])('is not torch.%s, which is refused', async (name) => {
    const error = await rejection(
      openCheckpoint(folderWith(oneTensor({}, { v: pickled.global('torch', name) }))),
    );
    expect(error).toMatchObject({ code: 'code-refused', facts: { global: `torch.${name}` } });
  });
});

describe('a damaged or hostile file', () => {
  itRefuses([
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
      'limit-exceeded',
      'tensor "w" repeats elements of its storage up to 4000000000 bytes; at most 268435456',
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
      'is larger than any file',
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
      'a negative view',
      () => oneTensor({ metadata: pickled.dict({ neg: pickled.true }) }),
      'feature-unsupported',
      'tensor "w" is marked with "neg"',
    ],
    [
      'a conjugate view of what has no conjugate',
      () => oneTensor({ metadata: pickled.dict({ conj: pickled.true }) }),
      'feature-unsupported',
      'tensor "w" is marked with "conj"',
    ],
    [
      'a view with a number for what torch says of it',
      () => oneTensor({ metadata: pickled.int(1) }),
      'header-invalid',
      'not described as torch.save does',
    ],
    [
      'the state of a training',
      () => torchBytes(pickled.dict({ epoch: pickled.int(1) })),
      'header-invalid',
      '"epoch" is no tensor',
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
    ['a Git LFS pointer', () => Buffer.from('version https://git-lfs'), 'header-invalid', 'Git LFS pointer'],
    ['no file of PyTorch', () => Buffer.from('GGUF'), 'header-invalid', 'not a file of PyTorch'],
    ['an empty file', () => Buffer.alloc(0), 'header-invalid', 'not a file of PyTorch'],
  ]);

  it('in the format before PyTorch 1.6 is told from it', async () => {
    const error = await rejection(openCheckpoint(join(golden, 'legacy')));
    expect(error).toMatchObject({ code: 'feature-unsupported', hint: expect.stringContaining('torch.save') });
  });
});

import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import { rejection } from './rejection.ts';
import { safetensorsBytes, writeSingle } from './safetensors-file.ts';
import { canCountOpenFiles, openFilesBelow, temporaryFolder } from './temporary-folder.ts';

// A file as the format's description lays it out, byte by byte: the length of the header (0x100 = 256), the header,
// spaces up to a multiple of eight, then F32 [2, 2], BF16 [3, 1], F16 without dimensions, and an I64 buffer.
const header =
  '{"__metadata__":{"format":"pt"},' +
  '"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},' +
  '"b":{"dtype":"BF16","shape":[3,1],"data_offsets":[16,22]},' +
  '"s":{"dtype":"F16","shape":[],"data_offsets":[22,24]},' +
  '"n":{"dtype":"I64","shape":[1],"data_offsets":[24,32]}}';
// prettier-ignore
const laidOut = Buffer.concat([
  Buffer.from([0x00, 0x01, 0, 0, 0, 0, 0, 0]),
  Buffer.from(header.padEnd(0x100, ' ')),
  Buffer.from([
    0x00, 0x00, 0x80, 0x3f,  0x00, 0x00, 0x00, 0xc0,   // 1, -2
    0x00, 0x00, 0x40, 0x40,  0xdb, 0x0f, 0x49, 0x40,   // 3, pi
    0x80, 0x3f,  0x00, 0xc0,  0x49, 0x40,              // 1, -2, 3.140625
    0x48, 0x42,                                        // 3.140625
    0x07, 0, 0, 0, 0, 0, 0, 0,                         // 7
  ]),
]);

async function open(folder: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(folder);
  onTestFinished(() => checkpoint.close());
  return checkpoint;
}

async function openBytes(bytes: Uint8Array): Promise<Checkpoint> {
  const folder = temporaryFolder();
  await writeSingle(folder, bytes);
  return open(folder);
}

describe('a single file', () => {
  it('lists its tensors', async () => {
    const checkpoint = await openBytes(laidOut);
    const file = 'model.safetensors';
    expect([...checkpoint.tensors.values()]).toEqual([
      { name: 'w', dtype: 'F32', shape: [2, 2], file, offset: 264, sizeBytes: 16 },
      { name: 'b', dtype: 'BF16', shape: [3, 1], file, offset: 280, sizeBytes: 6 },
      { name: 's', dtype: 'F16', shape: [], file, offset: 286, sizeBytes: 2 },
    ]);
    expect([...checkpoint.others.values()]).toEqual([
      { name: 'n', dtype: 'I64', shape: [1], file, offset: 288, sizeBytes: 8 },
    ]);
    expect(checkpoint.totalBytes).toBe(24);
    expect(checkpoint.info('b')).toBe(checkpoint.tensors.get('b'));
  });

  it('reads whole tensors as they lie in the file', async () => {
    const checkpoint = await openBytes(laidOut);
    expect(await checkpoint.read('w')).toEqual(Float32Array.of(1, -2, 3, Math.fround(Math.PI)));
    expect(await checkpoint.read('b')).toEqual(Uint16Array.of(0x3f80, 0xc000, 0x4049));
    expect(await checkpoint.read('s')).toEqual(Uint16Array.of(0x4248));
  });

  it('reads ranges of rows', async () => {
    const checkpoint = await openBytes(laidOut);
    expect(await checkpoint.readRows('w', 1, 2)).toEqual(Float32Array.of(3, Math.fround(Math.PI)));
    expect(await checkpoint.readRows('w', 0, 2)).toEqual(await checkpoint.read('w'));
    expect(await checkpoint.readRows('b', 1, 3)).toEqual(Uint16Array.of(0xc000, 0x4049));
    expect(await checkpoint.readRows('b', 2, 2)).toEqual(new Uint16Array(0));
  });

  it('reads tensors without elements', async () => {
    const description = { dtype: 'F32', data_offsets: [0, 0] };
    const checkpoint = await openBytes(
      safetensorsBytes({ a: { ...description, shape: [0, 3] }, b: { ...description, shape: [2, 0] } }),
    );
    expect(await checkpoint.read('a')).toEqual(new Float32Array(0));
    expect(await checkpoint.readRows('a', 0, 0)).toEqual(new Float32Array(0));
    expect(await checkpoint.readRows('b', 1, 2)).toEqual(new Float32Array(0));
  });

  it('reads tensors that do not start at a multiple of their element', async () => {
    const bytes = safetensorsBytes(
      {
        odd: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
        w: { dtype: 'F32', shape: [1], data_offsets: [1, 5] },
      },
      Uint8Array.of(9, 0, 0, 0x80, 0x3f),
    );
    expect(await (await openBytes(bytes)).read('w')).toEqual(Float32Array.of(1));
  });

  it('gives every read an array of its own', async () => {
    const checkpoint = await openBytes(laidOut);
    const [first, second] = await Promise.all([checkpoint.read('w'), checkpoint.read('w')]);
    first.fill(0);
    expect(second[0]).toBe(1);
    expect(second.buffer.byteLength).toBe(16);
  });

  it.each([
    ['w', -1, 1],
    ['w', 0, 3],
    ['w', 2, 1],
    ['w', 0.5, 1],
    ['w', NaN, 1],
    ['s', 0, 1],
  ])('has no rows of %s from %d to %d', async (name, from, to) => {
    const checkpoint = await openBytes(laidOut);
    const error = await rejection(checkpoint.readRows(name, from, to));
    expect(error).toMatchObject({
      code: 'tensor-shape',
      message: expect.stringContaining(`rows ${from} to ${to}`),
    });
  });

  it.each(['missing', '__proto__', 'constructor', ''])('names the folder when it lacks %j', async (name) => {
    const checkpoint = await openBytes(laidOut);
    const error = await rejection(checkpoint.read(name));
    expect(error).toMatchObject({
      code: 'tensor-missing',
      facts: { folder: checkpoint.folder, tensor: name },
    });
    expect(error.message).toBe(`${checkpoint.folder} has no tensor "${name}" among its 3`);
    expect(() => checkpoint.info(name)).toThrow(error.message);
  });

  it('says that a tensor of another type is none that it reads', async () => {
    const checkpoint = await openBytes(laidOut);
    const error = await rejection(checkpoint.readRows('n', 0, 1));
    expect(error).toMatchObject({
      code: 'tensor-dtype',
      message: expect.stringContaining('has the dtype I64'),
    });
    expect(() => checkpoint.info('n')).toThrow(error.message);
  });
});

/** A sparse file: its zeros take no space on the disk. */
async function openSparse(
  shape: readonly number[],
  marks: ReadonlyMap<number, Uint8Array>,
): Promise<Checkpoint> {
  const folder = temporaryFolder();
  const sizeBytes = shape.reduce((product, dimension) => product * dimension, 2);
  const head = safetensorsBytes({ w: { dtype: 'F16', shape, data_offsets: [0, sizeBytes] } });
  const path = await writeSingle(folder, head);
  const file = openSync(path, 'r+');
  ftruncateSync(file, head.length + sizeBytes);
  for (const [position, bytes] of marks) writeSync(file, bytes, 0, bytes.length, head.length + position);
  closeSync(file);
  return open(folder);
}

describe('a large tensor', () => {
  it('is read by rows where it does not fit one array', async () => {
    const rowBytes = 2 ** 21;
    const checkpoint = await openSparse([1024, 2 ** 20], new Map([[1023 * rowBytes, Uint8Array.of(7, 0)]]));
    expect(await rejection(checkpoint.read('w'))).toMatchObject({
      code: 'limit-exceeded',
      facts: { sizeBytes: 2 ** 31, maxBytes: 2046 * 2 ** 20 },
      hint: 'Read it by ranges of rows.',
    });
    expect(await rejection(checkpoint.readRows('w', 0, 1024))).toMatchObject({ code: 'limit-exceeded' });
    const row = await checkpoint.readRows('w', 1023, 1024);
    expect([row.length, row[0], row[1]]).toEqual([2 ** 20, 7, 0]);
  });

  it('is the same whether it takes one read call or more', async () => {
    const seam = 256 * 2 ** 20;
    const checkpoint = await openSparse(
      [seam / 2 + 2],
      new Map([[seam - 2, Uint8Array.of(1, 0, 2, 0, 3, 0)]]),
    );
    const values = await checkpoint.read('w');
    expect([...values.subarray(-4)]).toEqual([0, 1, 2, 3]);
  });
});

const shardA = safetensorsBytes(
  { a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } },
  Uint8Array.of(0, 0, 128, 63),
);
const shardB = safetensorsBytes(
  {
    b: { dtype: 'F16', shape: [1], data_offsets: [2, 4] },
    a: { dtype: 'F16', shape: [1], data_offsets: [0, 2] },
  },
  Uint8Array.of(1, 0, 2, 0),
);

function sharded(index: unknown, files: Readonly<Record<string, Uint8Array>> = {}): string {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, 'model.safetensors.index.json'),
    typeof index === 'string' ? index : JSON.stringify(index),
  );
  for (const [name, bytes] of Object.entries({
    '1.safetensors': shardA,
    '2.safetensors': shardB,
    ...files,
  })) {
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}

describe('shards', () => {
  it('are read through the index, which decides between two tensors of one name', async () => {
    const checkpoint = await open(sharded({ weight_map: { b: '2.safetensors', a: '1.safetensors' } }));
    expect([...checkpoint.tensors.values()].map(({ name, file, dtype }) => [name, file, dtype])).toEqual([
      ['a', '1.safetensors', 'F32'],
      ['b', '2.safetensors', 'F16'],
    ]);
    expect(checkpoint.totalBytes).toBe(6);
    expect(await checkpoint.read('a')).toEqual(Float32Array.of(1));
    expect(await checkpoint.read('b')).toEqual(Uint16Array.of(2));
  });

  it('yield to a single file, as in transformers', async () => {
    const folder = sharded({ weight_map: { b: '2.safetensors' } });
    await writeSingle(folder, laidOut);
    expect([...(await open(folder)).tensors.keys()]).toEqual(['w', 'b', 's']);
  });

  it.runIf(process.platform !== 'win32')('may be links, as in a download cache', async () => {
    const folder = sharded({ weight_map: { a: 'linked.safetensors' } });
    symlinkSync(join(folder, '1.safetensors'), join(folder, 'linked.safetensors'));
    expect(await (await open(folder)).read('a')).toEqual(Float32Array.of(1));
  });

  it.each([
    '../1.safetensors',
    '..',
    'sub/1.safetensors',
    'sub\\1.safetensors',
    '/etc/1.safetensors',
    'C:1.safetensors',
    '.1.safetensors',
    '1.safetensors\0',
    '1.safetensors:stream',
    '1.bin',
    `${'1'.repeat(300)}.safetensors`,
    '',
    7,
    null,
  ])('may not be called %j', async (file) => {
    const error = await rejection(openCheckpoint(sharded({ weight_map: { a: file } })));
    expect(error.code).toBe('header-invalid');
    expect(error.message).toContain('tensor "a" is said to be in');
  });

  it.each([
    ['no weight_map', {}, 'header-invalid', 'it has no weight_map object'],
    ['a list for weight_map', { weight_map: [] }, 'header-invalid', 'it has no weight_map object'],
    [
      'a weight_map that is only inherited',
      '{"__proto__":{"weight_map":{}}}',
      'header-invalid',
      'it has no weight_map',
    ],
    ['null', null, 'header-invalid', 'it has no weight_map object'],
    ['broken JSON', '{"weight_map":', 'json-invalid', 'line 1, column 15'],
    [
      'a tensor that its shard lacks',
      { weight_map: { a: '1.safetensors', c: '2.safetensors' } },
      'header-invalid',
      'tensor "c" is said to be in 2.safetensors, which lacks it',
    ],
    [
      'a tensor named __proto__ that its shard lacks',
      '{"weight_map":{"__proto__":"1.safetensors"}}',
      'header-invalid',
      'tensor "__proto__" is said to be in 1.safetensors, which lacks it',
    ],
    [
      'a missing shard',
      { weight_map: { a: '3.safetensors' } },
      'file-missing',
      '3.safetensors does not exist',
    ],
    [
      'too many shards',
      {
        weight_map: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`t${i}`, `${i}.safetensors`])),
      },
      'limit-exceeded',
      'it names 1025 shards; at most 1024 are allowed',
    ],
  ])('are refused where the index has %s', async (_, index, code, sentence) => {
    const folder = sharded(index);
    const error = await rejection(openCheckpoint(folder));
    expect(error).toMatchObject({ code, message: expect.stringContaining(sentence) });
    expect(error.message).toContain(folder);
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });

  it('are refused where the index is too large', async () => {
    const folder = sharded({ weight_map: { a: '1.safetensors' } });
    truncateSync(join(folder, 'model.safetensors.index.json'), 32 * 2 ** 20 + 1);
    expect(await rejection(openCheckpoint(folder))).toMatchObject({ code: 'limit-exceeded' });
  });

  it('are refused where one of them is damaged, and the others are closed', async () => {
    const folder = sharded(
      { weight_map: { a: '1.safetensors', b: '2.safetensors' } },
      { '2.safetensors': shardB.subarray(0, -1) },
    );
    const error = await rejection(openCheckpoint(folder));
    expect(error).toMatchObject({ code: 'header-truncated', facts: { path: join(folder, '2.safetensors') } });
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });
});

describe('a folder without weights', () => {
  it('is named, with what it holds instead', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'config.json'), '{}');
    expect((await rejection(openCheckpoint(folder))).message).toBe(
      `${folder} has no weights: expected model.safetensors, pytorch_model.bin, or an index of shards, found no file of weights`,
    );
    writeFileSync(join(folder, 'consolidated.00.pth'), '');
    const error = await rejection(openCheckpoint(folder));
    expect(error).toMatchObject({ code: 'file-missing', facts: { found: ['consolidated.00.pth'] } });
    expect(error.message).toContain('found consolidated.00.pth');
  });

  it('may be missing itself, or be a file', async () => {
    const folder = temporaryFolder();
    expect(await rejection(openCheckpoint(join(folder, 'missing')))).toMatchObject({ code: 'file-missing' });
    writeFileSync(join(folder, 'file'), '');
    expect(await rejection(openCheckpoint(join(folder, 'file')))).toMatchObject({ code: 'file-missing' });
  });

  it('may have a folder or a broken link where the file should be', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a', 'model.safetensors'), { recursive: true });
    mkdirSync(join(folder, 'b'));
    symlinkSync(join(folder, 'nowhere'), join(folder, 'b', 'model.safetensors'));
    expect(await rejection(openCheckpoint(join(folder, 'a')))).toMatchObject({ code: 'file-unreadable' });
    expect(await rejection(openCheckpoint(join(folder, 'b')))).toMatchObject({
      code: 'file-missing',
      facts: { path: join(folder, 'b', 'model.safetensors') },
    });
  });
});

describe('an open checkpoint', () => {
  it('notices that its file was cut', async () => {
    const checkpoint = await openBytes(laidOut);
    truncateSync(join(checkpoint.folder, 'model.safetensors'), laidOut.length - 10);
    expect(await checkpoint.read('w')).toHaveLength(4); // its bytes are still there
    const error = await rejection(checkpoint.read('s'));
    expect(error).toMatchObject({
      code: 'file-unreadable',
      message: expect.stringContaining('ends at byte'),
    });
  });

  it.runIf(process.platform !== 'win32')(
    'keeps reading the file it opened when another takes its name',
    async () => {
      const checkpoint = await openBytes(laidOut);
      const other = join(checkpoint.folder, 'other');
      await writeFile(other, shardA);
      await rename(other, join(checkpoint.folder, 'model.safetensors'));
      expect(await checkpoint.read('b')).toEqual(Uint16Array.of(0x3f80, 0xc000, 0x4049));
    },
  );

  it.runIf(canCountOpenFiles)('holds one descriptor per file, and none once closed', async () => {
    const folder = sharded({ weight_map: { a: '1.safetensors', b: '2.safetensors' } });
    const checkpoint = await openCheckpoint(folder);
    await Promise.all([checkpoint.read('a'), checkpoint.read('b'), checkpoint.read('a')]);
    expect(openFilesBelow(folder)).toHaveLength(2);
    await Promise.all([checkpoint.close(), checkpoint.close()]);
    expect(openFilesBelow(folder)).toEqual([]);
  });

  it('finishes the reads under way before it closes, and refuses later ones', async () => {
    const checkpoint = await openBytes(laidOut);
    const reading = checkpoint.read('w');
    const closing = checkpoint.close();
    expect(await reading).toHaveLength(4);
    await closing;
    const error = await rejection(checkpoint.read('w'));
    expect(error).toMatchObject({ code: 'file-unreadable', message: expect.stringContaining('was closed') });
  });
});

import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import { type TensorSource, writeCheckpoint } from '../../../main/engine/checkpoint/write-checkpoint.ts';
import { type Dtype, bytesPerElement } from '../../../main/engine/tensor/dtype.ts';
import { rejection } from './rejection.ts';
import { canCountOpenFiles, openFilesBelow, temporaryFolder } from './temporary-folder.ts';

/** A tensor whose bytes arrive in pieces of `pieceBytes`. */
function source(
  name: string,
  dtype: Dtype,
  shape: number[],
  bytes: Uint8Array,
  pieceBytes = 1 << 16,
): TensorSource {
  return {
    name,
    dtype,
    shape,
    data: async function* () {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
    },
  };
}

function filled(name: string, elements: number, dtype: Dtype = 'F16'): TensorSource {
  return source(
    name,
    dtype,
    [elements],
    new Uint8Array(elements * bytesPerElement[dtype]).fill(name.charCodeAt(0)),
  );
}

function filesIn(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]),
  );
}

const tensorArbitrary = fc
  .record({
    name: fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.constantFrom('__proto__', 'constructor', '0', '', '\0', 'model.layers.0.mlp.up_proj.weight'),
    ),
    dtype: fc.constantFrom<Dtype>('F32', 'F16', 'BF16'),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    pieceBytes: fc.integer({ min: 1, max: 40 }),
    seed: fc.nat(255),
  })
  .filter(({ name }) => name !== '__metadata__')
  .map(({ name, dtype, shape, pieceBytes, seed }) => {
    const sizeBytes = shape.reduce((product, dimension) => product * dimension, bytesPerElement[dtype]);
    const bytes = Uint8Array.from({ length: sizeBytes }, (_, i) => (seed + i * 31) % 256);
    return { name, dtype, shape, bytes, source: source(name, dtype, shape, bytes, pieceBytes) };
  });

function bytesOf(array: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

describe('what is written', () => {
  it('is what is read, whatever the names, types, shapes and shards', async () => {
    const tensors = fc.uniqueArray(tensorArbitrary, { selector: ({ name }) => name, maxLength: 8 });
    const root = temporaryFolder();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        tensors,
        fc.integer({ min: 1, max: 600 }),
        fc.nat(),
        async (written, maxShardBytes, pick) => {
          const folder = join(root, String(runs++));
          await writeCheckpoint(
            folder,
            written.map((tensor) => tensor.source),
            { maxShardBytes },
          );
          const checkpoint = await openCheckpoint(folder);
          expect([...checkpoint.tensors.keys()].sort()).toEqual(written.map(({ name }) => name).sort());
          expect(checkpoint.totalBytes).toBe(written.reduce((sum, { bytes }) => sum + bytes.length, 0));
          for (const { name, dtype, shape, bytes } of written) {
            const info = checkpoint.info(name);
            expect(info).toMatchObject({ name, dtype, shape, sizeBytes: bytes.length });
            expect(info.offset % bytesPerElement[dtype]).toBe(0);
            expect(bytesOf(await checkpoint.read(name))).toEqual(bytes);
            const rows = shape[0] ?? 0;
            const from = pick % (rows + 1);
            const rowBytes = rows === 0 ? 0 : bytes.length / rows;
            if (shape.length > 0) {
              expect(bytesOf(await checkpoint.readRows(name, from, rows))).toEqual(
                bytes.subarray(from * rowBytes),
              );
            }
          }
          for (const file of new Set([...checkpoint.tensors.values()].map((tensor) => tensor.file))) {
            const sizes = [...checkpoint.tensors.values()]
              .filter((t) => t.file === file)
              .map((t) => t.sizeBytes);
            const fits = sizes.reduce((sum, size) => sum + size, 0) <= maxShardBytes;
            expect(fits || sizes.filter((size) => size > 0).length === 1).toBe(true);
          }
          await checkpoint.close();
          expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('lies as the format says, byte by byte', async () => {
    const folder = temporaryFolder();
    await writeCheckpoint(folder, [
      source('h', 'F16', [], Uint8Array.of(1, 2)),
      source('w', 'F32', [1, 1], Uint8Array.of(3, 4, 5, 6), 1),
    ]);
    const header =
      '{"__metadata__":{"format":"pt"},' +
      '"w":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},' + // before the F16, so that it is aligned
      '"h":{"dtype":"F16","shape":[],"data_offsets":[4,6]}}     ';
    expect(header.length).toBe(144);
    expect(filesIn(folder)).toEqual({
      'model.safetensors': `\x90\0\0\0\0\0\0\0${header}\x03\x04\x05\x06\x01\x02`,
    });
  });

  it('carries the metadata that is asked for', async () => {
    const folder = temporaryFolder();
    await writeCheckpoint(folder, [], { metadata: { format: 'pt', base: 'tiny' } });
    expect(filesIn(folder)['model.safetensors']).toContain('{"__metadata__":{"format":"pt","base":"tiny"}}');
  });

  it('fills shards in order, and names them in an index', async () => {
    const folder = temporaryFolder();
    const tensors = [
      filled('a', 2),
      filled('b', 2),
      filled('c', 9),
      filled('d', 1),
      filled('e', 3),
      filled('f', 1),
    ];
    await writeCheckpoint(folder, tensors, { maxShardBytes: 8 });
    const shard = (number: number): string => `model-0000${number}-of-00004.safetensors`;
    expect(readdirSync(folder).sort()).toEqual(
      [shard(1), shard(2), shard(3), shard(4), 'model.safetensors.index.json'].sort(),
    );
    expect(filesIn(folder)['model.safetensors.index.json']).toBe(`{
  "metadata": {
    "total_size": 36
  },
  "weight_map": {
    "a": "${shard(1)}",
    "b": "${shard(1)}",
    "c": "${shard(2)}",
    "d": "${shard(3)}",
    "e": "${shard(3)}",
    "f": "${shard(4)}"
  }
}
`);
  });

  it('is the same bytes every time', async () => {
    const folders = [temporaryFolder(), temporaryFolder()];
    const tensors = [filled('b', 3), filled('a', 5, 'F32'), filled('10', 2), filled('9', 2)];
    for (const folder of folders) await writeCheckpoint(folder, tensors, { maxShardBytes: 20 });
    expect(filesIn(folders[1])).toEqual(filesIn(folders[0]));
    expect(Object.keys(filesIn(folders[0]))).toHaveLength(4);
  });
});

/** A tensor whose data stops with an error after its first bytes. */
function failing(name: string, error: unknown): TensorSource {
  return {
    ...filled(name, 4),
    data: async function* () {
      yield new Uint8Array(2);
      throw error;
    },
  };
}

describe('a write that fails', () => {
  it('passes the error of the data on, and removes every file, finished shards too', async () => {
    const folder = temporaryFolder();
    const error = new Error('cancelled');
    const writing = writeCheckpoint(folder, [filled('a', 4), filled('b', 4), failing('c', error)], {
      maxShardBytes: 8,
    });
    await expect(writing).rejects.toBe(error);
    expect(readdirSync(folder)).toEqual([]);
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });

  it('leaves an older checkpoint as it was', async () => {
    const folder = temporaryFolder();
    const options = { maxShardBytes: 8 };
    await writeCheckpoint(folder, [filled('a', 4), filled('b', 4)], options);
    const before = filesIn(folder);
    await expect(
      writeCheckpoint(folder, [filled('x', 4), failing('y', new Error('no'))], options),
    ).rejects.toThrow('no');
    expect(filesIn(folder)).toEqual(before);
  });

  it.each([
    ['too few', 3],
    ['too many', 5],
    ['none', 0],
  ])('refuses data of %s bytes', async (_, foundBytes) => {
    const folder = temporaryFolder();
    const error = await rejection(
      writeCheckpoint(folder, [source('w', 'F32', [1], new Uint8Array(foundBytes), 2)]),
    );
    expect(error).toMatchObject({ code: 'tensor-shape', facts: { tensor: 'w', expectedBytes: 4 } });
    expect(error.message).toContain('tensor "w" of F32 [1] has 4 bytes, but');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends data that is too long at once, and lets its source close', async () => {
    let closed = false;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(1);
      } finally {
        closed = true;
      }
    };
    const tensor: TensorSource = { name: 'w', dtype: 'F16', shape: [2], data: endless };
    const error = await rejection(writeCheckpoint(temporaryFolder(), [tensor]));
    expect(error.message).toContain('but at least 5 were given');
    expect(closed).toBe(true);
  });

  // Writing to /dev/full fails as on a disk without space left.
  it.runIf(existsSync('/dev/full'))('says that the disk is full', async () => {
    const folder = temporaryFolder();
    symlinkSync('/dev/full', join(folder, 'model-00002-of-00002.safetensors.partial'));
    const error = await rejection(
      writeCheckpoint(folder, [filled('a', 4), filled('b', 4)], { maxShardBytes: 8 }),
    );
    expect(error).toMatchObject({ code: 'disk-full', facts: { writtenBytes: 0, errno: 'ENOSPC' } });
    expect(error.message).toContain(
      'model-00002-of-00002.safetensors could not be written: the disk is full',
    );
    expect(readdirSync(folder)).toEqual([]);
    if (canCountOpenFiles) expect(openFilesBelow('/dev/full')).toEqual([]);
  });

  it.each([
    ['below a file', 'file/model', 'is a file, not a folder'],
    ['where a file is', 'file', 'a file has that name'],
  ])('cannot make a folder %s', async (_, name, sentence) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), 'kept');
    const error = await rejection(writeCheckpoint(join(folder, name), [filled('a', 4)]));
    expect(error).toMatchObject({ code: 'folder-not-writable', message: expect.stringContaining(sentence) });
    expect(filesIn(folder)).toEqual({ file: 'kept' });
  });

  it.runIf(process.platform === 'linux')('cannot write where the system allows nobody to', async () => {
    for (const folder of ['/sys', '/sys/model']) {
      const error = await rejection(writeCheckpoint(folder, [filled('a', 4)]));
      expect(error).toMatchObject({ code: 'folder-not-writable', message: expect.stringContaining(folder) });
    }
  });

  it('leaves no index beside shards of which one could not be placed', async () => {
    const folder = temporaryFolder();
    const options = { maxShardBytes: 8 };
    await writeCheckpoint(folder, [filled('a', 4), filled('b', 4), filled('c', 4)], options);
    const blocked = 'model-00002-of-00003.safetensors';
    rmSync(join(folder, blocked));
    mkdirSync(join(folder, blocked));
    const error = await rejection(
      writeCheckpoint(folder, [filled('x', 4), filled('y', 4), filled('z', 4)], options),
    );
    expect(error).toMatchObject({ code: 'folder-not-writable', message: expect.stringContaining(blocked) });
    expect(await rejection(openCheckpoint(folder))).toMatchObject({ code: 'file-missing' });
    expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

describe('while it writes', () => {
  it('shows only partial files, and replaces what a killed attempt left', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'model-00001-of-00002.safetensors.partial'), 'x'.repeat(10_000));
    const seen: string[][] = [];
    const watching = (tensor: TensorSource): TensorSource => ({
      ...tensor,
      data: () => {
        seen.push(readdirSync(folder).sort());
        return tensor.data();
      },
    });
    const tensors = [watching(filled('a', 4)), watching(filled('b', 4))];
    await writeCheckpoint(folder, tensors, { maxShardBytes: 8 });
    const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    expect(seen).toEqual([[`${first}.partial`], [`${first}.partial`, `${second}.partial`]]);
    expect(Object.keys(filesIn(folder)).sort()).toEqual([first, second, 'model.safetensors.index.json']);
    expect(filesIn(folder)[first].length).toBeLessThan(1000);
  });
});

describe('a folder that holds other weights', () => {
  it.each([
    ['model.safetensors', 8],
    ['model.safetensors.index.json', 100],
    ['model-00001-of-00007.safetensors', 8],
    ['model-00003-of-00007.safetensors', 100],
  ])('is left alone: %s', async (name, maxShardBytes) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, name), 'theirs');
    const writing = writeCheckpoint(folder, [filled('a', 4), filled('b', 4)], { maxShardBytes });
    expect(await rejection(writing)).toMatchObject({ code: 'run-folder-occupied', facts: { files: [name] } });
    expect(filesIn(folder)).toEqual({ [name]: 'theirs' });
  });

  it('is used where the same files are replaced, and what is not weights stays', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'config.json'), '{}');
    await writeCheckpoint(folder, [filled('a', 4)]);
    await writeCheckpoint(folder, [filled('b', 4)]);
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(filesIn(folder)['model.safetensors']).toContain('bbbbbbbb');
  });
});

describe('tensors that no file can hold', () => {
  const tensor = filled('a', 4);
  it.each([
    ['a reserved name', [{ ...tensor, name: '__metadata__' }], 'header-invalid', 'is reserved by the format'],
    ['a name twice', [tensor, filled('b', 1), tensor], 'header-invalid', 'the tensor name "a" occurs twice'],
    ['half a character', [{ ...tensor, name: 'a\ud800' }], 'header-invalid', 'half of a surrogate pair'],
    ['a long name', [{ ...tensor, name: 'n'.repeat(1025) }], 'header-invalid', 'has 1025 characters'],
    ['a dtype of no weights', [{ ...tensor, dtype: 'I64' as Dtype }], 'tensor-dtype', 'has the dtype "I64"'],
    [
      'an inherited dtype',
      [{ ...tensor, dtype: 'toString' as Dtype }],
      'tensor-dtype',
      'has the dtype "toString"',
    ],
    ['a negative dimension', [{ ...tensor, shape: [-1] }], 'tensor-shape', 'has the shape [-1]'],
    ['a fractional dimension', [{ ...tensor, shape: [0.5] }], 'tensor-shape', 'has the shape [0.5]'],
    [
      'too many dimensions',
      [{ ...tensor, shape: Array<number>(65).fill(1) }],
      'tensor-shape',
      'up to 64 whole',
    ],
    [
      'too many elements',
      [{ ...tensor, shape: [2 ** 30, 2 ** 30] }],
      'tensor-shape',
      'has the shape [1073741824',
    ],
  ])('are refused: %s', async (_, tensors, code, sentence) => {
    const folder = join(temporaryFolder(), 'model');
    const error = await rejection(writeCheckpoint(folder, tensors));
    expect(error).toMatchObject({ code, message: expect.stringContaining(sentence) });
    expect(existsSync(folder)).toBe(false);
  });

  it.each([0, -1, NaN])('are refused: shards of %d bytes', async (maxShardBytes) => {
    const error = await rejection(writeCheckpoint(temporaryFolder(), [tensor], { maxShardBytes }));
    expect(error).toMatchObject({
      code: 'recipe-invalid',
      message: expect.stringContaining(String(maxShardBytes)),
    });
  });

  it('are refused: more shards than can be opened', async () => {
    const tensors = Array.from({ length: 1025 }, (_, i) => ({ ...tensor, name: String(i) }));
    const error = await rejection(writeCheckpoint(temporaryFolder(), tensors, { maxShardBytes: 1 }));
    expect(error).toMatchObject({ code: 'limit-exceeded', facts: { shards: 1025 } });
  });
});

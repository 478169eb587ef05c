import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import type { ErrorCode } from '../../../main/engine/errors.ts';
import { rejection } from './rejection.ts';
import { safetensorsBytes, writeSingle } from './safetensors-file.ts';
import { canCountOpenFiles, openFilesBelow, temporaryFolder } from './temporary-folder.ts';

const data = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes);

function f32(begin: number, end: number, shape: unknown = [(end - begin) / 4]): object {
  return { dtype: 'F32', shape, data_offsets: [begin, end] };
}

/** A file with one tensor "w", whose description is a valid one changed by `change`. */
function one(change: object, dataBytes = 8): Buffer {
  return safetensorsBytes({ w: { ...f32(0, 8), ...change } }, data(dataBytes));
}

/** Eight bytes that give `length`, and little after them. */
function lying(length: bigint): Buffer {
  const bytes = Buffer.alloc(16, '{}      ');
  bytes.writeBigUInt64LE(length);
  return bytes;
}

interface BadHeader {
  readonly what: string;
  readonly bytes: () => Uint8Array;
  readonly code?: ErrorCode;
  readonly says: string;
}

const longName = 'n'.repeat(1025);
const whole = one({});

const badHeaders: readonly BadHeader[] = [
  { what: 'an empty file', bytes: () => data(0), code: 'header-truncated', says: 'has 0 bytes' },
  { what: 'a file of seven bytes', bytes: () => data(7), code: 'header-truncated', says: 'has 7 bytes' },
  {
    what: 'a file cut inside its header',
    bytes: () => whole.subarray(0, 40),
    code: 'header-truncated',
    says: `has 40 bytes; its header alone should end at byte ${whole.length - 8}`,
  },
  {
    what: 'a file cut inside its data',
    bytes: () => whole.subarray(0, -1),
    code: 'header-truncated',
    says: `has ${whole.length - 1} bytes; its last tensor should end at byte ${whole.length}`,
  },
  {
    what: 'a header length just above the limit',
    bytes: () => lying(100_000_001n),
    code: 'limit-exceeded',
    says: 'a header of 100000001 bytes; at most 100000000 are allowed',
  },
  {
    what: 'the largest header length',
    bytes: () => lying(2n ** 64n - 1n),
    code: 'limit-exceeded',
    says: 'at most 100000000 are allowed',
  },
  {
    what: 'a header length that leads past the end',
    bytes: () => lying(9n),
    code: 'header-truncated',
    says: 'has 16 bytes; its header alone should end at byte 17',
  },
  { what: 'a header of no bytes', bytes: () => safetensorsBytes(''), says: 'starts with "", expected "{"' },
  {
    what: 'a Git LFS pointer',
    bytes: () => Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'),
    says: 'is a Git LFS pointer',
  },
  {
    what: 'a header that is not UTF-8',
    bytes: () => safetensorsBytes(Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d)),
    says: 'its header is not UTF-8 text',
  },
  {
    what: 'a header with a byte order mark',
    bytes: () => safetensorsBytes('\ufeff{}'),
    says: 'expected "{"',
  },
  { what: 'a list for a header', bytes: () => safetensorsBytes('[]'), says: 'starts with "[", expected "{"' },
  {
    what: 'broken JSON',
    bytes: () => safetensorsBytes('{"w":}'),
    says: 'at character 5: expected a value, found "}"',
  },
  {
    what: 'bytes after the JSON that are not spaces',
    bytes: () => safetensorsBytes('{}\0'),
    says: 'at character 2: expected the end of the text',
  },
  {
    what: 'the same tensor twice',
    bytes: () =>
      safetensorsBytes(`{"w":${JSON.stringify(f32(0, 8))},"w":${JSON.stringify(f32(0, 8))}}`, data(8)),
    says: 'the key "w" occurs twice',
  },
  {
    what: 'the same tensor twice, once escaped',
    bytes: () =>
      safetensorsBytes(`{"w":${JSON.stringify(f32(0, 8))},"\\u0077":${JSON.stringify(f32(0, 8))}}`, data(8)),
    says: 'the key "w" occurs twice',
  },
  {
    what: 'the same field twice',
    bytes: () =>
      safetensorsBytes('{"w":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}', data(4)),
    says: 'the key "dtype" occurs twice',
  },
  {
    what: 'deep nesting',
    bytes: () => safetensorsBytes(`{"w":${'['.repeat(1e6)}${']'.repeat(1e6)}}`),
    code: 'limit-exceeded',
    says: 'it nests deeper than 3 levels',
  },
  {
    what: 'millions of values',
    bytes: () => safetensorsBytes(`{"w":[${'0,'.repeat(5e6)}0]}`),
    code: 'limit-exceeded',
    says: 'it holds more than 5000000 values',
  },
  {
    what: 'too many tensors',
    bytes: () => {
      const names = Array.from(
        { length: 500_002 },
        (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`,
      );
      return safetensorsBytes(`{${names.join(',')}}`);
    },
    code: 'limit-exceeded',
    says: 'at most 500000 are allowed',
  },
  {
    what: 'a name that is too long',
    bytes: () => safetensorsBytes({ [longName]: f32(0, 8) }, data(8)),
    code: 'limit-exceeded',
    says: 'a tensor\'s name has 1025 characters ("nnn',
  },
  {
    what: 'a tensor that is a number',
    bytes: () => safetensorsBytes({ w: 1 }),
    says: 'must be described by an object',
  },
  {
    what: 'a tensor that is null',
    bytes: () => safetensorsBytes({ w: null }),
    says: 'must be described by an object',
  },
  {
    what: 'metadata that is not text',
    bytes: () => safetensorsBytes({ __metadata__: { epoch: 1 } }),
    says: '__metadata__ must map text to text',
  },
  {
    what: 'metadata that is a list',
    bytes: () => safetensorsBytes({ __metadata__: [] }),
    says: '__metadata__ must map text to text',
  },
  { what: 'an unknown dtype', bytes: () => one({ dtype: 'Q4_0' }), says: 'has the dtype "Q4_0"' },
  {
    what: 'a dtype named as a method',
    bytes: () => one({ dtype: 'constructor' }),
    says: 'has the dtype "constructor"',
  },
  { what: 'a dtype that is a number', bytes: () => one({ dtype: 32 }), says: 'has the dtype 32' },
  { what: 'no dtype', bytes: () => one({ dtype: undefined }), says: 'has the dtype nothing' },
  {
    what: 'a description that is only inherited',
    bytes: () =>
      safetensorsBytes('{"w":{"__proto__":{"dtype":"F32"},"shape":[2],"data_offsets":[0,8]}}', data(8)),
    says: 'has the dtype nothing',
  },
  { what: 'a negative dimension', bytes: () => one({ shape: [-2] }), says: 'has the shape [-2]' },
  { what: 'a fractional dimension', bytes: () => one({ shape: [1.5] }), says: 'has the shape [1.5]' },
  { what: 'a dimension in quotes', bytes: () => one({ shape: ['2'] }), says: 'has the shape ["2"]' },
  {
    what: 'a dimension above 2^53',
    bytes: () => one({ shape: [2 ** 53] }),
    says: 'has the shape [9007199254740992]',
  },
  {
    what: 'a dimension of minus zero',
    bytes: () => safetensorsBytes('{"w":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'),
    says: 'expected a list of whole numbers from 0 on',
  },
  {
    what: 'a shape that is an object',
    bytes: () => one({ shape: { length: 0 } }),
    says: 'has the shape {"length":0}',
  },
  {
    what: 'a shape whose product is above 2^53',
    bytes: () => one({ shape: [2 ** 30, 2 ** 30, 0] }),
    says: 'is larger than any file',
  },
  {
    what: 'too many dimensions',
    bytes: () => one({ shape: new Array(65).fill(1) }),
    code: 'limit-exceeded',
    says: 'has 65 dimensions; at most 64 are allowed',
  },
  {
    what: 'offsets that run backwards',
    bytes: () => one({ data_offsets: [8, 0] }),
    says: 'has the data_offsets [8,0]',
  },
  {
    what: 'negative offsets',
    bytes: () => one({ data_offsets: [-8, 0] }),
    says: 'has the data_offsets [-8,0]',
  },
  { what: 'one offset', bytes: () => one({ data_offsets: [8] }), says: 'has the data_offsets [8]' },
  {
    what: 'three offsets',
    bytes: () => one({ data_offsets: [0, 4, 8] }),
    says: 'has the data_offsets [0,4,8]',
  },
  {
    what: 'a shape that is larger than its bytes',
    bytes: () => one({ shape: [3] }),
    says: 'of F32 [3] needs 12 bytes, but its data_offsets span 8',
  },
  {
    what: 'a dtype that is smaller than its bytes',
    bytes: () => one({ dtype: 'F16' }),
    says: 'of F16 [2] needs 4 bytes, but its data_offsets span 8',
  },
  {
    what: 'packed elements that end inside a byte',
    bytes: () => one({ dtype: 'F4', shape: [15] }),
    says: 'of F4 [15] does not fill whole bytes',
  },
  {
    what: 'an offset past the end',
    bytes: () => safetensorsBytes({ a: f32(0, 4), b: f32(4, 4_000_000_004) }, data(8)),
    code: 'header-truncated',
    says: 'its last tensor should end at byte 4000000',
  },
  {
    what: 'overlapping tensors',
    bytes: () => safetensorsBytes({ a: f32(0, 8), b: f32(4, 12) }, data(12)),
    says: 'and overlaps the tensor before it',
  },
  {
    what: 'two tensors in the same bytes',
    bytes: () => safetensorsBytes({ a: f32(0, 8), b: f32(0, 8) }, data(8)),
    says: 'tensor "b" starts at byte',
  },
  {
    what: 'a hole before the first tensor',
    bytes: () => safetensorsBytes({ a: f32(4, 8) }, data(8)),
    says: 'and leaves unused bytes before it',
  },
  {
    what: 'a hole between tensors',
    bytes: () => safetensorsBytes({ a: f32(0, 4), b: f32(8, 12) }, data(12)),
    says: 'tensor "b" starts at byte',
  },
  {
    what: 'bytes after the last tensor',
    bytes: () => one({}, 9),
    says: `has ${whole.length + 1} bytes, but its last tensor ends at byte ${whole.length}`,
  },
];

describe('a bad header', () => {
  it.each(badHeaders)('$what', async ({ bytes, code = 'header-invalid', says }) => {
    const folder = temporaryFolder();
    const path = await writeSingle(folder, bytes());
    const error = await rejection(openCheckpoint(folder));
    expect(error.code).toBe(code);
    expect(error.message).toContain(says);
    expect(error.message).toContain(path);
    expect(error.message.length).toBeLessThan(path.length + 500);
    expect(error.facts).toMatchObject({ path });
    expect(error.hint).toMatch(/\.$/);
    if (canCountOpenFiles) expect(openFilesBelow(folder)).toEqual([]);
  });
});

describe('a good header', () => {
  it.each([
    ['no tensors', safetensorsBytes('{}'), []],
    ['only metadata', safetensorsBytes({ __metadata__: { format: 'pt', __proto__x: '' } }), []],
    ['null for metadata', safetensorsBytes({ __metadata__: null }), []],
    ['padding', safetensorsBytes(`${JSON.stringify({ w: f32(0, 8) })}   \n`, data(8)), ['w']],
    [
      'tensors in another order than their bytes',
      safetensorsBytes({ b: f32(4, 8), a: f32(0, 4) }, data(8)),
      ['a', 'b'],
    ],
    [
      'empty tensors',
      safetensorsBytes({ b: f32(0, 4), e: f32(4, 4), a: f32(0, 0, [0, 3]) }, data(4)),
      ['a', 'b', 'e'],
    ],
    ['fields of a later version', one({ layout: 'row-major' }), ['w']],
    [
      'a name of the full length',
      safetensorsBytes({ [longName.slice(1)]: f32(0, 4) }, data(4)),
      [longName.slice(1)],
    ],
    ['the full number of dimensions', one({ shape: [2, ...new Array<number>(63).fill(1)] }), ['w']],
    [
      'names that every JavaScript object knows',
      safetensorsBytes(
        `{"__proto__":${JSON.stringify(f32(0, 4))},"constructor":${JSON.stringify(f32(4, 8))}}`,
        data(8),
      ),
      ['__proto__', 'constructor'],
    ],
  ])('may have %s', async (_, bytes, names) => {
    const folder = temporaryFolder();
    await writeSingle(folder, bytes);
    const checkpoint = await openCheckpoint(folder);
    expect([...checkpoint.tensors.keys()]).toEqual(names);
    await checkpoint.close();
  });
});

import { describe, expect, it } from 'vitest';
import { folderWith, four, itRefuses, open, wholeOfFour } from './torch-folder.ts';
import { pickled, torchBytes, viewOf, zipBytes } from './torch-file.ts';

const plainData = Buffer.concat([pickled.start, pickled.dict({}), pickled.end]);

describe('an archive', () => {
  it('may have a comment at its end, and a 64-bit directory', async () => {
    const body = pickled.dict({ w: viewOf(wholeOfFour) });
    for (const options of [{ comment: 'a comment' }, { isWide: true }]) {
      const checkpoint = await open(folderWith(torchBytes(body, four, [], options)));
      expect(await checkpoint.read('w')).toEqual(Float32Array.of(1, 2, 3, 4));
    }
  });
});

describe('a damaged or hostile archive', () => {
  itRefuses([
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
  ]);
});

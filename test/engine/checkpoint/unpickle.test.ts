import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import { rejection } from './rejection.ts';
import { folderWith, itRefuses } from './torch-folder.ts';
import { pickled, torchBytes } from './torch-file.ts';

const golden = join(import.meta.dirname, '../../golden/torch');

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

const raw = (...bytes: readonly (number | string)[]): Buffer =>
  torchBytes(
    Buffer.concat(
      bytes.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.of(part))),
    ),
  );

describe('a damaged or hostile pickle', () => {
  itRefuses([
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
  ]);
});

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../main/engine/checkpoint/checkpoint.ts';
import { rejection } from './rejection.ts';
import { folderWith, four, itRefuses, open } from './torch-folder.ts';
import { pickled, torchBytes, viewOf, zipBytes } from './torch-file.ts';

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
    [
      'five million remembered values',
      () => raw('N', '\x94'.repeat(5_000_000)),
      'limit-exceeded',
      'more than 1000000 remembered values',
    ],
  ]);
});

describe('a pickle that would take all time or memory', () => {
  const tooDeep = 'more than 100 containers inside one another';
  const dropped = (instructions: string, times: number): Buffer => raw('N', instructions.repeat(times));
  itRefuses([
    ['tuples a thousand deep', () => raw(')', '\x85'.repeat(1000)), 'limit-exceeded', tooDeep],
    ['lists a thousand deep', () => raw(']'.repeat(1000), 'a'.repeat(999)), 'limit-exceeded', tooDeep],
    ['dicts a thousand deep', () => raw('}', 'N}'.repeat(999), 's'.repeat(999)), 'limit-exceeded', tooDeep],
    ['a thousand lists begun', () => raw('('.repeat(1000)), 'limit-exceeded', tooDeep],
    [
      'four million instructions',
      () => dropped('20', 2_000_000),
      'limit-exceeded',
      'more than 3000000 instructions',
    ],
    [
      'two million values',
      () => dropped(`(${')'.repeat(1000)}t`, 2000),
      'limit-exceeded',
      'more than 1500000 values',
    ],
    [
      'a list of a thousand pairs made into two thousand dicts',
      () =>
        raw(
          `](${'NN\x86'.repeat(1000)}e\x85q\x00ccollections\nOrderedDict\nq\x01`,
          'h\x01h\x00R0'.repeat(2000),
        ),
      'limit-exceeded',
      'more than 1500000 values',
    ],
    [
      'a value remembered far away',
      () => raw('Nr', '\xff\xff\xff\xff'),
      'limit-exceeded',
      'more than 1000000 remembered values',
    ],
    [
      'a description of 64 MiB',
      () => zipBytes([{ name: 'a/data.pkl', data: Buffer.alloc(64 * 1024 * 1024, '0') }]),
      'limit-exceeded',
      'at most 33554432 are allowed',
    ],
    [
      'sixty thousand tensors',
      () => {
        const view = viewOf({ elements: 0, shape: [0], strides: [1] });
        const [before, call] = [view.subarray(0, -1), Buffer.from('R')];
        const at = pickled.global('torch._utils', '_rebuild_tensor_v2').length;
        const remembered = [before.subarray(0, at), 'q\x00', before.subarray(at), 'q\x01', call];
        const parts = [...remembered, 'h\x00h\x01R0'.repeat(60_000)];
        return torchBytes(Buffer.concat(parts.map((part) => Buffer.from(part as string, 'latin1'))));
      },
      'limit-exceeded',
      'more than 50000 tensors',
    ],
  ]);

  it('is told from a description of ten thousand parameters', async () => {
    const view = viewOf({ elements: 4, shape: [2, 2], strides: [2, 1] });
    const parameter = pickled.call(pickled.global('torch._utils', '_rebuild_parameter'), view, pickled.true);
    const name = (i: number): string => `model.layers.${i}.block_sparse_moe.experts.${i}.w1.weight`;
    const entries = Array.from({ length: 10_000 }, (_, i): [string, Buffer] => [name(i), parameter]);
    const checkpoint = await open(folderWith(torchBytes(pickled.dict(Object.fromEntries(entries)), four)));
    expect(checkpoint.tensors.size).toBe(10_000);
  });
});

describe('numbers', () => {
  it.each([1n, 127n, 128n, 255n, 65_536n, 2n ** 40n + 3n, 2n ** 53n - 1n])(
    '%d is read as it is',
    async (size) => {
      const view = viewOf({ elements: 4, shape: [0, size], strides: [1, 1] });
      const checkpoint = await open(folderWith(torchBytes(pickled.dict({ w: view }), four)));
      expect(checkpoint.info('w').shape).toEqual([0, Number(size)]);
    },
  );

  it.each([-1n, -128n, -(2n ** 40n), 2n ** 53n, 2n ** 62n])('%d is no size', async (size) => {
    const view = viewOf({ elements: 4, shape: [0, size], strides: [1, 1] });
    const error = await rejection(openCheckpoint(folderWith(torchBytes(pickled.dict({ w: view }), four))));
    expect(error.message).toContain('not described as torch.save does');
  });
});

describe('a pickle that names no protocol', () => {
  const withoutStart = (text: string): Buffer => zipBytes([{ name: 'a/data.pkl', data: Buffer.from(text) }]);
  const notRead = 'has protocol 0 or 1, which is not read';
  itRefuses([
    ['a dict in protocol 0', () => withoutStart('(dp0\nVw\np1\nI1\ns.'), 'feature-unsupported', notRead],
    [
      'an ordered dict',
      () => withoutStart('ccollections\nOrderedDict\np0\n(t.'),
      'feature-unsupported',
      notRead,
    ],
    ['code in protocol 0', () => withoutStart('cposix\nsystem\np0\n.'), 'code-refused', '"posix.system"'],
  ]);
});

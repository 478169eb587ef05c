import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonProblem } from '../../../main/engine/checkpoint/json-problem.ts';

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('findJsonProblem', () => {
  it('finds no problem in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        expect(findJsonProblem(JSON.stringify(value, null, indent))).toBeUndefined();
      }),
    );
  });

  it('agrees with JSON.parse on damaged texts', () => {
    const damage = fc.record({
      value: fc.jsonValue({ maxDepth: 3 }),
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.constantFrom(
        '',
        ...Array.from('{}[],:"\\-+.0e1tn \n\u0001\u00e9'),
        'null',
        '\\u12',
        '1e+',
        '01',
        '\ufeff',
        '-',
      ),
    });
    fc.assert(
      fc.property(damage, ({ value, at, remove, insert }) => {
        const text = JSON.stringify(value);
        const cut = at % (text.length + 1);
        const damaged = text.slice(0, cut) + insert + text.slice(cut + remove);
        expect([damaged, findJsonProblem(damaged) === undefined]).toEqual([damaged, parses(damaged)]);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['', 0, 'expected a value, found the end of the text'],
    ['{"a":x}', 5, 'expected a value, found "x"'],
    ['{"a":1,}', 7, 'expected a key in double quotes, found "}"'],
    ['{"a" 1}', 5, 'expected ":", found "1"'],
    ['{"a":1 "b":2}', 7, 'expected "," or "}", found "\\""'],
    ['[1 2]', 3, 'expected "," or "]", found "2"'],
    ['[1,2', 4, 'expected "," or "]", found the end of the text'],
    ['"abc', 4, 'expected the closing quote of a string, found the end of the text'],
    ['"a\nb"', 2, 'expected an escape, such as \\n, found "\\n"'],
    ['"\\x"', 1, 'expected a valid escape after \\, found "\\\\"'],
    ['"\\u12g4"', 1, 'expected four hexadecimal digits after \\u, found "\\\\"'],
    ['[-]', 2, 'expected a digit, found "]"'],
    ['{} {}', 3, 'expected the end of the text, found "{"'],
  ])('says where %j is wrong', (text, position, reason) => {
    expect(findJsonProblem(text)).toEqual({ kind: 'syntax', position, reason });
  });

  it('takes any depth of nesting', () => {
    const depth = 1_000_000;
    expect(findJsonProblem('['.repeat(depth) + ']'.repeat(depth))).toBeUndefined();
  });

  const limits = { maxDepth: 2, maxValues: 5, uniqueKeys: true };

  it.each([
    ['{"a":1,"a":2}', 'duplicate-key', 7],
    ['{"a":1,"\\u0061":2}', 'duplicate-key', 7],
    ['{"__proto__":1,"__proto__":2}', 'duplicate-key', 15],
    ['[{"a":[]}]', 'limit', 6],
    ['[1,2,3,4,5]', 'limit', 9],
  ])('refuses %s', (text, kind, position) => {
    expect(findJsonProblem(text, limits)).toMatchObject({ kind, position });
  });

  it.each(['{"a":{"a":1},"b":2}', '[1,2,3,4]', '[[1],[2]]'])('takes %s within the same limits', (text) => {
    expect(findJsonProblem(text, limits)).toBeUndefined();
  });
});

import { expect, it } from 'vitest';
import { csvOf } from '../../../renderer/charts/csv.ts';

it('writes RFC 4180: quoted where needed, a point for decimals, empty for nothing', () => {
  expect(
    csvOf([
      ['Layer', 'a "b", c'],
      [0, 1.5],
      [1, null],
    ]),
  ).toBe('Layer,"a ""b"", c"\r\n0,1.5\r\n1,\r\n');
});

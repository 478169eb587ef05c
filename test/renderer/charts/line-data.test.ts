import { describe, expect, it } from 'vitest';
import { alignedLines, spreadLabels, tableRows } from '../../../renderer/charts/line-data.ts';

describe('the lines of a chart', () => {
  it('share their x, with nothing where a line has no point', () => {
    const line = (points: (readonly [number, number])[]) =>
      ({ name: 'a', color: 'data', marks: false, points }) as const;
    const lines = [
      line([
        [1, 3],
        [2, 2],
      ]),
      line([
        [0, 5],
        [2, 4],
      ]),
    ];
    expect(alignedLines(lines)).toEqual({
      xs: [0, 1, 2],
      columns: [
        [null, 3, 2],
        [5, null, 4],
      ],
    });
  });

  it('are told in a table of a length that can be listened to, first and last among it', () => {
    const xs = Array.from({ length: 1000 }, (_, i) => i + 1);
    const rows = tableRows(xs, [xs]);
    expect(rows.length).toBeLessThanOrEqual(21);
    expect([rows[0][0], rows.at(-1)?.[0]]).toEqual([1, 1000]);
  });

  it('have labels that do not lie on one another, nor below the end', () => {
    expect(spreadLabels([50, 52, null], 15, 200)).toEqual([50, 65, null]);
    expect(spreadLabels([195, 190], 15, 200)).toEqual([200, 185]);
  });
});

import { describe, expect, it } from 'vitest';
import {
  layoutMap,
  rectOf,
  spotAfter,
  spotAt,
  type MapLayout,
} from '../../../renderer/model-map/map-layout.ts';

const uniform = (layers: number, heads: number, kvHeads: number): MapLayout =>
  layoutMap(
    Array.from({ length: layers }, () => ({ heads, kvHeads, mlpWidth: 1000 })),
    { width: 800, height: 400, isThumbnail: false },
  );

const models: readonly (readonly [name: string, layout: MapLayout])[] = [
  ['8 layers of 10 heads', uniform(8, 10, 10)],
  ['32 layers of 32 heads', uniform(32, 32, 32)],
  ['30 layers of 9 heads in 3 groups', uniform(30, 9, 3)],
  ['80 layers of 64 heads in 8 groups', uniform(80, 64, 8)],
];

describe.each(models)('the layout of %s', (_, layout) => {
  it('stays inside its frame', () => {
    const { columns, embedding, head, width, height } = layout;
    expect(embedding.x).toBeGreaterThanOrEqual(0);
    expect(head.x + head.width).toBeLessThanOrEqual(width + 1e-6);
    expect(height).toBeLessThanOrEqual(400);
    for (const { heads, mlp } of columns) {
      expect(heads[heads.length - 1].y + heads[0].height).toBeLessThanOrEqual(layout.mlpBand.y);
      expect(mlp.y + mlp.height).toBeCloseTo(layout.mlpBand.y + layout.mlpBand.height);
    }
  });

  it('keeps columns and cells apart', () => {
    const { columns } = layout;
    for (let i = 1; i < columns.length; i++)
      expect(columns[i].x).toBeGreaterThan(columns[i - 1].x + columns[i - 1].width);
    const [{ heads }] = columns;
    for (let i = 1; i < heads.length; i++)
      expect(heads[i].y).toBeGreaterThanOrEqual(heads[i - 1].y + heads[i - 1].height);
  });

  it('finds every unit under its own middle', () => {
    for (const [column, { heads }] of layout.columns.entries()) {
      for (let row = 0; row <= heads.length; row++) {
        const { x = 0, y = 0, width = 0, height = 0 } = rectOf(layout, { column, row });
        expect(spotAt(layout, x + width / 2, y + height / 2)).toEqual({ column, row });
      }
    }
  });

  it('finds the embedding and the head at its ends', () => {
    const { embedding, head, columns } = layout;
    expect(spotAt(layout, embedding.x + 1, 50)?.column).toBe(-1);
    expect(spotAt(layout, head.x + 1, 50)?.column).toBe(columns.length);
  });
});

describe('the layout', () => {
  it('brackets groups only where heads share a KV head', () => {
    expect(uniform(8, 10, 10).columns[0].groups).toEqual([]);
    expect(uniform(30, 9, 3).columns[0].groups).toHaveLength(3);
  });

  it('draws a narrower MLP lower', () => {
    const { columns } = layoutMap(
      [
        { heads: 4, kvHeads: 4, mlpWidth: 1000 },
        { heads: 4, kvHeads: 4, mlpWidth: 250 },
      ],
      { width: 400, height: 300, isThumbnail: false },
    );
    expect(columns[1].mlp.height).toBeCloseTo(columns[0].mlp.height / 4);
  });

  it('numbers as many layers as there is room for', () => {
    expect(uniform(8, 10, 10).labelEvery).toBe(1);
    expect(uniform(80, 64, 8).labelEvery).toBeGreaterThan(2);
  });

  it('fits a thumbnail', () => {
    const layout = layoutMap(
      Array.from({ length: 80 }, () => ({ heads: 64, kvHeads: 8, mlpWidth: 28672 })),
      { width: 88, height: 40, isThumbnail: true },
    );
    expect(layout.height).toBeLessThanOrEqual(40);
    expect(layout.head.x + layout.head.width).toBeLessThanOrEqual(88 + 1e-6);
  });
});

describe('the arrow keys', () => {
  const layout = uniform(8, 10, 10);
  const after = (column: number, row: number, key: string): unknown =>
    spotAfter(layout, { column, row }, key);

  it('move between layers and heads', () => {
    expect(after(2, 3, 'ArrowRight')).toEqual({ column: 3, row: 3 });
    expect(after(2, 3, 'ArrowLeft')).toEqual({ column: 1, row: 3 });
    expect(after(2, 3, 'ArrowDown')).toEqual({ column: 2, row: 4 });
    expect(after(2, 3, 'ArrowUp')).toEqual({ column: 2, row: 2 });
  });

  it('stop at the embedding, the head and the MLP', () => {
    expect(after(-1, 0, 'ArrowLeft')).toEqual({ column: -1, row: 0 });
    expect(after(8, 0, 'ArrowRight')).toEqual({ column: 8, row: 0 });
    expect(after(2, 10, 'ArrowDown')).toEqual({ column: 2, row: 10 });
  });

  it('keep to the MLP where layers differ in heads', () => {
    const uneven = layoutMap(
      [
        { heads: 4, kvHeads: 4, mlpWidth: 10 },
        { heads: 2, kvHeads: 2, mlpWidth: 10 },
      ],
      { width: 400, height: 300, isThumbnail: false },
    );
    expect(spotAfter(uneven, { column: 0, row: 4 }, 'ArrowRight')).toEqual({ column: 1, row: 2 });
    expect(spotAfter(uneven, { column: 1, row: 2 }, 'ArrowLeft')).toEqual({ column: 0, row: 4 });
  });

  it('jump to the ends of a row and a column', () => {
    expect(after(5, 3, 'Home')).toEqual({ column: 0, row: 3 });
    expect(after(5, 3, 'End')).toEqual({ column: 7, row: 3 });
    expect(after(5, 3, 'PageDown')).toEqual({ column: 5, row: 10 });
    expect(after(5, 3, 'PageUp')).toEqual({ column: 5, row: 0 });
    expect(after(5, 3, 'x')).toBeNull();
  });
});

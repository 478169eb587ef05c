import { describe, expect, it } from 'vitest';
import {
  channelColumns,
  headColumns,
  hiddenColumns,
  influenceColumns,
  scoreScale,
} from '../../../renderer/importance/score-columns.ts';
import { mapLayers } from '../../../renderer/model-map/map-layers.ts';

const before = { heads: 4, kvHeads: 4, mlpWidth: 8 };
const after = { heads: 2, kvHeads: 2, mlpWidth: 5 };
const scores = [
  { layer: 1, heads: [4, 1, 3, 2], channels: { count: 8, means: [8, 6, 4, 2] } },
  { layer: 2, heads: [1, 1, 1, 9], channels: null },
];
const layers = mapLayers(
  [
    { before, after: before },
    { before, after },
    { before, after },
  ],
  { attention: [1, 3], mlp: [1, 3] },
  { scores, kept: [null, { kvHeads: [0, 1] }, null] },
);

describe('columns of scores', () => {
  it('have the hidden indices as one, as many filled as stay', () => {
    const hidden = { count: 8, means: [9, 7, 4, 1] };
    expect(hiddenColumns(hidden, { before: 8, after: 6 }, 2)).toMatchObject([
      { values: [9, 7, 4, 1], staying: 3, threshold: 2 },
    ]);
    expect(hiddenColumns(null, undefined, null)).toEqual([]);
  });

  it('have the heads with the highest score first, and the highest that goes as threshold', () => {
    const columns = headColumns(layers);
    expect(columns.map(({ layer }) => layer)).toEqual([1, 2]);
    expect(columns[0]).toMatchObject({
      values: [4, 3, 2, 1],
      heads: [0, 2, 3, 1],
      // Head 1 stays though it scores least: somebody pinned it.
      stays: [true, false, false, true],
      staying: 2,
      threshold: 3,
    });
    expect(columns[1]).toMatchObject({ stays: [true, false, false, true], threshold: 1 });
  });

  it('have a part of the shares of channels that stays', () => {
    const [column, ...others] = channelColumns(layers, [null, 3.5, null]);
    expect(others).toEqual([]);
    expect(column).toMatchObject({ layer: 1, values: [8, 6, 4, 2], staying: 2.5, threshold: 3.5 });
    expect(channelColumns(layers, null)[0].threshold).toBeNull();
  });

  it('have one value where whole layers are judged', () => {
    const gone = { heads: 0, kvHeads: 0, mlpWidth: 0 };
    const judged = mapLayers(
      [
        { before, after: gone },
        { before, after: before },
      ],
      null,
      {
        scores: [0.1, 0.7].map((influence, layer) => ({ layer, heads: null, channels: null, influence })),
      },
    );
    expect(influenceColumns(judged)).toMatchObject([
      { layer: 0, values: [0.1], staying: 0 },
      { layer: 1, values: [0.7], staying: 1 },
    ]);
    expect([headColumns(judged), channelColumns(judged, null)]).toEqual([[], []]);
  });

  it('keep everything of a layer that is locked', () => {
    const locked = mapLayers(
      [{ before, after: before }],
      { attention: [0, 0], mlp: [0, 0] },
      {
        scores: [{ ...scores[0], layer: 0 }],
      },
    );
    expect(headColumns(locked)[0]).toMatchObject({ staying: 4, threshold: null });
    expect(channelColumns(locked, [7])[0]).toMatchObject({ staying: 4, threshold: null });
  });
});

describe('a scale of scores', () => {
  const columns = headColumns(layers);

  it('begins at zero where it is linear', () => {
    const { lowest, highest, at } = scoreScale(columns, 'linear');
    expect([lowest, highest]).toEqual([0, 9]);
    expect([0, 4.5, 9].map(at)).toEqual([0, 0.5, 1]);
  });

  it('begins at the lowest score above zero where it is logarithmic', () => {
    const zero = { ...columns[0], values: [100, 10, 1, 0] };
    const { lowest, highest, at } = scoreScale([zero], 'log');
    expect([lowest, highest]).toEqual([1, 100]);
    expect([0, 1, 10, 100].map(at)).toEqual([0, 0, 0.5, 1]);
  });

  it.each(['linear', 'log'] as const)(
    'puts nothing anywhere strange where all scores are zero: %s',
    (shape) => {
      const nothing = { ...columns[0], values: [0, 0] };
      expect(scoreScale([nothing], shape).at(0)).toBe(0);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { channelImportance } from '../../../main/studio/run-choices.ts';
import {
  channelSlices,
  goingHeads,
  goingKvHeads,
  importanceRanks,
  mapLayers,
  wholeModel,
  type ChannelMeans,
  type MapLayer,
} from '../../../renderer/model-map/map-layers.ts';

const shape = { heads: 8, kvHeads: 4, mlpWidth: 100 };
const pruned = { heads: 4, kvHeads: 2, mlpWidth: 60 };

function layer(known: Partial<MapLayer> = {}): MapLayer {
  const [one] = mapLayers([{ before: shape, after: pruned }], null);
  return { ...one, ...known };
}

describe('map layers', () => {
  it('lock what lies outside its window', () => {
    const windows = { attention: [1, 3], mlp: [0, 2] } as const;
    const change = { before: shape, after: shape };
    const layers = mapLayers([change, change, change, change], windows);
    expect(layers.map(({ attentionLocked }) => attentionLocked)).toEqual([true, false, false, true]);
    expect(layers.map(({ mlpLocked }) => mlpLocked)).toEqual([false, false, true, true]);
  });

  it('lock what was left whole by hand, and open what has a ratio of its own', () => {
    const change = { before: shape, after: pruned };
    const edits = {
      exclude: { attention: [1], mlp: [] },
      ratios: { attention: {}, mlp: { 0: 0.4 } },
      keep: { heads: { 1: [2] } },
    };
    const layers = mapLayers([change, change], { attention: [1, 2], mlp: [1, 2] }, {}, edits);
    expect(layers.map(({ attentionLocked }) => attentionLocked)).toEqual([true, true]);
    expect(layers.map(({ mlpLocked }) => mlpLocked)).toEqual([false, false]);
    expect(layers.map(({ leftWhole }) => leftWhole)).toEqual([[], ['attention']]);
    expect(layers.map(({ pinnedKvHeads }) => pinnedKvHeads)).toEqual([[], [2]]);
  });

  it('let no pinned head go', () => {
    expect([...goingKvHeads(layer({ pinnedKvHeads: [3] }))]).toEqual([1, 2]);
    const headScores = [0.1, 0.9, 0.2, 0.8];
    expect([...goingKvHeads(layer({ headScores, pinnedKvHeads: [0] }))].sort()).toEqual([2, 3]);
  });

  it('lose query heads of each group where the groups stay', () => {
    const [finer] = mapLayers([{ before: shape, after: { heads: 4, kvHeads: 4, mlpWidth: 60 } }], null, {
      scores: [{ layer: 0, heads: [1, 2, 3, 4, 5, 6, 7, 8], channels: null }],
    });
    expect([...goingHeads(finer)]).toEqual([1, 3, 5, 7]);
    expect([...goingKvHeads(finer)]).toEqual([]);
    expect(finer.headScores).toEqual([3, 7, 11, 15]);
    expect([...goingHeads(layer())]).toEqual([4, 5, 6, 7]);
    const gone = { heads: 0, kvHeads: 0, mlpWidth: 0 };
    expect(goingHeads(mapLayers([{ before: shape, after: gone }], null)[0]).size).toBe(8);
  });

  it('take scores and choices to their layers', () => {
    const change = { before: shape, after: pruned };
    const layers = mapLayers([change, change], null, {
      scores: [{ layer: 1, heads: [4, 3, 2, 1], channels: null }],
      kept: [{ kvHeads: [0, 1] }, { kvHeads: [2, 3] }],
    });
    expect(layers[0].headScores).toBeNull();
    expect(layers[1].headScores).toEqual([4, 3, 2, 1]);
    expect(layers[1].keptKvHeads).toEqual([2, 3]);
  });

  it('know what goes: by choice, else by score, else by count alone', () => {
    expect([...goingKvHeads(layer())]).toEqual([2, 3]);
    expect([...goingKvHeads(layer({ headScores: [0.1, 0.9, 0.2, 0.8] }))].sort()).toEqual([0, 2]);
    expect([...goingKvHeads(layer({ headScores: [0.1, 0.9, 0.2, 0.8], keptKvHeads: [0, 1] }))]).toEqual([
      2, 3,
    ]);
    expect(goingKvHeads(wholeModel([shape])[0]).size).toBe(0);
  });

  it('rank heads over the whole model', () => {
    const { heads } = importanceRanks([
      layer({ headScores: [1, 1000, 2, 3] }),
      layer(),
      layer({ headScores: [4, 5, 6, 7] }),
    ]);
    expect(heads[0]).toEqual([0, 1, 1 / 7, 2 / 7]);
    expect(heads[1]).toBeNull();
    expect(heads[2]).toEqual([3 / 7, 4 / 7, 5 / 7, 6 / 7]);
  });

  it('give equal scores equal colours', () => {
    const { heads } = importanceRanks([layer({ headScores: [5, 5, 5, 5] })]);
    expect(heads[0]).toEqual([0, 0, 0, 0]);
  });

  it('cut channels into slices from most to least important', () => {
    const scores = Array.from({ length: 11_008 }, (_, i) => (i * 7919) % 11_008);
    const [ranks] = importanceRanks([layer({ channelScores: channelImportance(scores) })]).channels;
    expect(ranks).toHaveLength(channelSlices);
    expect(ranks?.[0]).toBe(1);
    expect(ranks?.[channelSlices - 1]).toBe(0);
    expect(ranks).toEqual([...(ranks ?? [])].sort((a, b) => b - a));
  });

  it.each([300, 1000, 11_008])('rank the shares of %i channels as the channels themselves', (count) => {
    const random = (layerIndex: number): number[] =>
      Array.from({ length: count }, (_, i) => Math.exp(3 * Math.sin((layerIndex + 1) * 12.9898 * (i + 1))));
    const all = [0, 1, 2].map(random);
    const ranks = (of: (scores: number[]) => ChannelMeans): readonly (readonly number[] | null)[] =>
      importanceRanks(all.map((scores) => layer({ channelScores: of(scores) }))).channels;
    const inShares = ranks(channelImportance).flatMap((row) => row ?? []);
    const exact = ranks((scores) => ({ means: [...scores].sort((a, b) => b - a) })).flatMap(
      (row) => row ?? [],
    );
    // Two slices of nearly the same score may change places.
    for (const [i, rank] of inShares.entries()) expect(Math.abs(rank - exact[i])).toBeLessThan(0.05);
  });

  it('slice fewer channels than there are slices', () => {
    const [ranks] = importanceRanks([layer({ channelScores: channelImportance([3, 1, 2]) })]).channels;
    expect(ranks).toEqual([1, 0.5, 0]);
  });
});

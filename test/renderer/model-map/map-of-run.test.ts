import { expect, it } from 'vitest';
import type { RunDetail } from '../../../preload/contract.ts';
import { mapOfRun } from '../../../renderer/model-map/map-of-run.ts';
import { emptyDraft } from '../../../renderer/wizard/draft.ts';

const shape = { heads: 4, kvHeads: 2, mlpWidth: 16 };
const run = { layers: [0, 1, 2].map(() => ({ before: shape, after: shape })) };
const windows = { attention: [1, 3], mlp: [1, 2] } as const;
const edits = {
  exclude: { attention: [1], mlp: [] },
  ratios: { attention: { 0: 0.5 }, mlp: {} },
  keep: { heads: { 2: [1] } },
};

const detailOf = (mode: 'block' | 'channel'): Pick<RunDetail, 'settings' | 'scores' | 'kept'> => ({
  settings: { prune: { ...emptyDraft.prune, mode, edits } } as unknown as RunDetail['settings'],
  scores: [],
  kept: [null, null, { kvHeads: [1] }] as RunDetail['kept'],
});

it('knows the windows, what a person decided, and what went', () => {
  const layers = mapOfRun(run, windows, detailOf('block'));
  expect(layers.map(({ attentionLocked }) => attentionLocked)).toEqual([false, true, false]);
  expect(layers.map(({ mlpLocked }) => mlpLocked)).toEqual([true, false, true]);
  expect(layers.map(({ leftWhole }) => leftWhole)).toEqual([[], ['attention'], []]);
  expect(layers[2]).toMatchObject({ pinnedKvHeads: [1], keptKvHeads: [1] });
});

it('has no windows but for blocks, and widths alone before its detail is read', () => {
  const unlocked = [false, false, false];
  expect(mapOfRun(run, windows, detailOf('channel')).map(({ mlpLocked }) => mlpLocked)).toEqual(unlocked);
  expect(mapOfRun(run, windows, null).map(({ mlpLocked }) => mlpLocked)).toEqual(unlocked);
});

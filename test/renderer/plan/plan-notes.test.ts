import { describe, expect, it } from 'vitest';
import type { LayerShape, PruneSettings } from '../../../preload/contract.ts';
import { noEdits } from '../../../renderer/plan/plan-edits.ts';
import { emptyDraft } from '../../../renderer/wizard/draft.ts';
import { hasUnlikeLayers, losesNoAttention } from '../../../renderer/plan/plan-notes.tsx';

const shape = (mlpWidth: number, heads: number): LayerShape => ({ heads, kvHeads: heads, mlpWidth });
const before = shape(50, 4);

describe('the layers of a plan', () => {
  it.each([
    [[shape(40, 4), shape(40, 4)], false],
    [[shape(40, 4), shape(40, 3)], true],
    [[shape(40, 4), shape(39, 4)], true],
    // A layer that goes has no width to differ in.
    [[shape(50, 4), shape(0, 0), shape(50, 4)], false],
  ])('%j differ: %s', (after, expected) => {
    expect(hasUnlikeLayers(after.map((of) => ({ before, after: of })))).toBe(expected);
  });
});

describe('attention that stays whole', () => {
  const grouped: LayerShape = { heads: 8, kvHeads: 2, mlpWidth: 50 };
  const left = (after: LayerShape): { before: LayerShape; after: LayerShape }[] =>
    [grouped, after].map((of) => ({ before: grouped, after: of }));
  const prune: PruneSettings = { ...emptyDraft.prune, layers: { attention: [1, 2], mlp: [0, 2] } };

  it('is told where the ratio is less than a KV group', () => {
    expect(losesNoAttention(left({ ...grouped, mlpWidth: 30 }), prune)).toBe(true);
  });

  it.each([
    ['a group goes', { heads: 4, kvHeads: 1, mlpWidth: 30 }, {}],
    ['query heads go', grouped, { unit: 'query-head' }],
    ['the hidden size goes', grouped, { mode: 'channel' }],
    ['nothing is asked for', grouped, { ratio: 0 }],
    ['a person left it whole', grouped, { edits: { ...noEdits, exclude: { attention: [1], mlp: [] } } }],
    ['no layer is to lose any', grouped, { layers: { attention: [1, 1], mlp: [0, 2] } }],
  ] as const)('is not where %s', (_why, after, change) => {
    expect(losesNoAttention(left(after), { ...prune, ...change } as PruneSettings)).toBe(false);
  });

  it('is not told of heads that are their own groups', () => {
    expect(
      losesNoAttention([{ before, after: before }], { ...prune, layers: { attention: [0, 1], mlp: [0, 1] } }),
    ).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { pruneSettingsSchema } from '../../../preload/prune-contract.ts';
import {
  editsOf,
  noEdits,
  pinnedHeads,
  settledEdits,
  treatmentOf,
  withoutEdit,
  withPinned,
  withTreatment,
  type PlanEdits,
} from '../../../renderer/plan/plan-edits.ts';
import { emptyDraft } from '../../../renderer/wizard/draft.ts';

const some: PlanEdits = {
  exclude: { attention: [2], mlp: [] },
  ratios: { attention: {}, mlp: { 5: 0.4 } },
  keep: { heads: { 3: [0, 7] } },
};

describe('edits of a plan', () => {
  it('are what a person decided, one after the other', () => {
    const left = withTreatment(noEdits, 'attention', 2, 'whole');
    const narrowed = withTreatment(left, 'mlp', 5, 0.4);
    const pinned = withPinned(withPinned(narrowed, 3, 7, true), 3, 0, true);
    expect(pinned).toEqual(some);
    expect(pruneSettingsSchema.parse({ ...emptyDraft.prune, edits: pinned }).edits).toEqual(some);
  });

  it('treat a layer in one way: the last one', () => {
    const whole = withTreatment(withTreatment(noEdits, 'mlp', 5, 0.4), 'mlp', 5, 'whole');
    expect(whole.ratios.mlp).toEqual({});
    expect(treatmentOf(whole, 'mlp', 5)).toBe('whole');
    expect(treatmentOf(whole, 'attention', 5)).toBe('planned');
    expect(withTreatment(whole, 'mlp', 5, 'planned')).toEqual(noEdits);
    const own = withTreatment(whole, 'mlp', 5, 0.2);
    expect(treatmentOf(own, 'mlp', 5)).toBe(0.2);
    expect(own.exclude.mlp).toEqual([]);
  });

  it('are listed layer by layer, and taken back one by one', () => {
    const list = editsOf(some);
    expect(list.map(({ layer, what }) => [layer, what])).toEqual([
      [2, 'attention'],
      [3, 'heads'],
      [5, 'mlp'],
    ]);
    const left = list.reduce(withoutEdit, some);
    expect(left).toEqual(noEdits);
  });

  it('leave nothing in the settings where there are none', () => {
    expect(settledEdits(noEdits)).toBeUndefined();
    expect(settledEdits(some)).toBe(some);
    const unpinned = withPinned(withPinned(noEdits, 1, 4, true), 1, 4, false);
    expect(pinnedHeads(unpinned, 1)).toEqual([]);
    expect(settledEdits(unpinned)).toBeUndefined();
  });
});

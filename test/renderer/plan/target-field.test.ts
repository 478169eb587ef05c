import { describe, expect, it } from 'vitest';
import { pruneSettingsSchema } from '../../../preload/prune-contract.ts';
import { targetAt, unitOf, type TargetUnit } from '../../../renderer/plan/target-field.tsx';
import { emptyDraft } from '../../../renderer/wizard/draft.ts';

const whole = { parameters: 6_738_415_616, macs: 1, weightBytes: 13_476_831_232, memoryBytes: 1 };
const after = { parameters: 5_422_977_024, macs: 1, weightBytes: 10_845_954_048, memoryBytes: 1 };

describe('a target', () => {
  it.each<[TargetUnit, object]>([
    ['parameters', { parameters: 5_422_977_024 }],
    ['bytes', { bytes: 10_845_954_048 }],
    ['percent', { percent: 80.5 }],
  ])('in %s begins at what the plan comes to', (unit, expected) => {
    const target = targetAt(unit, after, whole);
    expect(target).toEqual(expected);
    expect(unitOf(target)).toBe(unit);
    expect(pruneSettingsSchema.parse({ ...emptyDraft.prune, target }).target).toEqual(expected);
  });

  it('is never all of the model', () => {
    expect(targetAt('percent', whole, whole)).toEqual({ percent: 99.9 });
  });
});

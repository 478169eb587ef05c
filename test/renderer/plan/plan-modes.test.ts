import { describe, expect, it } from 'vitest';
import type { PruneSettings } from '../../../preload/contract.ts';
import { askedPlan, uniformOver, withScope } from '../../../renderer/plan/plan-modes.ts';
import { emptyDraft } from '../../../renderer/wizard/draft.ts';

const edits = {
  exclude: { attention: [3], mlp: [1, 3] },
  ratios: { attention: {}, mlp: { 5: 0.4 } },
  keep: { heads: { 2: [0] } },
};
const everything: PruneSettings = {
  ...emptyDraft.prune,
  scope: 'global',
  round: 64,
  uniform: true,
  drop: 'last',
  steps: 2,
  edits,
};

describe('what a plan asks for', () => {
  it('is all that has a meaning for blocks', () => {
    expect(askedPlan(everything)).toMatchObject({
      scope: 'global',
      round: 64,
      uniform: true,
      steps: 2,
      edits,
    });
    expect(askedPlan(everything)).not.toHaveProperty('drop');
  });

  it('has no single layers where the hidden size goes', () => {
    const asked = askedPlan({ ...everything, mode: 'channel' });
    expect(asked).toMatchObject({ mode: 'channel', round: 64, steps: 2 });
    for (const key of ['scope', 'uniform', 'drop', 'edits']) expect(asked).not.toHaveProperty(key);
  });

  it('holds layers of which anything was left whole, where whole layers go', () => {
    const asked = askedPlan({ ...everything, mode: 'layer' });
    expect(asked).toMatchObject({ mode: 'layer', drop: 'last' });
    expect(asked.edits).toEqual({
      exclude: { attention: [1, 3], mlp: [1, 3] },
      ratios: { attention: {}, mlp: {} },
      keep: { heads: {} },
    });
    for (const key of ['scope', 'uniform', 'round', 'steps']) expect(asked).not.toHaveProperty(key);
  });
});

describe('layers that come out alike', () => {
  it('are all cut, and by the same share', () => {
    const uniform = { uniform: true, scope: 'local', layers: { attention: [0, 8], mlp: [0, 8] } };
    expect(uniformOver(8)).toEqual(uniform);
  });

  it('are given up for a scope under which scores decide', () => {
    expect(withScope('local')).toEqual({ scope: 'local' });
    for (const scope of ['global', 'global-published'] as const)
      expect(withScope(scope)).toEqual({ scope, uniform: false });
  });
});

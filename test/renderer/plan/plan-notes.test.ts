import { describe, expect, it } from 'vitest';
import type { LayerShape } from '../../../preload/contract.ts';
import { hasUnlikeLayers } from '../../../renderer/plan/plan-notes.tsx';

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

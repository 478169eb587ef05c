import { describe, expect, it } from 'vitest';
import { hasUnlikeLayers, unevenWidth } from '../../../renderer/plan/plan-notes.tsx';

const shape = (mlpWidth: number, heads = 4): { heads: number; kvHeads: number; mlpWidth: number } => ({
  heads,
  kvHeads: heads,
  mlpWidth,
});
const before = shape(50);

describe('what is said of a plan', () => {
  it('names the first width that fits no tile, where the plan made it so', () => {
    expect(unevenWidth([{ before, after: shape(50) }])).toBeNull();
    expect(unevenWidth([{ before, after: shape(40) }])).toBeNull();
    const uneven = [
      { before, after: shape(50) },
      { before, after: shape(32) },
      { before, after: shape(31) },
    ];
    expect(unevenWidth(uneven)).toBe(31);
  });

  it('tells whether the layers that stay differ', () => {
    expect(hasUnlikeLayers([before, before].map((of) => ({ before: of, after: shape(40) })))).toBe(false);
    const unlike = [
      { before, after: shape(40) },
      { before, after: shape(40, 3) },
    ];
    expect(hasUnlikeLayers(unlike)).toBe(true);
  });
});

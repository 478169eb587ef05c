import { describe, expect, it } from 'vitest';
import type { TrainingNow } from '../../../preload/recovery-contract.ts';
import { afterStep, grownCurve } from '../../../renderer/studio/training-curve.ts';

const point = (step: number) => ({
  step,
  loss: 3 - step / 100,
  learningRate: 1e-4,
  gradientNorm: 1,
  tokensPerSecond: 1000,
});

const now = (step: number, change: Partial<TrainingNow> = {}): TrainingNow => ({
  ...point(step),
  stage: 'recover',
  steps: 100,
  validation: null,
  ...change,
});

const hear = (...steps: readonly TrainingNow[]): readonly TrainingNow[] =>
  steps.reduce<readonly TrainingNow[]>((heard, training) => afterStep(heard, { training }), []);

describe('the curve on screen', () => {
  it('goes on from what main gave by what was heard since', () => {
    const known = { steps: 100, points: [point(1), point(2)], validations: [{ step: 0, loss: 3.1 }] };
    const heard = hear(now(2), now(3), now(4, { validation: { step: 4, loss: 2.9 } }));
    const curve = grownCurve(known, 'recover', heard);
    expect(curve?.points.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(curve?.validations).toEqual([...known.validations, { step: 4, loss: 2.9 }]);
  });

  it('never goes back where a resumed training takes steps anew', () => {
    const heard = hear(now(9), now(10), now(8), now(9), now(11));
    expect(grownCurve(null, 'recover', heard)?.points.map(({ step }) => step)).toEqual([9, 10, 11]);
  });

  it('is one for each training', () => {
    const heard = hear(now(1), now(1, { stage: 'recover-control' }));
    expect(grownCurve(null, 'recover-control', heard)?.points).toHaveLength(1);
    expect(grownCurve(null, 'recover-control', hear(now(1)))).toBeNull();
  });

  it('hears the same step once, and its validation when that comes', () => {
    const validation = { step: 1, loss: 2 };
    expect(hear(now(1), now(1), now(1, { validation }))).toEqual([now(1, { validation })]);
  });
});

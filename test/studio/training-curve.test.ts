import { describe, expect, it } from 'vitest';
import type { TrainingEvent } from '../../main/engine/run.ts';
import { recordsOf, withTraining, type TrainingCurve } from '../../main/studio/training-curve.ts';

const step = (at: number, loss = 1 / at): TrainingEvent => ({
  type: 'training-step',
  stage: 'recover',
  step: at,
  steps: 5000,
  loss,
  learningRate: 1e-4,
  gradientNorm: 1,
  tokensPerSecond: 100,
});

const curveOf = (events: readonly TrainingEvent[]): TrainingCurve =>
  events.reduce<TrainingCurve | undefined>(withTraining, undefined) as TrainingCurve;
const upTo = (last: number): TrainingEvent[] => Array.from({ length: last }, (_, i) => step(i + 1));

describe('a curve', () => {
  it('has every step of a short training', () => {
    const steps = recordsOf(curveOf(upTo(600)).points).map((point) => point.step);
    expect(steps).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  });

  it('stays small after however many steps, evenly spread, and ends at the last', () => {
    const steps = recordsOf(curveOf(upTo(20_001)).points).map((point) => point.step);
    expect(steps.length).toBeLessThanOrEqual(1001);
    expect(steps.length).toBeGreaterThan(500);
    expect([steps[0], steps.at(-1)]).toEqual([1, 20_001]);
    expect(new Set(steps.slice(1, -1).map((at, i) => at - steps[i])).size).toBe(1);
  });

  it('gives steps that are taken anew their own place', () => {
    const curve = curveOf([...upTo(10), step(8, 42), step(9, 43)]);
    const points = recordsOf(curve.points);
    expect(points.map((point) => point.step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(points[7].loss).toBe(42);
  });

  it('has the validations, from the one before the first step', () => {
    const validation = (at: number): TrainingEvent => ({
      type: 'validation',
      stage: 'recover',
      step: at,
      loss: 2,
    });
    const curve = curveOf([validation(0), step(1), validation(1)]);
    expect(recordsOf(curve.validations)).toEqual([
      { step: 0, loss: 2 },
      { step: 1, loss: 2 },
    ]);
  });
});

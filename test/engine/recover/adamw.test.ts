import { describe, expect, it } from 'vitest';
import { adamwStep, clippingScale, trainedParameter } from '../../../main/engine/recover/adamw.ts';
import { cosineSchedule, learningRateAt } from '../../../main/engine/recover/schedule.ts';
import { worstOfLargest } from '../../fixtures/closeness.ts';
import { goldenAdamW, goldenSchedules } from '../../fixtures/golden-files.ts';

const golden = goldenAdamW();

/** Of the largest value: float32 against float64 stored as float32, over eight steps. */
const tolerance = 5e-7;

describe('AdamW takes the steps of torch.optim.AdamW', () => {
  it.each(golden.adamw)(
    'betas $beta1 $beta2, eps $eps, decay $weightDecay',
    ({ start, steps, ...options }) => {
      const parameter = trainedParameter('w', Float32Array.from(start), true);
      steps.forEach(({ learningRate, gradient, values, firstMoment, secondMoment }, i) => {
        adamwStep(parameter, Float32Array.from(gradient), { step: i + 1, learningRate, scale: 1 }, options);
        expect(worstOfLargest(parameter.values, values), `values after step ${i + 1}`).toBeLessThan(
          tolerance,
        );
        expect(worstOfLargest(parameter.firstMoment, firstMoment)).toBeLessThan(tolerance);
        expect(worstOfLargest(parameter.secondMoment, secondMoment)).toBeLessThan(tolerance);
        // Small values have their own say: gradients differ by a factor of 10 million.
        values.forEach((value, j) => expect(Math.abs(parameter.values[j] - value)).toBeLessThan(1e-6));
      });
    },
  );

  it('with a scale is the step of the scaled gradient', () => {
    const [{ start, steps, ...options }] = golden.adamw;
    const after = (scale: number): Float32Array => {
      const parameter = trainedParameter('w', Float32Array.from(start), true);
      const gradient = Float32Array.from(steps[0].gradient, (g) => g / scale);
      adamwStep(parameter, gradient, { step: 1, learningRate: 0.1, scale }, options);
      return parameter.values;
    };
    expect(after(0.25)).toEqual(after(1));
  });

  it('decays only what it should', () => {
    const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.5 };
    const after = (decays: boolean): number[] => {
      const parameter = trainedParameter('w', Float32Array.of(2, -4), decays);
      adamwStep(parameter, new Float32Array(2), { step: 1, learningRate: 0.1, scale: 1 }, options);
      return [...parameter.values];
    };
    expect(after(false)).toEqual([2, -4]);
    expect(after(true)).toEqual([1.9, -3.8].map(Math.fround));
  });
});

describe('clipping', () => {
  it.each(golden.clipping)('to $maxNorm is clip_grad_norm_’s', ({ maxNorm, gradients, norm, clipped }) => {
    const found = clippingScale(
      gradients.map((gradient) => Float32Array.from(gradient)),
      maxNorm,
    );
    expect(Math.abs(found.norm / norm - 1)).toBeLessThan(1e-6);
    const scaled = gradients.flatMap((gradient) => gradient.map((g) => g * found.scale));
    expect(worstOfLargest(scaled, clipped.flat())).toBeLessThan(1e-6);
  });

  it('leaves gradients of zero as they are', () => {
    expect(clippingScale([new Float32Array(3)], 1)).toEqual({ norm: 0, scale: 1 });
  });
});

describe('the cosine schedule', () => {
  it.each(golden.schedules)(
    'to $peak over $totalSteps steps, $warmupSteps of warm-up, is transformers’',
    ({ rates, ...schedule }) => {
      rates.forEach((rate, step) => {
        expect(Math.abs(cosineSchedule(step, { ...schedule, floor: 0 }) - rate)).toBeLessThan(
          1e-12 * schedule.peak,
        );
      });
    },
  );

  it('with a floor ends there and stays, and starts from 0 all the same', () => {
    const schedule = { peak: 2, warmupSteps: 2, totalSteps: 10, floor: 0.25 };
    const rates = Array.from({ length: 14 }, (_, step) => cosineSchedule(step, schedule));
    expect(rates.slice(0, 3)).toEqual([0, 1, 2]);
    expect(rates[6]).toBeCloseTo((2 + 0.5) / 2, 12);
    expect(rates.slice(10)).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(rates.slice(2)).toEqual([...rates.slice(2)].sort((a, b) => b - a));
  });
});

describe('the schedules of a training', () => {
  it.each(goldenSchedules())(
    '$kind to $peak over $totalSteps steps, $warmupSteps of warm-up, is transformers’',
    ({ kind: name, rates, ...schedule }) => {
      rates.forEach((rate, step) => {
        expect(Math.abs(learningRateAt(step, { name, ...schedule }) - rate)).toBeLessThan(
          1e-12 * schedule.peak,
        );
      });
    },
  );
});

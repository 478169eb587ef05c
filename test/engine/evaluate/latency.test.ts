import { describe, expect, it } from 'vitest';
import {
  latencyOf,
  quantile,
  speedupOf,
  studentQuantile,
} from '../../../main/engine/evaluate/cost/latency.ts';
import { RandomStream } from '../../../main/engine/tensor/random.ts';

describe('percentiles', () => {
  it('are those of numpy', () => {
    // numpy.percentile([7, 1, 3, 10, 4], [50, 90, 99])
    expect(latencyOf([7, 1, 3, 10, 4])).toEqual({
      p50: 4,
      p90: expect.closeTo(8.8) as number,
      p99: expect.closeTo(9.88) as number,
    });
    expect(quantile([5], 0.99)).toBe(5);
  });
});

describe('a speedup', () => {
  it('is the mean of the rounds’ quotients on the scale of logarithms, with Student’s interval', () => {
    const found = speedupOf([[2], [8], [4]], [[1], [2], [2]]);
    // Logarithms of 2, 4, 2: mean 4/3 log 2, deviation 0.4002, t(2) 4.303.
    const [mean, half] = [(4 / 3) * Math.LN2, (4.303 * 0.400189) / Math.sqrt(3)];
    expect(found.factor).toBeCloseTo(Math.exp(mean), 6);
    expect(found.low).toBeCloseTo(Math.exp(mean - half), 3);
    expect(found.high).toBeCloseTo(Math.exp(mean + half), 3);
    expect(found.verdict).toBe('no-difference');
  });

  it('takes the middle pair of a round, which one pause does not move', () => {
    const reference = [
      [2, 2, 900],
      [2, 2, 2],
    ];
    expect(
      speedupOf(reference, [
        [1, 1, 1],
        [1, 700, 1],
      ]).factor,
    ).toBeCloseTo(2, 9);
  });

  it.each([
    [[10, 10.1, 9.9], [5, 5.1, 4.9], 'faster'],
    [[5, 5.1, 4.9], [10, 10.1, 9.9], 'slower'],
    [[10, 12, 9], [10, 9, 11], 'no-difference'],
  ])('%j beside %j is said to be %s', (reference, times, verdict) => {
    const rounds = (values: number[]): number[][] => values.map((value) => [value]);
    expect(speedupOf(rounds(reference), rounds(times)).verdict).toBe(verdict);
  });

  it('lies in the stated interval nineteen times in twenty, and two measurements agree', () => {
    const random = new RandomStream(11, 'data-order');
    const measurement = (): ReturnType<typeof speedupOf> => {
      const rounds = Array.from({ length: 5 }, () => {
        const load = Math.exp(random.normal());
        const noisy = (ms: number): number => ms * load * Math.exp(0.2 * random.normal());
        return [noisy(13), noisy(10)];
      });
      return speedupOf(
        rounds.map(([ms]) => [ms]),
        rounds.map(([, ms]) => [ms]),
      );
    };
    const found = Array.from({ length: 1000 }, measurement);
    const covered = found.filter(({ low, high }) => low <= 1.3 && high >= 1.3).length;
    expect(covered).toBeGreaterThan(925);
    expect(covered).toBeLessThan(975);
    const agreeing = found.filter(({ low, high }, i) => {
      const next = found[(i + 1) % found.length];
      return low <= next.high && high >= next.low;
    });
    expect(agreeing.length).toBeGreaterThan(980);
  });
});

describe('Student’s quantiles', () => {
  it.each([
    [1, 12.706],
    [9, 2.262],
    [30, 2.042],
    [40, 2.0211],
    [120, 1.9799],
    [1000, 1.9623],
  ])('at %i degrees of freedom %f', (freedom, expected) => {
    expect(studentQuantile(freedom)).toBeCloseTo(expected, 3);
  });
});

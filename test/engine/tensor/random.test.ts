import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox, RandomStream, type RandomPurpose } from '../../../main/engine/tensor/random.ts';

describe('Philox4x32-10', () => {
  // Random123's known answers (tests/kat_vectors).
  it.each<[string, [number, number, number, number], [number, number], string]>([
    ['zeros', [0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [
      'ones',
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
    ],
    [
      'digits of pi',
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ])('of %s', (_what, counter, key, words) => {
    const found = [...philox(counter, key)].map((word) => word.toString(16).padStart(8, '0'));
    expect(found.join(' ')).toBe(words);
  });
});

const count = 20_000;

const draw = (stream: RandomStream, length: number): number[] =>
  Array.from({ length }, () => stream.uniform());
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
/** The central moment. */
function moment(values: readonly number[], power: number): number {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** power));
}

describe('a stream', () => {
  it('draws the words of its counter, four at a time', () => {
    const words = [0, 1].flatMap((counter) => [...philox([counter, 0, 9, 2], [7, 0])]);
    const stream = new RandomStream(7, 'random-criterion', 9);
    expect(draw(stream, 8).map((value) => value * 2 ** 32)).toEqual(words);
  });

  it('repeats', () => {
    expect(draw(new RandomStream(3, 'calibration', 1), 50)).toEqual(
      draw(new RandomStream(3, 'calibration', 1), 50),
    );
  });

  it('differs from every other: of another seed, purpose or index', () => {
    const purposes: readonly RandomPurpose[] = [
      'calibration',
      'random-criterion',
      'initialisation',
      'data-order',
    ];
    const firsts = [0, 1, 2, 2 ** 32, 2 ** 32 + 1].flatMap((seed) =>
      purposes.flatMap((purpose) =>
        [0, 1, 2].map((index) => draw(new RandomStream(seed, purpose, index), 3).join()),
      ),
    );
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  // Five standard errors each; the streams are fixed, so a pass stays a pass.
  it('is uniform in [0, 1)', () => {
    const values = draw(new RandomStream(11, 'initialisation'), count);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(Math.abs(mean(values) - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
    expect(Math.abs(moment(values, 2) - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / count));
    const tenths = new Array<number>(10).fill(0);
    for (const value of values) tenths[Math.floor(10 * value)]++;
    for (const tenth of tenths)
      expect(Math.abs(tenth - count / 10)).toBeLessThan(5 * Math.sqrt(count * 0.09));
  });

  it('has no memory: neighbours do not correlate', () => {
    const values = draw(new RandomStream(12, 'initialisation'), count);
    const products = values.slice(1).map((value, i) => (value - 0.5) * (values[i] - 0.5));
    expect(Math.abs(mean(products))).toBeLessThan((5 / 12) * Math.sqrt(1 / count));
  });

  it('is standard normal', () => {
    const stream = new RandomStream(13, 'initialisation');
    const values = Array.from({ length: count }, () => stream.normal());
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(mean(values))).toBeLessThan(5 * Math.sqrt(1 / count));
    expect(Math.abs(moment(values, 2) - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(moment(values, 3))).toBeLessThan(5 * Math.sqrt(15 / count));
    expect(Math.abs(moment(values, 4) - 3)).toBeLessThan(5 * Math.sqrt(96 / count));
  });

  it('below a bound is a whole number under it, each as often', () => {
    const stream = new RandomStream(14, 'data-order');
    const seen = new Array<number>(7).fill(0);
    for (let i = 0; i < count; i++) seen[stream.below(7)]++;
    expect(seen.length).toBe(7);
    for (const times of seen)
      expect(Math.abs(times - count / 7)).toBeLessThan(5 * Math.sqrt((count * 6) / 49));
  });
});

describe('a permutation', () => {
  it('holds every index once, and repeats with its stream', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.nat(), (length, seed) => {
        const order = new RandomStream(seed, 'data-order').permutation(length);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
        expect(new RandomStream(seed, 'data-order').permutation(length)).toEqual(order);
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  it('puts each index everywhere, each of the six orders of three as often', () => {
    const stream = new RandomStream(15, 'data-order');
    const orders = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = stream.permutation(3).join();
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(6);
    for (const times of orders.values())
      expect(Math.abs(times - 1000)).toBeLessThan(5 * Math.sqrt((6000 * 5) / 36));
  });
});

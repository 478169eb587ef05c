import { expect, it } from 'vitest';
import { PythonRandom } from '../../../main/engine/evaluate/tasks/python-random.ts';

/** By CPython 3.11's random.Random(seed).sample(range(total), count), one after the other. */
it('draws what CPython draws, from lists that it copies and from lists that it does not', () => {
  const random = new PythonRandom(1234);
  expect([1, 2, 3].map(() => random.sample(10, 3))).toEqual([
    [7, 1, 0],
    [1, 0, 9],
    [1, 5, 3],
  ]);
  expect([1, 2].map(() => random.sample(5000, 4))).toEqual([
    [142, 252, 129, 2835],
    [3966, 3797, 1216, 747],
  ]);
  expect(random.sample(40, 6)).toEqual([11, 7, 0, 32, 31, 15]);
  expect(random.sample(100, 6)).toEqual([8, 85, 69, 59, 76, 86]);
});

it('draws every index once where all are asked for', () => {
  const random = new PythonRandom(0);
  expect(random.sample(7, 7)).toEqual([6, 3, 5, 0, 1, 2, 4]);
  expect(random.sample(1_000_000, 2)).toEqual([962838, 821872]);
});

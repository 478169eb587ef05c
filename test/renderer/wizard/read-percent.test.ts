import { describe, expect, it } from 'vitest';
import { readPercent } from '../../../renderer/wizard/read-percent.ts';

describe('a percentage that a person wrote', () => {
  it.each([
    ['25', 25],
    ['20,5', 20.5],
    ['30.05 %', 30.05],
    ['0.25', 25],
    ['0,3', 30],
    ['0', 0],
    ['100', 100],
  ])('%s is %d', (written, percent) => {
    expect(readPercent(written)).toBe(percent);
  });

  it('is none where it is no number', () => {
    expect(readPercent('abc')).toBeNaN();
  });
});

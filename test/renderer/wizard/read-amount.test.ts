import { describe, expect, it } from 'vitest';
import { readAmount } from '../../../renderer/wizard/read-amount.ts';

describe('an amount that a person wrote', () => {
  it.each([
    ['5389416396', 5_389_416_396],
    ['5,389,416,396', 5_389_416_396],
    ['5.4B', 5.4e9],
    ['5.4 g', 5.4e9],
    ['135 M', 135e6],
    ['12.5k', 12_500],
  ])('%s is %d', (written, amount) => {
    expect(readAmount(written)).toBe(amount);
  });

  it.each(['', 'abc', '5 GiB', '.'])('"%s" is none', (written) => {
    expect(readAmount(written)).toBeNaN();
  });
});

import { describe, expect, it } from 'vitest';
import { fromFloat32, toFloat32 } from '../../../main/engine/tensor/half.ts';

const allPatterns = Uint16Array.from({ length: 0x10000 }, (_, pattern) => pattern);

/** Exponent and fraction bits, and the value of a pattern by the definition of the format. */
const formats = {
  F16: { exponentBits: 5, fractionBits: 10 },
  BF16: { exponentBits: 8, fractionBits: 7 },
} as const;

function valueOf(
  pattern: number,
  { exponentBits, fractionBits }: (typeof formats)[keyof typeof formats],
): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> fractionBits) & (2 ** exponentBits - 1);
  const fraction = (pattern & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

function fromBits(...bits: number[]): Float32Array {
  return new Float32Array(Uint32Array.from(bits).buffer);
}

describe.each(['F16', 'BF16'] as const)('%s', (dtype) => {
  const format = formats[dtype];
  const infinity = (2 ** format.exponentBits - 1) << format.fractionBits;

  it('widens every pattern to the value that the format defines', () => {
    const expected = Array.from(allPatterns, (pattern) => valueOf(pattern, format));
    expect([...toFloat32(allPatterns, dtype)]).toEqual(expected);
  });

  it('gives every pattern back after a round trip, NaN payloads too', () => {
    expect(fromFloat32(toFloat32(allPatterns, dtype), dtype)).toEqual(allPatterns);
  });

  it('rounds to the nearest between every two neighbours, and ties to the even one', () => {
    // What follows the largest finite value is, for rounding, the next power of two: infinity's pattern.
    const above = (pattern: number): number =>
      pattern + 1 === infinity ? 2 ** (2 ** (format.exponentBits - 1)) : valueOf(pattern + 1, format);
    for (const sign of [0, 0x8000]) {
      const lower = Array.from({ length: infinity }, (_, pattern) => pattern);
      const ties = Float32Array.from(lower, (pattern) => {
        const tie = (valueOf(pattern, format) + above(pattern)) / 2;
        return sign === 0 ? tie : -tie;
      });
      const tieBits = new Uint32Array(ties.buffer);
      const narrow = (step: number): number[] => [
        ...fromFloat32(new Float32Array(tieBits.map((bits) => bits + step).buffer), dtype),
      ];
      expect(narrow(-1)).toEqual(lower.map((pattern) => sign | pattern));
      expect(narrow(0)).toEqual(lower.map((pattern) => sign | (pattern + (pattern & 1))));
      expect(narrow(1)).toEqual(lower.map((pattern) => sign | (pattern + 1)));
    }
  });

  it('keeps infinity, and keeps NaN a NaN even where its payload is cut off', () => {
    const values = fromBits(0x7f800000, 0xff800000, 0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff);
    const patterns = fromFloat32(values, dtype);
    expect([...toFloat32(patterns, dtype)]).toEqual([Infinity, -Infinity, NaN, NaN, NaN, NaN]);
    expect([...patterns].map((pattern) => pattern >> 15)).toEqual([0, 1, 0, 1, 0, 1]);
  });

  it('makes infinity of the largest float32, and a signed zero of the smallest', () => {
    const patterns = fromFloat32(fromBits(0x7f7fffff, 0xff7fffff, 0x00000001, 0x80000001), dtype);
    expect([...patterns]).toEqual([infinity, 0x8000 | infinity, 0, 0x8000]);
  });

  it('reads a view that does not start at its buffer', () => {
    const values = Float32Array.of(9, 1, -2, 9).subarray(1, 3);
    expect([...toFloat32(fromFloat32(values, dtype), dtype)]).toEqual([1, -2]);
    const patterns = fromFloat32(Float32Array.of(9, 1, -2), dtype).subarray(1);
    expect([...toFloat32(patterns, dtype)]).toEqual([1, -2]);
  });

  it('refuses float32 values where patterns belong', () => {
    expect(() => toFloat32(new Float32Array(1), dtype)).toThrow(
      expect.objectContaining({ code: 'tensor-dtype', message: expect.stringContaining(dtype) }),
    );
  });
});

describe('F32', () => {
  it('passes through without a copy', () => {
    const values = Float32Array.of(1, 2);
    expect(toFloat32(values, 'F32')).toBe(values);
    expect(fromFloat32(values, 'F32')).toBe(values);
  });

  it('refuses patterns where float32 values belong', () => {
    expect(() => toFloat32(new Uint16Array(1), 'F32')).toThrow(
      expect.objectContaining({ code: 'tensor-dtype' }),
    );
  });
});

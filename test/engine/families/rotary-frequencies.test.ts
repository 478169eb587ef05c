import { describe, expect, it } from 'vitest';
import { picoModel } from '../../fixtures/pico-config.ts';

/** The published formulas in float64: theta^(-2i/d). */
const plain = (theta: number, headDim: number): number[] =>
  Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));

/** Relative: an exponent rounded to float32, times ln(theta), and two more roundings. */
const tolerance = 2e-6;

function worstRelative(found: Float32Array, expected: readonly number[]): number {
  expect(found.length).toBe(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(found[i] / value - 1)));
}

const frequencies = (headDim: number, changes: Record<string, unknown>): Float32Array =>
  picoModel({ head_dim: headDim, ...changes }).config.rotaryFrequencies;

describe('rotary frequencies', () => {
  it.each([
    [128, 10000],
    [64, 100000],
    [12, 500000],
    [6, 1000000],
    [2, 10000],
  ])('of a head of %i, base %i', (headDim, theta) => {
    expect(worstRelative(frequencies(headDim, { rope_theta: theta }), plain(theta, headDim))).toBeLessThan(
      tolerance,
    );
  });

  it.each([
    ['transformers 4’s first keys', { rope_scaling: { type: 'linear', factor: 4 } }],
    ['its later keys', { rope_scaling: { rope_type: 'linear', factor: 4 } }],
    ['transformers 5’s keys', { rope_parameters: { rope_type: 'linear', factor: 4, rope_theta: 10000 } }],
  ])('scaled linearly are divided, in %s', (_keys, changes) => {
    const expected = plain(10000, 128).map((frequency) => frequency / 4);
    expect(worstRelative(frequencies(128, changes), expected)).toBeLessThan(tolerance);
  });

  it('scaled as Llama 3.1: short waves kept, long ones stretched by 8, between them a blend', () => {
    const scaling = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const found = frequencies(128, { rope_theta: 500000, rope_scaling: { rope_type: 'llama3', ...scaling } });
    const base = plain(500000, 128);
    // A wave of pair i is 2π·500000^(i/64) tokens long: below 2048 up to 28, above 8192 from 35 on.
    const expected = base.map((frequency, i) => {
      if (i <= 28) return frequency;
      if (i >= 35) return frequency / 8;
      const smooth = (8192 / ((2 * Math.PI) / frequency) - 1) / (4 - 1);
      return ((1 - smooth) * frequency) / 8 + smooth * frequency;
    });
    expect(worstRelative(found, expected)).toBeLessThan(tolerance);
    expect([28, 29, 34, 35].map((i) => Math.abs(found[i] / base[i] - 1) < 1e-3)).toEqual([
      true,
      false,
      false,
      false,
    ]);
    const newKeys = { rope_parameters: { rope_type: 'llama3', rope_theta: 500000, ...scaling } };
    expect(frequencies(128, newKeys)).toEqual(found);
  });
});

describe('what every block reads beside its hidden states', () => {
  const { family, config } = picoModel({ head_dim: 6 });
  const { cos, sin, mask } = family.sideInputs(config, { length: 5 });

  it('cos and sin of position times frequency', () => {
    expect([cos.dims, sin.dims]).toEqual([
      [5, 3],
      [5, 3],
    ]);
    for (let t = 0; t < 5; t++) {
      for (let i = 0; i < 3; i++) {
        const angle = t * config.rotaryFrequencies[i];
        expect(cos.data[3 * t + i]).toBeCloseTo(Math.cos(angle), 6);
        expect(sin.data[3 * t + i]).toBeCloseTo(Math.sin(angle), 6);
      }
    }
  });

  it('a mask that shows each position itself and what lies before', () => {
    expect(mask.dims).toEqual([5, 5]);
    mask.data.forEach((value, i) => {
      expect(value).toBe(i % 5 <= Math.floor(i / 5) ? 0 : Math.fround(-3.4028234663852886e38));
    });
  });
});

import { describe, expect, it } from 'vitest';
import { importanceRamp, lightness } from '../../../renderer/theme/importance-ramp.ts';
import { palettes, type Palette } from '../../../renderer/theme/tokens.ts';

/** WCAG 2.1's contrast ratio of two colours. */
function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const texts: readonly (readonly [keyof Palette, readonly (keyof Palette)[]])[] = [
  ['text', ['page', 'surface', 'sunken', 'hover', 'accentWash', 'dangerWash', 'warningWash']],
  ['textQuiet', ['page', 'surface', 'sunken', 'hover', 'accentWash']],
  ['accent', ['page', 'surface', 'hover', 'accentWash']],
  ['onAccent', ['accent']],
  ['onDanger', ['danger']],
  ['danger', ['surface', 'page', 'dangerWash']],
];

describe.each(Object.entries(palettes))('the %s palette', (name, palette) => {
  it.each(texts)('can be read: %s', (ink, grounds) => {
    for (const ground of grounds)
      expect(contrast(palette[ink] as string, palette[ground] as string), ground).toBeGreaterThanOrEqual(4.5);
  });

  it.each(['edge', 'data', 'worse', 'better', 'success', 'warning'] as const)(
    'can be told apart: %s',
    (part) => {
      expect(contrast(palette[part], palette.surface)).toBeGreaterThanOrEqual(3);
    },
  );

  it('has colours for models next to each other that can be told from the surface, each its own', () => {
    for (const color of palette.series)
      expect(contrast(color, palette.surface), color).toBeGreaterThanOrEqual(3);
    expect(new Set(palette.series).size).toBe(palette.series.length);
  });

  it('lets importance stand off the surface more and more, in even steps of lightness', () => {
    const ramp = importanceRamp(palette.importance);
    const steps = Array.from({ length: 33 }, (_, i) => lightness(ramp(i / 32)));
    const direction = name === 'light' ? -1 : 1;
    const differences = steps.slice(1).map((value, i) => direction * (value - steps[i]));
    expect(Math.min(...differences)).toBeGreaterThan(0);
    expect(Math.max(...differences) / Math.min(...differences)).toBeLessThan(3);
  });

  it('keeps the ramp inside its ends', () => {
    const ramp = importanceRamp(palette.importance);
    expect(ramp(-1)).toBe(palette.importance[0]);
    expect(ramp(2)).toBe(palette.importance[palette.importance.length - 1]);
  });
});

/** Colour of an importance from 0 to 1, as a CSS colour. */
export type Ramp = (importance: number) => string;

type Lab = readonly [number, number, number];

const steps = 256;

/** A ramp through `stops`, mixed in OKLab so that equal steps of importance look equally far apart. */
export function importanceRamp(stops: readonly string[]): Ramp {
  const labs = stops.map(labOf);
  const colors = Array.from({ length: steps }, (_, i) => {
    const at = (i / (steps - 1)) * (labs.length - 1);
    const from = Math.min(Math.floor(at), labs.length - 2);
    return hexOf(mix(labs[from], labs[from + 1], at - from));
  });
  return (importance) => colors[Math.round(Math.min(1, Math.max(0, importance)) * (steps - 1))];
}

/** Lightness of a colour in OKLab, 0 to 1. */
export function lightness(color: string): number {
  return labOf(color)[0];
}

function mix(a: Lab, b: Lab, t: number): Lab {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

// Björn Ottosson, "A perceptual color space for image processing", 2020.
function labOf(hex: string): Lab {
  const [r, g, b] = [1, 3, 5].map((at) => toLinear(parseInt(hex.slice(at, at + 2), 16) / 255));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function hexOf([lightnessOf, a, b]: Lab): string {
  const l = (lightnessOf + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightnessOf - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightnessOf - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${linear.map((value) => byteOf(toGamma(value))).join('')}`;
}

const byteOf = (value: number): string =>
  Math.round(Math.min(1, Math.max(0, value)) * 255)
    .toString(16)
    .padStart(2, '0');

const toLinear = (value: number): number =>
  value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;

const toGamma = (value: number): number =>
  value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055;

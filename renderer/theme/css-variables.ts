import {
  fontFamily,
  monoFamily,
  motionMs,
  palettes,
  radius,
  spacing,
  typeScale,
  weight,
  type ThemeName,
} from './tokens.ts';

/** The tokens as the style sheet's custom properties: --space-md, --type-lg, --color-accent-wash. */
function cssVariables(name: ThemeName): Record<string, string> {
  const { importance, series, ...colors } = palettes[name];
  return {
    ...named('space', spacing, (value) => `${value}px`),
    ...named('radius', radius, (value) => `${value}px`),
    ...named('type', typeScale, (value) => `${value / 16}rem`),
    ...named('weight', weight, String),
    ...named('color', colors, String),
    ...named('series', Object.fromEntries(series.entries()), String),
    '--importance': `linear-gradient(in oklab to right, ${importance.join(', ')})`,
    '--motion': `${motionMs}ms`,
    '--font': fontFamily,
    '--font-mono': monoFamily,
  };
}

/** Puts the theme on the page; set through the object model, which the page's policy allows. */
export function applyCssVariables(name: ThemeName): void {
  const { style, dataset } = document.documentElement;
  for (const [variable, value] of Object.entries(cssVariables(name))) style.setProperty(variable, value);
  style.colorScheme = name;
  dataset['theme'] = name;
}

function named<T>(
  prefix: string,
  values: Readonly<Record<string, T>>,
  write: (value: T) => string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [`--${prefix}-${kebab(key)}`, write(value)]),
  );
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

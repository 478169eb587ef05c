/** Dividing countries among the training, calibration, recovery and held-out texts. */

import type { CountryText } from './factbook-text.ts';

/** One calibration row, as the studio's JSONL data sets have it. */
export interface TextRow {
  readonly text: string;
}

export interface TextSplits {
  readonly heldout: readonly CountryText[];
  readonly recovery: readonly CountryText[];
  readonly calibration: readonly CountryText[];
  readonly train: readonly CountryText[];
}

/** Sizes of the kept splits before shared paragraphs leave them; each ends with the country that reaches its size. */
export interface SplitSizes {
  readonly heldoutBytes: number;
  readonly recoveryBytes: number;
  readonly calibrationRows: number;
}

/** A calibration row shorter than this would not fill the windows of 64 to 128 tokens that the method scores. */
export const minRowCharacters = 400;

/**
 * Whole countries to each split in a shuffled order: held-out first, then recovery, calibration, and the rest to
 * training. A paragraph that two splits would share word for word ("Fiscal year: calendar year.") stays in one.
 */
export function splitCountries(
  countries: readonly CountryText[],
  seed: number,
  sizes: SplitSizes,
): TextSplits {
  const shuffled = shuffle(countries, seed);
  let next = 0;
  const takeUntil = (enough: (taken: readonly CountryText[]) => boolean): CountryText[] => {
    const taken: CountryText[] = [];
    while (next < shuffled.length && !enough(taken)) taken.push(...shuffled.slice(next, ++next));
    return taken;
  };
  const heldout = takeUntil((taken) => Buffer.byteLength(documentText(taken)) >= sizes.heldoutBytes);
  const recovery = takeUntil((taken) => Buffer.byteLength(documentText(taken)) >= sizes.recoveryBytes);
  const calibration = takeUntil((taken) => taken.flatMap(rowsOf).length >= sizes.calibrationRows);
  const train = shuffled.slice(next);
  return {
    heldout: withoutParagraphsOf([...recovery, ...calibration, ...train], heldout),
    recovery: withoutParagraphsOf([...calibration, ...train], recovery),
    calibration: withoutParagraphsOf(train, calibration),
    train,
  };
}

function withoutParagraphsOf(
  others: readonly CountryText[],
  countries: readonly CountryText[],
): CountryText[] {
  const shared = new Set(others.flatMap((country) => country.paragraphs));
  return countries.map(({ name, paragraphs }) => ({
    name,
    paragraphs: paragraphs.filter((paragraph) => !shared.has(paragraph)),
  }));
}

/** Countries one after another, a blank line between paragraphs, a line feed at the end. */
export function documentText(countries: readonly CountryText[]): string {
  return countries.map((country) => `${country.paragraphs.join('\n\n')}\n`).join('\n');
}

/** A country's consecutive paragraphs, as few to a row as reach `minRowCharacters`; a short remainder is dropped. */
export function rowsOf(country: CountryText): TextRow[] {
  const rows: TextRow[] = [];
  let text = '';
  for (const paragraph of country.paragraphs) {
    text = text === '' ? paragraph : `${text}\n\n${paragraph}`;
    if (text.length >= minRowCharacters) {
      rows.push({ text });
      text = '';
    }
  }
  return rows;
}

/** Fisher-Yates over a counter-based generator, so that the order depends on the seed alone. */
export function shuffle<T>(items: readonly T[], seed: number): T[] {
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(uniform(seed, last) * (last + 1));
    const [a, b] = [shuffled[last], shuffled[other]];
    if (a === undefined || b === undefined) continue;
    shuffled[last] = b;
    shuffled[other] = a;
  }
  return shuffled;
}

/** In [0, 1): the finalizer of MurmurHash3 over seed and counter. */
function uniform(seed: number, counter: number): number {
  let hash = Math.imul(seed, 0x9e3779b1) ^ Math.imul(counter + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type CountryText,
  countryText,
  fieldParagraph,
  isProse,
  plainText,
} from '../../scripts/demo/factbook-text.ts';
import {
  documentText,
  minRowCharacters,
  rowsOf,
  shuffle,
  splitCountries,
} from '../../scripts/demo/text-splits.ts';

const folder = path.join(import.meta.dirname, '../../resources/demo');

describe('plainText', () => {
  it.each([
    ['rock &amp; roll &#8211; <b>loud</b>&nbsp;music', 'rock & roll - loud music'],
    ['&amp;lt; stays', '&lt; stays'],
    ['Chile’s “plan” – 1990—94', `Chile's "plan" - 1990 - 94`],
    ['$3 ++ $2 ++ $1', '$3; $2; $1'],
    ['Growth rose. ++  ++ It fell.', 'Growth rose. It fell.'],
    ['68.4% ++  (2014 est.)', '68.4% (2014 est.)'],
    [' ++ urban: 1% ++ rural: 2%', 'urban: 1%; rural: 2%'],
    ['AfD [Bernd LUCKE];; CDU', 'AfD [Bernd LUCKE]; CDU'],
    ['a < b and c > d', 'a < b and c > d'],
    ['Roma \n\n', 'Roma'],
  ])('%s', (html, text) => {
    expect(plainText(html)).toBe(text);
  });
});

describe('a field', () => {
  it('is one paragraph, its parts sentences', () => {
    const value = { text: 'German (official)', note: { text: 'Danish is spoken.' }, map: { text: null } };
    expect(fieldParagraph('Languages - spoken', value)).toBe(
      'Languages, spoken: German (official). Note: Danish is spoken.',
    );
  });

  it('leaves out telephone numbers, missing values, and the label of a part that is alone', () => {
    expect(fieldParagraph('Embassy', { city: { text: 'Berlin' }, telephone: { text: '[49] 1' } })).toBe(
      'Embassy: City: Berlin.',
    );
    expect(fieldParagraph('Groups', { other: { text: 'unions' } })).toBe('Groups: unions.');
    expect(fieldParagraph('Exports', { text: '$NA (2012 est.)' })).toBe('');
  });

  it('is prose unless it is empty, mostly numbers, or has a lost letter', () => {
    expect(isProse('Climate: temperate; 2 seasons.')).toBe(true);
    expect(isProse('Population: 80,854,408 (July 2015 est.)')).toBe(false);
    expect(isProse('Waterways: Paran\ufffd River.')).toBe(false);
    expect(isProse('')).toBe(false);
  });

  it('stands under the heading of its section', () => {
    const entry = {
      Geography: { Climate: { text: 'mild' }, Area: { total: { text: '12,345 sq km' } } },
      Military: {},
    };
    expect(countryText('Atlantis', entry).paragraphs).toEqual(['Atlantis: Geography', 'Climate: mild.']);
  });
});

describe('splitCountries', () => {
  const countries = Array.from({ length: 40 }, (_, index): CountryText => {
    const paragraphs = [`Land ${index}: Geography`, 'Fiscal year: calendar year.'];
    return {
      name: `Land ${index}`,
      paragraphs: [...paragraphs, ...Array<string>(3).fill(`${index} `.repeat(150))],
    };
  });
  const sizes = { heldoutBytes: 5000, recoveryBytes: 8000, calibrationRows: 6 };

  it('gives every country to one split, and reaches the sizes', () => {
    const { heldout, recovery, calibration, train } = splitCountries(countries, 1, sizes);
    const names = [heldout, recovery, calibration, train].flat().map((country) => country.name);
    expect(names.toSorted()).toEqual(countries.map((country) => country.name).toSorted());
    expect(Buffer.byteLength(documentText(heldout))).toBeGreaterThan(4800);
    expect(Buffer.byteLength(documentText(recovery))).toBeGreaterThan(7800);
    expect(calibration.flatMap(rowsOf).length).toBeGreaterThanOrEqual(6);
    expect(train.length).toBeGreaterThan(20);
  });

  it('leaves no paragraph in two splits', () => {
    const splits = splitCountries(countries, 1, sizes);
    const sets = [splits.heldout, splits.recovery, splits.calibration, splits.train].map(
      (split) => new Set(split.flatMap((country) => country.paragraphs)),
    );
    const distinct = new Set(sets.flatMap((set) => [...set]));
    expect(sets.reduce((sum, set) => sum + set.size, 0)).toBe(distinct.size);
    expect(distinct.has('Fiscal year: calendar year.')).toBe(true);
  });

  it('depends on the seed alone', () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    expect(shuffle(items, 5)).toEqual(shuffle(items, 5));
    expect(shuffle(items, 5)).not.toEqual(shuffle(items, 6));
    expect(shuffle(items, 5).toSorted((a, b) => a - b)).toEqual(items);
  });
});

describe('the kept texts', () => {
  const read = (name: string): Promise<string> => readFile(path.join(folder, name), 'utf8');
  const paragraphsOf = (text: string): Set<string> => new Set(text.trim().split(/\n\n+/));

  it('have rows long enough to calibrate with', async () => {
    const rows = (await read('calibration.jsonl'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).text);
    expect(rows.length).toBeGreaterThanOrEqual(100);
    for (const text of rows) expect(text.length).toBeGreaterThanOrEqual(minRowCharacters);
  });

  it('share no paragraph', async () => {
    const rows = (await read('calibration.jsonl'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).text);
    const texts = [await read('heldout.txt'), await read('recovery.txt'), rows.join('\n\n')].map(
      paragraphsOf,
    );
    const distinct = new Set(texts.flatMap((paragraphs) => [...paragraphs]));
    expect(texts.reduce((sum, paragraphs) => sum + paragraphs.size, 0)).toBe(distinct.size);
    expect(distinct.size).toBeGreaterThan(1500);
  });

  it('are plain: no tags, entities, line marks or typographic quotes', async () => {
    for (const name of ['heldout.txt', 'recovery.txt', 'calibration.jsonl']) {
      expect(await read(name)).not.toMatch(/<\/?[a-z]+>|&[a-z]+;|\+\+|[\u2018-\u201d\ufffd]| {2}/);
    }
  });
});

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { capitalize } from '../../../main/engine/evaluate/tasks/python-text.ts';

const golden = JSON.parse(readFileSync(path.resolve('test/golden/capitalize.json'), 'utf8')) as {
  /** Each with its capitalized form behind it. */
  readonly characters: string;
  readonly texts: readonly (readonly [text: string, capitalized: string])[];
};

describe('capitalize is str.capitalize', () => {
  it('of every character that has a case', () => {
    const pairs = golden.characters.split(' ').map((pair) => {
      const [character] = pair;
      return [character, pair.slice(character.length)] as const;
    });
    expect(pairs.length).toBeGreaterThan(2500);
    expect(pairs.filter(([character, expected]) => capitalize(character) !== expected)).toEqual([]);
  });

  it('of texts, with sigmas in the middle and at the end of words', () => {
    expect(golden.texts.filter(([text, expected]) => capitalize(text) !== expected)).toEqual([]);
    expect(capitalize('ΟΔΥΣΣΕΥΣ')).toBe('Οδυσσευς');
  });
});

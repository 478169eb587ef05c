import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../main/engine/tokenizer/tokenizer.ts';
import {
  endOfText,
  tokenizerConfigJson,
  tokenizerJson,
  trainBytePairs,
} from '../../scripts/demo/bpe-trainer.ts';

const folder = path.join(import.meta.dirname, '../../resources/demo');
const page = async (characters: number): Promise<string> =>
  (await readFile(path.join(folder, 'recovery.txt'), 'utf8')).slice(0, characters);

/** Printable ASCII stands for itself in the byte-level alphabet, a space is Ġ, a line feed Ċ. */
const noMerges = 257;

describe('trainBytePairs', () => {
  it('merges what a hand finds in one word', () => {
    // aaabdaaabac: aa 4. Then (Z = aa) Za 2 and ab 2; a's id is below Z's, so ab. Then (Y = ab) ZY 2. Then all once.
    const { tokens, merges } = trainBytePairs('aaabdaaabac', 300);
    expect(merges).toEqual([
      ['a', 'a'],
      ['a', 'b'],
      ['aa', 'ab'],
    ]);
    expect(tokens.slice(noMerges)).toEqual(['aa', 'ab', 'aaab']);
  });

  it('counts a word as often as the text has it, and never over the cut between words', () => {
    // Words: low, Ġlow, Ġlow, Ġlower. lo 4, ow 4, Ġl 3, we 1, er 1: lo before ow, for l's id is below o's. Then low 4,
    // then Ġlow 3; Ġlower once.
    const { merges } = trainBytePairs('low low low lower', 300);
    expect(merges).toEqual([
      ['l', 'o'],
      ['lo', 'w'],
      ['Ġ', 'low'],
    ]);
  });

  it('begins with the special token and the 256 bytes, and stops at the size asked for', async () => {
    const { tokens, merges } = trainBytePairs(await page(20_000), 300);
    expect(tokens[0]).toBe(endOfText);
    expect(tokens.slice(1, noMerges).join('')).toMatch(/^!"#\$%/);
    expect(tokens).toHaveLength(300);
    expect(new Set(tokens).size).toBe(300);
    expect(merges.length).toBeGreaterThanOrEqual(300 - noMerges);
  });

  it('leaves the special token out of the counts', () => {
    expect(trainBytePairs(`xy${endOfText}`.repeat(9), 300).merges).toEqual([['x', 'y']]);
  });

  it('learns what counting all pairs anew before each merge learns', async () => {
    const text = await page(6_000);
    expect(trainBytePairs(text, 450).merges).toEqual(mergesByRecounting(text, 450));
  });

  it.each([256, 65_537, 300.5])('refuses a vocabulary of %d', (size) => {
    expect(() => trainBytePairs('text', size)).toThrow(
      `The vocabulary size must be from 257 to 65536, but it is ${size}.`,
    );
  });
});

describe('the written tokenizer', () => {
  it('is read by the engine, gives back every text, and uses its merges', async () => {
    const written = await mkdtemp(path.join(os.tmpdir(), 'bpe-'));
    const text = await page(30_000);
    const model = trainBytePairs(text, 512);
    await writeFile(path.join(written, 'tokenizer.json'), JSON.stringify(tokenizerJson(model)));
    await writeFile(path.join(written, 'tokenizer_config.json'), JSON.stringify(tokenizerConfigJson()));
    const tokenizer = await loadTokenizer(written);
    await rm(written, { recursive: true });

    expect(tokenizer.vocabSize).toBe(512);
    expect(tokenizer.encode(endOfText)).toEqual([0]);
    const ids = tokenizer.encode(text);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(ids.length).toBeLessThan(0.6 * Buffer.byteLength(text));
    for (const strange of [
      '',
      ' \n\t\r\n  ',
      'naïve 日本語 😀👨‍👩‍👧 e\u0301',
      '\u0000\u007f\u0085\ufeff',
      `a${endOfText}b`,
    ]) {
      expect(tokenizer.decode(tokenizer.encode(strange))).toBe(strange);
    }
  });

  it('of the demo model gives back the held-out text', async () => {
    const tokenizer = await loadTokenizer(path.join(folder, 'model'));
    const heldout = await readFile(path.join(folder, 'heldout.txt'), 'utf8');
    const ids = tokenizer.encode(heldout);
    expect(tokenizer.vocabSize).toBe(2048);
    expect(tokenizer.decode(ids)).toBe(heldout);
    expect(heldout.length / ids.length).toBeGreaterThan(2.5);
  });
});

/** The definition of the method, without queue or counts that follow: slow, and hard to get wrong. */
function mergesByRecounting(text: string, vocabSize: number): [string, string][] {
  const tokens = trainBytePairs('', noMerges).tokens.slice();
  const characterOf = (byte: number): string => {
    const visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const hidden = [...Array(256).keys()].filter((b) => b <= 32 || (b >= 127 && b <= 160) || b === 173);
    return String.fromCharCode(visible ? byte : 256 + hidden.indexOf(byte));
  };
  const pattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
  let words = Array.from(text.matchAll(pattern), ([word]) => [...Buffer.from(word)].map(characterOf));
  const merges: [string, string][] = [];
  while (tokens.length < vocabSize) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let at = 1; at < word.length; at++) {
        const pair = `${word[at - 1] ?? ''} ${word[at] ?? ''}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const order = (pair: string): number[] => pair.split(' ').map((token) => tokens.indexOf(token));
    const [best] = [...counts].toSorted(([a, countA], [b, countB]) => {
      const [[a0 = 0, a1 = 0], [b0 = 0, b1 = 0]] = [order(a), order(b)];
      return countB - countA || a0 - b0 || a1 - b1;
    });
    if (best === undefined || best[1] < 2) break;
    const [left = '', right = ''] = best[0].split(' ');
    merges.push([left, right]);
    if (!tokens.includes(left + right)) tokens.push(left + right);
    words = words.map((word) => {
      const merged: string[] = [];
      for (let at = 0; at < word.length; at++) {
        if (word[at] === left && word[at + 1] === right) merged.push(left + (word[++at] ?? ''));
        else merged.push(word[at] ?? '');
      }
      return merged;
    });
  }
  return merges;
}

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodesIn, keysUsedIn } from './fixtures/source-facts.ts';

const root = path.resolve(import.meta.dirname, '../..');

type Texts = { readonly [key: string]: string | Texts };

const read = (language: string): Map<string, string> =>
  flat(JSON.parse(readFileSync(path.join(root, `renderer/locales/${language}.json`), 'utf8')) as Texts);

function flat(texts: Texts, before = ''): Map<string, string> {
  return new Map(
    Object.entries(texts).flatMap(([key, value]) =>
      typeof value === 'string' ? [[before + key, value] as const] : [...flat(value, `${before}${key}.`)],
    ),
  );
}

const en = read('en');
const zh = read('zh-CN');
const placeholders = (text: string): string[] => [...text.matchAll(/{{\w+}}/g)].map(([name]) => name).sort();

describe('the locales', () => {
  it('say the same things', () => {
    expect([...zh.keys()].sort()).toEqual([...en.keys()].sort());
  });

  it('fill in the same values', () => {
    const different = [...en].filter(
      ([key, text]) => placeholders(zh.get(key) ?? '').join() !== placeholders(text).join(),
    );
    expect(different).toEqual([]);
  });

  it('leave nothing empty but the gap between Chinese sentences', () => {
    const empty = [...en, ...zh].filter(([, text]) => text === '').map(([key]) => key);
    expect(empty).toEqual(['words.gap']);
  });

  it('have every text that the sources ask for by its whole name', () => {
    expect(keysUsedIn(path.join(root, 'renderer')).filter((key) => !en.has(key))).toEqual([]);
  });

  it('have a title and a hint for every error code of the engine', () => {
    const codes = errorCodesIn(path.join(root, 'main/engine/errors.ts'));
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter((code) => !en.has(`errors.${code}.title`) || !en.has(`errors.${code}.hint`))).toEqual(
      [],
    );
  });

  it('keep the house voice: no exclamation marks, no "Oops"', () => {
    const loud = [...en, ...zh].filter(([, text]) => /[!！]|oops/i.test(text));
    expect(loud).toEqual([]);
  });

  it('write Chinese with Chinese punctuation', () => {
    const western = [...zh].filter(([, text]) => /[\u4e00-\u9fff][,:;?!]/.test(text));
    expect(western).toEqual([]);
  });
});

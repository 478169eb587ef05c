import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { keysUsedIn, literalsOf } from './fixtures/source-facts.ts';

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

  it('have a title and a hint for every error code of the engine, of the studio and of the window', () => {
    const engine = literalsOf('ErrorCode', path.join(root, 'main/engine/errors.ts'));
    const studio = literalsOf('RefusalCode', path.join(root, 'main/studio/refusal.ts'));
    expect(engine.length).toBeGreaterThan(20);
    expect(studio.length).toBeGreaterThan(4);
    const codes = [...engine, ...studio, 'studio-failed', 'window-failed', 'unknown'];
    const wanted = codes.flatMap((code) => [`errors.${code}.hint`, `errors.${code}.title`]).sort();
    for (const texts of [en, zh])
      expect([...texts.keys()].filter((key) => key.startsWith('errors.')).sort()).toEqual(wanted);
  });

  it('tell what failed in Chinese with the words of the field', () => {
    const failures = [...zh].filter(([key]) => key.startsWith('errors.')).map(([, text]) => text);
    expect(failures.filter((text) => !/[\u4e00-\u9fff]/.test(text))).toEqual([]);
    expect(zh.get('errors.ratio-out-of-range.title')).toContain('剪枝率');
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

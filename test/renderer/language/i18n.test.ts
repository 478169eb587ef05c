import { describe, expect, it } from 'vitest';
import { createTexts, resolveLanguage } from '../../../renderer/language/i18n.ts';

describe('the language', () => {
  it.each([
    ['system', 'zh-CN', 'zh-CN'],
    ['system', 'zh', 'zh-CN'],
    ['system', 'zh-Hans-SG', 'zh-CN'],
    ['system', 'de-DE', 'en'],
    ['en', 'zh-CN', 'en'],
    ['zh-CN', 'en-US', 'zh-CN'],
  ] as const)('chosen %s on a system in %s is %s', (chosen, locale, language) => {
    expect(resolveLanguage(chosen, locale)).toBe(language);
  });

  it('is changed while the studio runs', async () => {
    const texts = createTexts('en');
    expect(texts.t('quantities.perplexity')).toBe('Perplexity');
    await texts.changeLanguage('zh-CN');
    expect(texts.t('quantities.perplexity')).toBe('困惑度');
    expect(texts.t('map.layerHead', { layer: 3, head: 7 })).toBe('第 3 层，注意力头 7');
  });
});

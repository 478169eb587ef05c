import { createInstance, type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import type { Settings } from '../../preload/contract.ts';
import en from '../locales/en.json' with { type: 'json' };
import zhCN from '../locales/zh-CN.json' with { type: 'json' };

export type Language = 'en' | 'zh-CN';

/** The studio's texts, starting in `language`. */
export function createTexts(language: Language): i18n {
  const texts = createInstance();
  void texts.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    resources: { en: { translation: en }, 'zh-CN': { translation: zhCN } },
    // React escapes.
    interpolation: { escapeValue: false },
    initAsync: false,
  });
  return texts;
}

/** The language to show: the chosen one, or the system's where it is one we speak. */
export function resolveLanguage(chosen: Settings['language'], systemLocale: string): Language {
  if (chosen !== 'system') return chosen;
  return /^zh\b/i.test(systemLocale) ? 'zh-CN' : 'en';
}

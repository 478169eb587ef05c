import { createContext, use } from 'react';
import type { ThemeName } from './tokens.ts';

export const ThemeContext = createContext<ThemeName>('light');

/** The theme on screen, for what is painted rather than styled. */
export function useThemeName(): ThemeName {
  return use(ThemeContext);
}

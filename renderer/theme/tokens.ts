/** The studio's measures and colours, once: antd's theme, the style sheet's variables and the canvas read them here. */

export const spacing = { xs: 4, sm: 8, md: 12, lg: 16, xl: 24 } as const;

export const radius = { sm: 3, md: 5, lg: 8 } as const;

/** Type sizes in pixels. */
export const typeScale = { xs: 12, sm: 13, md: 14, lg: 16, xl: 20, xxl: 28 } as const;

export const weight = { regular: 400, strong: 600 } as const;

export const motionMs = 120;

export const fontFamily =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', " +
  "'Noto Sans CJK SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', sans-serif";

export const monoFamily =
  "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', monospace";

export type ThemeName = 'light' | 'dark';

export interface Palette {
  /** Behind everything. */
  readonly page: string;
  /** Panels, fields and menus. */
  readonly surface: string;
  /** Wells inside panels: logs, samples, tracks. */
  readonly sunken: string;
  readonly hover: string;
  readonly line: string;
  /** Edges of things a person can act on: 3:1 against page and surface. */
  readonly edge: string;
  readonly text: string;
  readonly textQuiet: string;
  readonly accent: string;
  readonly accentHover: string;
  readonly accentActive: string;
  /** Behind what is selected. */
  readonly accentWash: string;
  readonly onAccent: string;
  readonly danger: string;
  readonly dangerWash: string;
  readonly onDanger: string;
  readonly warning: string;
  readonly warningWash: string;
  readonly success: string;
  /** Data without a scale: widths before, kept cells before scores exist. */
  readonly data: string;
  readonly dataQuiet: string;
  /** A change for the worse, and one for the better. */
  readonly worse: string;
  readonly better: string;
  readonly shadow: string;
  /** From least to most important: the more it matters, the further it stands off the surface. */
  readonly importance: readonly string[];
  /** Models next to each other: the first is what the others are measured against. */
  readonly series: readonly string[];
}

export const palettes: Readonly<Record<ThemeName, Palette>> = {
  light: {
    page: '#f3f4f5',
    surface: '#ffffff',
    sunken: '#f0f1f2',
    hover: '#e9ebed',
    line: '#d9dcdf',
    edge: '#868d95',
    text: '#1a1d20',
    textQuiet: '#545b63',
    accent: '#0b6b74',
    accentHover: '#09808b',
    accentActive: '#07545b',
    accentWash: '#dfeff0',
    onAccent: '#ffffff',
    danger: '#b3261e',
    dangerWash: '#fbeae8',
    onDanger: '#ffffff',
    warning: '#7d5300',
    warningWash: '#fcf1d9',
    success: '#226b3a',
    data: '#8b929a',
    dataQuiet: '#cfd3d7',
    worse: '#a8456f',
    better: '#0b6b74',
    shadow: '0 4px 16px rgba(20, 24, 28, 0.14)',
    importance: ['#fae6cd', '#f3b690', '#dd7f80', '#a5518c', '#4c2a6e'],
    series: ['#868d95', '#0b6b74', '#a8456f', '#94670a', '#6a4a9c', '#3f8a57'],
  },
  dark: {
    page: '#131517',
    surface: '#1b1e21',
    sunken: '#15181a',
    hover: '#282c30',
    line: '#33383d',
    edge: '#747c85',
    text: '#e8eaec',
    textQuiet: '#a7aeb6',
    accent: '#57c2cc',
    accentHover: '#7ad3db',
    accentActive: '#3fa7b1',
    accentWash: '#17353a',
    onAccent: '#07282b',
    danger: '#ff8a7d',
    dangerWash: '#3d1f1d',
    onDanger: '#33100c',
    warning: '#e8b860',
    warningWash: '#362a14',
    success: '#7cc993',
    data: '#6d757e',
    dataQuiet: '#454b51',
    worse: '#ec8fb0',
    better: '#57c2cc',
    shadow: '0 4px 16px rgba(0, 0, 0, 0.5)',
    importance: ['#4a2c68', '#8e4a86', '#d2727f', '#f2ab87', '#fce6cf'],
    series: ['#8b929a', '#57c2cc', '#ec8fb0', '#e8b860', '#b48ad6', '#7cc993'],
  },
};

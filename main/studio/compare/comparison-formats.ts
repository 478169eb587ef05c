import type { Comparison } from './comparison.ts';
import { toHtml } from './comparison-page.ts';
import { toCsv, toMarkdown } from './comparison-text.ts';
import type { WrittenComparison } from './written-comparison.ts';

/** The forms in which a comparison is handed on, from the window and the command line alike. */
export const comparisonFormats = {
  markdown: (_, written) => toMarkdown(written),
  csv: (comparison) => toCsv(comparison),
  html: toHtml,
} as const satisfies Readonly<Record<string, (comparison: Comparison, written: WrittenComparison) => string>>;

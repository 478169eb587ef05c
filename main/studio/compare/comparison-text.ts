import type { Comparison } from './comparison.ts';
import { comparisonWords } from './comparison-words.ts';
import {
  labelOf,
  protocolOf,
  type WrittenCell,
  type WrittenComparison,
  type WrittenRow,
} from './written-comparison.ts';

/** Rows of cells for tables of any form: a head, then a line a number. */
export interface PlainTable {
  readonly head: readonly string[];
  readonly body: readonly (readonly string[])[];
}

/** Before a difference, so that it is not told by colour alone. */
export const arrows = { better: '▲', worse: '▼', same: '=' } as const;

/** The numbers, each with its difference; an arrow up is for the better. */
export function numbersTable({ models, rows }: WrittenComparison): PlainTable {
  return {
    head: ['', ...models.map(({ name, role }) => `${name} (${role})`)],
    body: rows.map((row) => [fullLabel(row), ...row.cells.map(cellText)]),
  };
}

/** The keys in which recipes differ. */
export function recipesTable({ words, recipes }: WrittenComparison): PlainTable {
  return {
    head: [words.key, ...recipes.runs.map(({ name }) => name)],
    body: recipes.differences.map(({ key, values }) => [key, ...values.map((value) => value ?? '–')]),
  };
}

/** Names and places of what was printed elsewhere, one a line. */
export function sourcesOf({ models }: WrittenComparison): string[] {
  return models.flatMap(({ name, source }) => (source === null ? [] : [`${name}: ${source}`]));
}

export function toMarkdown(written: WrittenComparison): string {
  const { words } = written;
  const recipes = recipesTable(written);
  const sources = sourcesOf(written);
  return [
    `# ${words.title}`,
    '',
    words.against,
    '',
    `## ${words.numbers}`,
    '',
    markdownTable(numbersTable(written)),
    ...written.notes.flatMap((note) => ['', mark(note)]),
    ...(recipes.body.length > 0 ? ['', `## ${words.recipes}`, '', markdownTable(recipes)] : []),
    ...(sources.length > 0
      ? ['', `## ${words.published}`, '', ...sources.map((source) => `- ${mark(source)}`)]
      : []),
    '',
  ].join('\n');
}

/** RFC 4180, numbers in full, with a point for decimals: a line a number and model. */
export function toCsv({ models, rows }: Comparison): string {
  const words = comparisonWords('en');
  const lines = rows.flatMap((row) =>
    row.cells.map(({ value, error, change, verdict, isOfPruned }, i) => [
      labelOf(row, words),
      protocolOf(row, words),
      row.unit,
      models[i].name,
      models[i].role,
      value,
      error,
      change,
      verdict,
      isOfPruned ? 'pruned' : '',
      models[i].source,
    ]),
  );
  const head = 'measure,protocol,unit,model,role,value,error,change,verdict,measured_on,source'.split(',');
  return [head, ...lines].map((line) => `${line.map(csvCell).join(',')}\r\n`).join('');
}

function csvCell(value: string | number | null): string {
  if (typeof value === 'number') return String(value);
  const text = value ?? '';
  // A spreadsheet takes such a text for a formula.
  const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function fullLabel({ label, protocol }: WrittenRow): string {
  return protocol === '' ? label : `${label} (${protocol})`;
}

function cellText({ value, change, verdict }: WrittenCell): string {
  return change === '' ? value : `${value} ${verdict === null ? '' : arrows[verdict]}${change}`;
}

function markdownTable({ head, body }: PlainTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(mark).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...body.map(line)].join('\n');
}

/** A name is shown as it is written, whatever it holds. */
const mark = (text: string): string => text.replace(/[\\`*_|<>[\]]/g, '\\$&').replace(/\s+/g, ' ');

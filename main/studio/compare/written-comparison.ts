import type { MeasureUnit, Verdict } from '../../../preload/forms/measures.ts';
import type { ComparedModel, Comparison, ComparisonCell, ComparisonRow } from './comparison.ts';
import type { ComparisonWords } from './comparison-words.ts';

/** A cell as a person reads it. */
export interface WrittenCell {
  readonly value: string;
  /** Against the baseline; empty where there is nothing to say. */
  readonly change: string;
  readonly verdict: Verdict | null;
}

export interface WrittenRow {
  readonly label: string;
  readonly protocol: string;
  readonly cells: readonly WrittenCell[];
}

/** A comparison in the words and digits of a language: what every written form of it is made of. */
export interface WrittenComparison {
  readonly words: ComparisonWords;
  readonly models: readonly {
    readonly name: string;
    readonly role: string;
    readonly source: string | null;
  }[];
  readonly rows: readonly WrittenRow[];
  /** What the signs in the rows mean, as far as they are there. */
  readonly notes: readonly string[];
  readonly recipes: Comparison['recipes'];
}

export function writeComparison(comparison: Comparison, words: ComparisonWords): WrittenComparison {
  const { models, baseline, rows, recipes } = comparison;
  return {
    words,
    models: models.map((model) => ({
      name: model.name,
      role: roleOf(model, baseline, words),
      source: model.source,
    })),
    rows: rows.map((row) => ({
      label: labelOf(row, words),
      protocol: protocolOf(row, words),
      cells: row.cells.map((cell) => writeCell(row, cell, words)),
    })),
    notes: notesOn(rows, words),
    recipes,
  };
}

function notesOn(rows: readonly ComparisonRow[], words: ComparisonWords): string[] {
  const cells = rows.flatMap((row) => row.cells);
  return [
    ...(rows.some(({ kind }) => kind === 'task') ? [words.counted] : []),
    ...(cells.some(({ isOfPruned }) => isOfPruned) ? [words.ofPruned] : []),
    ...(cells.some(({ change, verdict }) => change !== null && verdict === null) ? [words.unjudged] : []),
  ];
}

/** How a row's numbers were measured, and what tells it from others that were measured so. */
export function protocolOf(
  { protocol, apart }: Pick<ComparisonRow, 'protocol' | 'apart'>,
  words: ComparisonWords,
): string {
  return [...(protocol === null ? [] : [words.protocol(protocol)]), ...(apart === '' ? [] : [apart])].join(
    ' · ',
  );
}

/** What a row is called, without its protocol. */
export function labelOf(
  { kind, subject }: Pick<ComparisonRow, 'kind' | 'subject'>,
  words: ComparisonWords,
): string {
  if (kind === 'task') return subject;
  return subject === '' ? words.kinds[kind] : `${words.kinds[kind]}, ${subject}`;
}

function roleOf({ key, role }: ComparedModel, baseline: string | null, words: ComparisonWords): string {
  return key === baseline ? `${words.roles[role]}, ${words.baseline}` : words.roles[role];
}

function writeCell({ unit }: ComparisonRow, cell: ComparisonCell, words: ComparisonWords): WrittenCell {
  const { value, error, change, verdict, isOfPruned } = cell;
  if (value === null) return { value: '–', change: '', verdict: null };
  const spread = error === null ? '' : ` ± ${formats[unit](error)}`;
  return {
    value: `${formats[unit](value)}${spread}${isOfPruned ? ' †' : ''}`,
    change: change === null ? '' : writeChange(unit, change, words),
    verdict,
  };
}

function writeChange(unit: MeasureUnit, change: number, words: ComparisonWords): string {
  const percent = (100 * change).toFixed(1);
  const amount = percent.replace('-', '');
  const sign = /[1-9]/.test(amount) ? (change > 0 ? '+' : '−') : '±';
  return unit === 'share' ? `${sign}${amount} ${words.points}` : `${sign}${amount} %`;
}

/** 6738415616 as 6.738 B. */
function scaled(
  value: number,
  units: readonly (readonly [from: number, unit: string])[],
  digits: number,
): string {
  const [from, unit] = units.find(([least]) => value >= least) ?? [1, ''];
  return `${(value / from).toFixed(unit === '' ? 0 : digits)}${unit === '' ? '' : ` ${unit}`}`;
}

const formats: Readonly<Record<MeasureUnit, (value: number) => string>> = {
  count: (value) =>
    scaled(
      value,
      [
        [1e9, 'B'],
        [1e6, 'M'],
      ],
      3,
    ),
  macs: (value) =>
    scaled(
      value,
      [
        [1e9, 'G'],
        [1e6, 'M'],
      ],
      2,
    ),
  bytes: (value) =>
    scaled(
      value,
      [
        [2 ** 30, 'GiB'],
        [2 ** 20, 'MiB'],
        [2 ** 10, 'KiB'],
      ],
      2,
    ),
  perplexity: (value) => value.toPrecision(5),
  share: (value) => `${(100 * value).toFixed(2)} %`,
  'per-second': (value) => value.toPrecision(4),
  factor: (value) => `${value.toFixed(2)} ×`,
  ms: (value) => `${value.toPrecision(4)} ms`,
};

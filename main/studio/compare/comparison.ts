import type { LayerShape } from '../../engine/families/family.ts';
import type { Measure, MeasureKind, MeasureSubject } from './measure.ts';
import { recipeDifferences, type RecipeDifference } from './recipe-differences.ts';
import type { ComparedRun, RunRole, Subject } from './subject.ts';

export type Verdict = 'better' | 'worse' | 'same';

export interface ComparisonCell {
  readonly value: number | null;
  readonly error: number | null;
  /** Against the baseline: relative, and for shares the difference itself; null for the baseline, and without it. */
  readonly change: number | null;
  readonly verdict: Verdict | null;
}

export interface ComparisonRow extends MeasureSubject {
  readonly cells: readonly ComparisonCell[];
}

export interface ComparedModel {
  readonly key: string;
  readonly name: string;
  readonly role: Subject['role'];
  readonly source: string | null;
  readonly runId: string | null;
  readonly layers: readonly LayerShape[] | null;
}

/** Models next to each other: every number that one of them has, with what it is against the baseline. */
export interface Comparison {
  readonly models: readonly ComparedModel[];
  readonly baseline: string | null;
  readonly rows: readonly ComparisonRow[];
  readonly recipes: {
    readonly runs: readonly { readonly runId: string; readonly name: string }[];
    readonly differences: readonly RecipeDifference[];
  };
}

/** What is compared, and against which; a baseline that is not there leaves the choice to the comparison. */
export interface Comparands {
  readonly runs: readonly ComparedRun[];
  /** The roles to show of each run, in the order of the runs; null: all. */
  readonly roles: readonly (readonly RunRole[] | null)[];
  readonly models: readonly Subject[];
  readonly published: readonly Subject[];
  readonly baseline: string | null;
}

const kinds: readonly MeasureKind[] = [
  'parameters',
  'macs',
  'weights',
  'memory',
  'perplexity',
  'task',
  'task-average',
  'peak-memory',
  'prefill-speed',
  'decode-speed',
  'prefill-latency',
  'decode-latency',
  'prefill-speedup',
  'decode-speedup',
];

export function compare({ runs, roles, models, published, baseline }: Comparands): Comparison {
  const shown = runs.flatMap(({ subjects }, i) =>
    subjects.filter(({ role }) => roles[i] === null || roles[i].some((wanted) => wanted === role)),
  );
  const subjects = named([...mergeOriginals(shown), ...models, ...published]);
  const base =
    subjects.find(({ key }) => key === baseline) ??
    subjects.find(({ role }) => role === 'original') ??
    subjects.at(0);
  return {
    models: subjects.map(({ key, name, role, source, runId, layers }) => ({
      key,
      name,
      role,
      source,
      runId,
      layers,
    })),
    baseline: base?.key ?? null,
    rows: rowsOf(subjects).map((row) => ({
      ...row,
      cells: subjects.map((subject) => cellOf(row, subject, base)),
    })),
    recipes: {
      runs: runs.map(({ runId, name }) => ({ runId, name })),
      differences: runs.length > 1 ? recipeDifferences(runs) : [],
    },
  };
}

/** Runs of one model have one original: it stands there once, with all that the runs measured of it. */
function mergeOriginals(subjects: readonly Subject[]): Subject[] {
  const merged: Subject[] = [];
  for (const subject of subjects) {
    const at = merged.findIndex((other) => isSameOriginal(other, subject));
    if (at < 0) merged.push(subject);
    else merged[at] = { ...merged[at], measures: unionOf(merged[at].measures, subject.measures) };
  }
  // The originals first: everything else is read against them.
  return [
    ...merged.filter(({ role }) => role === 'original'),
    ...merged.filter(({ role }) => role !== 'original'),
  ];
}

/** The same folder, and no number that says otherwise: its files may have changed between two runs. */
function isSameOriginal(one: Subject, other: Subject): boolean {
  if (one.role !== 'original' || other.role !== 'original' || one.folder !== other.folder) return false;
  return one.measures.every(({ id, value }) => {
    const same = other.measures.find((measure) => measure.id === id);
    return same === undefined || same.value === value;
  });
}

function unionOf(measures: readonly Measure[], more: readonly Measure[]): Measure[] {
  const known = new Set(measures.map(({ id }) => id));
  return [...measures, ...more.filter(({ id }) => !known.has(id))];
}

/** Models that go by one name are numbered. */
function named(subjects: readonly Subject[]): Subject[] {
  const seen = new Map<string, number>();
  return subjects.map((subject) => {
    const title = `${subject.name} ${subject.role}`;
    const number = (seen.get(title) ?? 0) + 1;
    seen.set(title, number);
    return number === 1 ? subject : { ...subject, name: `${subject.name} #${number}` };
  });
}

/** A row for each number that a model has; kinds in their order, protocols as they come. */
function rowsOf(subjects: readonly Subject[]): MeasureSubject[] {
  const rows = new Map<string, MeasureSubject>();
  for (const { measures } of subjects) {
    for (const { id, kind, subject, protocol, unit, better } of measures) {
      if (!rows.has(id)) rows.set(id, { id, kind, subject, protocol, unit, better });
    }
  }
  return [...rows.values()].sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
}

function cellOf(row: MeasureSubject, subject: Subject, base: Subject | undefined): ComparisonCell {
  const measure = subject.measures.find(({ id }) => id === row.id);
  if (measure === undefined) return { value: null, error: null, change: null, verdict: null };
  const { value, error } = measure;
  const reference = base === subject ? undefined : base?.measures.find(({ id }) => id === row.id);
  if (reference === undefined || measure.isNoisy) return { value, error, change: null, verdict: null };
  return {
    value,
    error,
    change: row.unit === 'share' ? value - reference.value : value / reference.value - 1,
    verdict: verdictOf(row, measure, reference),
  };
}

/** Within two standard errors of the difference, measured numbers do not differ. */
const errorsApart = 2;

function verdictOf({ better }: MeasureSubject, measure: Measure, reference: Measure): Verdict {
  const difference = measure.value - reference.value;
  const error = Math.hypot(measure.error ?? 0, reference.error ?? 0);
  if (difference === 0 || Math.abs(difference) < errorsApart * error) return 'same';
  return difference < 0 === (better === 'lower') ? 'better' : 'worse';
}

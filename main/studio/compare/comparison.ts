import type { LayerShape } from '../../engine/families/family.ts';
import { measureKinds, type Verdict } from '../../../preload/forms/measures.ts';
import type { Measure, MeasureSubject } from './measure.ts';
import { recipeDifferences, type RecipeDifference } from './recipe-differences.ts';
import type { ComparedRun, RunRole, Subject } from './subject.ts';

export interface ComparisonCell {
  readonly value: number | null;
  readonly error: number | null;
  /** Against the baseline: relative, and for shares the difference itself; null for the baseline, and without it. */
  readonly change: number | null;
  /** null too where a difference of two such numbers says nothing certain. */
  readonly verdict: Verdict | null;
  /** Measured on the run's pruned model, which has the same widths. */
  readonly isOfPruned: boolean;
}

export interface ComparisonRow extends MeasureSubject {
  /** What tells the row from others that would be called the same; empty where none would. */
  readonly apart: string;
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

export function compare({ runs, roles, models, published, baseline }: Comparands): Comparison {
  const shown = runs.flatMap(({ subjects }, i) =>
    subjects.filter(({ role }) => roles[i] === null || roles[i].some((wanted) => wanted === role)),
  );
  const subjects = named([...mergeSame([...shown, ...models]), ...published]);
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

/** A model that several runs share, or that was named beside its run, stands there once, with all that is known of it. */
function mergeSame(subjects: readonly Subject[]): Subject[] {
  const merged: Subject[] = [];
  for (const subject of subjects) {
    const at = merged.findIndex((other) => isSameModel(other, subject));
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
function isSameModel(one: Subject, other: Subject): boolean {
  if (one.folder === null || one.folder !== other.folder) return false;
  if (one.role !== other.role && one.role !== 'model' && other.role !== 'model') return false;
  return one.measures.every(({ id, value, isNoisy }) => {
    const same = other.measures.find((measure) => measure.id === id);
    return same === undefined || same.value === value || isNoisy;
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

type Row = MeasureSubject & { readonly apart: string };

/** A row for each number that a model has: kinds in their order, protocols of one number beside each other. */
function rowsOf(subjects: readonly Subject[]): Row[] {
  const rows = new Map<string, MeasureSubject>();
  for (const { measures } of subjects) {
    for (const { id, kind, subject, protocol, unit, better, marks } of measures) {
      if (!rows.has(id)) rows.set(id, { id, kind, subject, protocol, unit, better, marks });
    }
  }
  const all = besideEachOther([...rows.values()]);
  const called = new Map<string, MeasureSubject[]>();
  for (const row of all) {
    const name = JSON.stringify([row.kind, row.subject, row.protocol]);
    called.set(name, [...(called.get(name) ?? []), row]);
  }
  const apart = new Map([...called.values()].flatMap(tellApart));
  return all.map((row) => ({ ...row, apart: apart.get(row.id) ?? '' }));
}

/** By kind, then by subject and metric, each where it comes first. */
function besideEachOther(rows: readonly MeasureSubject[]): MeasureSubject[] {
  const metricOf = ({ protocol }: MeasureSubject): string =>
    (protocol?.about === 'tasks' ? protocol.metric : null) ?? '';
  const subjects = [...new Set(rows.map(({ kind, subject }) => `${kind} ${subject}`))];
  const metrics = [...new Set(rows.map((row) => `${row.subject} ${metricOf(row)}`))];
  return [...rows].sort(
    (a, b) =>
      measureKinds.indexOf(a.kind) - measureKinds.indexOf(b.kind) ||
      subjects.indexOf(`${a.kind} ${a.subject}`) - subjects.indexOf(`${b.kind} ${b.subject}`) ||
      metrics.indexOf(`${a.subject} ${metricOf(a)}`) - metrics.indexOf(`${b.subject} ${metricOf(b)}`),
  );
}

/** Of rows that are called the same: those of their marks in which they differ. */
function tellApart(rows: readonly MeasureSubject[]): [id: string, apart: string][] {
  if (rows.length === 1) return [];
  const places = Array.from({ length: Math.max(...rows.map(({ marks }) => marks.length)) }, (_, i) => i);
  const differing = places.filter((i) => new Set(rows.map(({ marks }) => marks[i])).size > 1);
  const texts = rows.map(({ marks }) =>
    differing
      .map((i) => marks[i])
      .filter(Boolean)
      .join(', '),
  );
  const isTold = new Set(texts).size === rows.length;
  return rows.map(({ id }, i) => [id, isTold ? texts[i] : `${texts[i]} #${i + 1}`.trim()]);
}

function cellOf(row: Pick<Row, 'id' | 'unit'>, subject: Subject, base: Subject | undefined): ComparisonCell {
  const measure = subject.measures.find(({ id }) => id === row.id);
  if (measure === undefined)
    return { value: null, error: null, change: null, verdict: null, isOfPruned: false };
  const { value, error, isOfPruned = false } = measure;
  const reference = base === subject ? undefined : base?.measures.find(({ id }) => id === row.id);
  if (reference === undefined) return { value, error, change: null, verdict: null, isOfPruned };
  return {
    value,
    error,
    change: row.unit === 'share' ? value - reference.value : value / reference.value - 1,
    verdict: measure.isNoisy ? null : verdictOf(measure, reference),
    isOfPruned,
  };
}

/** Within two standard errors of the difference, measured numbers do not differ. */
const errorsApart = 2;

function verdictOf(measure: Measure, reference: Measure): Verdict {
  const difference = measure.value - reference.value;
  const error = Math.hypot(
    measure.error ?? 0,
    reference.error ?? 0,
    (measure.ratioError ?? 0) * reference.value,
    (reference.ratioError ?? 0) * reference.value,
  );
  if (difference === 0 || Math.abs(difference) < errorsApart * error) return 'same';
  return difference < 0 === (measure.better === 'lower') ? 'better' : 'worse';
}

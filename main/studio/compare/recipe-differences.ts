import type { ComparedRun } from './subject.ts';

export interface RecipeDifference {
  /** The recipe's own key, such as prune.ratio. */
  readonly key: string;
  /** In the order of the runs; null where the recipe does not have the key. */
  readonly values: readonly (string | null)[];
}

/** The keys in which recipes differ, in the recipe's order. */
export function recipeDifferences(runs: readonly Pick<ComparedRun, 'recipe'>[]): RecipeDifference[] {
  const written = runs.map(({ recipe }) => new Map(entriesOf(recipe)));
  const keys = [...new Set(written.flatMap((entries) => [...entries.keys()]))];
  return keys
    .map((key) => ({ key, values: written.map((entries) => entries.get(key) ?? null) }))
    .filter(({ values }) => new Set(values).size > 1);
}

/** Leaves of a tree by their dotted keys; lists are one value each. */
function entriesOf(tree: unknown, prefix = ''): [key: string, value: string][] {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    return [[prefix, typeof tree === 'string' ? tree : JSON.stringify(tree)]];
  }
  return Object.entries(tree).flatMap(([key, value]) =>
    value === undefined ? [] : entriesOf(value, prefix === '' ? key : `${prefix}.${key}`),
  );
}

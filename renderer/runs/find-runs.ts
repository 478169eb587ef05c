import type { RunSummary } from '../../preload/contract.ts';
import { finalPerplexity } from '../recovery/recovered-models.ts';
import { inWorkingOrder } from '../studio/working-order.ts';

/** What the list can be sorted by. */
export type RunColumn = 'name' | 'state' | 'ratio' | 'parameters' | 'perplexity' | 'size' | 'created';

export interface RunOrder {
  readonly by: RunColumn;
  readonly isFalling: boolean;
}

/** What a run goes by: the name that a person gave it, or its model's. */
export function titleOf({ annotation, modelName }: Pick<RunSummary, 'annotation' | 'modelName'>): string {
  return annotation.name ?? modelName;
}

/**
 * The runs in which every word of `search` occurs, in any letter case: in name, model, criterion, tags or note.
 * @param judgedBy As the screen writes a run's criterion; its id is searched as well.
 */
export function searchRuns(
  runs: readonly RunSummary[],
  search: string,
  judgedBy: (run: RunSummary) => string,
): RunSummary[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter((run) => {
    const { name, modelName, criterion, annotation } = run;
    const { name: given, tags, note } = annotation;
    const text = [name, modelName, criterion, judgedBy(run), given, ...tags, note].join('\n').toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/**
 * Sorted by a column, runs without a value last; without an order, as they are worked off.
 * @param perplexityId The protocol of the perplexities in sight: those of others are no values.
 */
export function sortRuns(
  runs: readonly RunSummary[],
  order: RunOrder | null,
  perplexityId: string | null,
): RunSummary[] {
  const inOrder = inWorkingOrder(runs);
  if (order === null) return inOrder;
  const direction = order.isFalling ? -1 : 1;
  const keyed = inOrder.map((run) => ({ run, key: keys[order.by](run, perplexityId) }));
  return keyed
    .sort((a, b) => {
      if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
      return direction * compareKeys(a.key, b.key);
    })
    .map(({ run }) => run);
}

type Key = string | number;

const keys: Readonly<Record<RunColumn, (run: RunSummary, perplexityId: string | null) => Key | null>> = {
  name: titleOf,
  state: ({ state }) => state,
  ratio: ({ ratio }) => ratio,
  parameters: ({ report }) => report?.after.parameters ?? null,
  perplexity: ({ report, perplexityProtocol }, perplexityId) =>
    report && perplexityProtocol?.id === perplexityId ? finalPerplexity(report) : null,
  size: ({ sizeBytes }) => sizeBytes,
  created: ({ createdAt }) => createdAt,
};

function compareKeys(a: Key, b: Key): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
}

import { keepHighest } from './select.ts';

/**
 * What a query head of every KV head is worth, the least of each first: one unit for as many heads as a KV head has.
 * Equally many go of each, so which head it is, every KV head decides by itself.
 * @param scores One a query head that is there, those of a KV head one after the other.
 */
export function scoresByRank(scores: readonly number[], kvHeads: number): number[] {
  const groups = inGroups(scores, kvHeads).map((group) => [...group].sort((a, b) => a - b));
  return groups[0].map((_, rank) => groups.reduce((sum, group) => sum + group[rank], 0));
}

/**
 * The `count` query heads of every KV head with the highest scores.
 * @param there Query heads that are there, ascending, in indices of the original.
 */
export function highestOfEach(
  there: readonly number[],
  scores: readonly number[],
  kvHeads: number,
  count: number,
): number[] {
  const scoresOf = inGroups(scores, kvHeads);
  return inGroups(there, kvHeads).flatMap((heads, kv) =>
    keepHighest(scoresOf[kv], heads.length - count).map((i) => heads[i]),
  );
}

function inGroups<T>(all: readonly T[], groups: number): T[][] {
  const size = all.length / groups;
  return Array.from({ length: groups }, (_, i) => all.slice(i * size, (i + 1) * size));
}

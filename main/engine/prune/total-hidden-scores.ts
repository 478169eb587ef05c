import type { Aggregation } from './aggregate.ts';
import type { NetworkPart } from './hidden-group.ts';

/** What the hidden indices are worth to a part of the network; `network` where nothing but the whole is scored. */
export interface HiddenScores {
  readonly part: NetworkPart | 'network';
  /** How many members of the group were put together. */
  readonly members: number;
  /** One a hidden index: of its members there, put together as far as they are (docs/method.md, Channel-wise). */
  readonly hidden: readonly number[];
}

/**
 * The scores of all parts as one. Parts count in the network's order, so that it makes no difference in which they were
 * scored.
 * @param expected Those that there must be, in that order.
 * @throws RangeError where a part is missing.
 */
export function totalHiddenScores(
  parts: readonly HiddenScores[],
  expected: readonly Pick<HiddenScores, 'part'>[],
  aggregation: Aggregation,
): number[] {
  const whole = parts.find(({ part }) => part === 'network');
  const ordered = whole ? [whole] : expected.map(({ part }) => partNamed(parts, part));
  const { join } = joiningOf(aggregation);
  const total = ordered.map(({ hidden }) => hidden).reduce((a, b) => a.map((score, i) => join(score, b[i])));
  const members = ordered.reduce((count, part) => count + part.members, 0);
  return aggregation === 'mean' ? total.map((score) => score / members) : [...total];
}

/** Parts in the network's order. */
export function inNetworkOrder<T extends Pick<HiddenScores, 'part'>>(parts: readonly T[]): T[] {
  const place = ({ part }: T): number =>
    typeof part === 'number' ? part : part === 'embedding' ? -1 : Infinity;
  return parts.toSorted((a, b) => place(a) - place(b));
}

function partNamed(parts: readonly HiddenScores[], name: HiddenScores['part']): HiddenScores {
  const found = parts.find(({ part }) => part === name);
  if (found) return found;
  throw new RangeError(`The part ${name} of the network has no scores.`);
}

/**
 * How the scores of members are put together, one after the other. A product of hundreds of them has no floating-point
 * number, so its logarithm is taken: the order is the same.
 */
export function joiningOf(aggregation: Aggregation): {
  readonly of: (score: number) => number;
  readonly join: (a: number, b: number) => number;
} {
  const of = (score: number): number =>
    aggregation === 'prod' ? Math.log(Math.max(score, Number.MIN_VALUE)) : score;
  return { of, join: aggregation === 'max' ? Math.max : (a, b) => a + b };
}

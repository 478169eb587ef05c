import type { GroupMember } from '../derive/groups.ts';
import { aggregations, type Aggregation } from './aggregate.ts';
import type { LayerGroup } from './layer-groups.ts';

/**
 * How a query projection's scores are brought to the length of its KV heads' under GQA. `correct` adds each KV
 * head's own query heads; `published` pairs query head h with KV head h mod G, as the published code does
 * (docs/method.md, Groups: a defect kept for comparison).
 */
export type GqaFold = 'correct' | 'published';

/**
 * Scores of a group's units from its members' scores: each member is folded to the root's channels, the members are
 * aggregated channel by channel, and a unit's score is the sum over its channels (docs/method.md, Scores).
 * @param members Scores by index of each scored member's dimension.
 */
export function unitScores(
  group: LayerGroup,
  members: readonly ArrayLike<number>[],
  aggregation: Aggregation,
  fold: GqaFold,
): number[] {
  const { units, unitSize, scored, second } = group;
  const folded = members.map((scores, i) => foldToRoot(scored[i], scores, group, fold));
  const scores = new Array<number>(units).fill(0);
  for (let channel = 0; channel < units * unitSize; channel++) {
    const combined = aggregations[aggregation](
      folded.map((member) => member[channel]),
      second,
    );
    scores[Math.floor(channel / unitSize)] += combined;
  }
  return scores;
}

/** A member's scores added up to one a channel of the root, units one after the other. [units · unitSize] */
function foldToRoot(
  member: GroupMember,
  scores: ArrayLike<number>,
  { units, unitSize }: LayerGroup,
  fold: GqaFold,
): Float64Array {
  const folded = new Float64Array(units * unitSize);
  const seen = new Array<number>(units).fill(0);
  let place = 0;
  member.unitOf.forEach((unit, i) => {
    if (unit < 0) return;
    const channel =
      fold === 'correct' ? unit * unitSize + (seen[unit]++ % unitSize) : place++ % folded.length;
    folded[channel] += scores[i];
  });
  return folded;
}

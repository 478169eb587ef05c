/** The units of one layer's heads or channels as a global ranking sees them. */
export interface RankedUnits {
  /** One a unit that is there. */
  readonly scores: readonly number[];
  /** Units that stay whatever they score. */
  readonly pinned: ReadonlySet<number>;
  /** Parameters of a unit, and what it takes of the goal. */
  readonly unitParameters: number;
  readonly unitCost: number;
  readonly least: number;
  readonly most: number;
  /** Units that go together. */
  readonly step: number;
}

/** Units that go together: single ones, or as many as keep a width a multiple. */
interface Step {
  readonly of: number;
  readonly units: readonly number[];
  readonly cost: number;
  readonly worth: number;
}

/**
 * Units that stay, ascending: those with the lowest score a parameter go, until what stays costs at most `room`; then
 * those that went last come back where they still have room, so that one more anywhere would be too much. Of equal
 * worth the earlier goes first. null where the least widths do not fit.
 */
export function keepGlobally(ranked: readonly RankedUnits[], room: number): number[][] | null {
  const gone = ranked.map(
    ({ scores, pinned, most }) => new Set(fallingOut(scores, pinned).slice(0, scores.length - most)),
  );
  const steps = ranked.flatMap(stepsOf).sort((a, b) => a.worth - b.worth || a.of - b.of);
  let cost = ranked.reduce(
    (sum, { scores, unitCost }, i) => sum + (scores.length - gone[i].size) * unitCost,
    0,
  );
  const taken: Step[] = [];
  for (const step of steps) {
    if (cost <= room) break;
    taken.push(step);
    for (const unit of step.units) gone[step.of].add(unit);
    cost -= step.cost;
  }
  if (cost > room) return null;
  for (const step of taken.reverse()) {
    if (cost + step.cost > room) continue;
    for (const unit of step.units) gone[step.of].delete(unit);
    cost += step.cost;
  }
  return ranked.map(({ scores }, i) => indicesBut(scores.length, gone[i]));
}

/**
 * As the published code does: all scores in one list, k = units there - int(original units · (1 - ratio)), and what is
 * not above the k-th smallest goes; where nothing would be left of a layer's heads or channels, they stay as they are.
 * @param originalUnits Units of all of them before any pruning.
 */
export function keepGloballyAsPublished(
  ranked: readonly Pick<RankedUnits, 'scores' | 'pinned'>[],
  originalUnits: number,
  ratio: number,
): number[][] {
  const every = ranked.flatMap(({ scores }) => scores).sort((a, b) => a - b);
  const k = every.length - Math.trunc(originalUnits * (1 - ratio));
  const threshold = k > 0 ? every[k - 1] : -Infinity;
  return ranked.map(({ scores, pinned }) => {
    const above = scores.flatMap((score, i) => (score > threshold ? [i] : []));
    if (above.length === 0) return scores.map((_, i) => i);
    return scores.flatMap((score, i) => (score > threshold || pinned.has(i) ? [i] : []));
  });
}

/** Units by rising score, without those that are pinned; of equal scores the lower index first. */
function fallingOut(scores: readonly number[], pinned: ReadonlySet<number>): number[] {
  const units = scores.map((_, i) => i).filter((i) => !pinned.has(i));
  return units.sort((a, b) => scores[a] - scores[b] || a - b);
}

function stepsOf(ranked: RankedUnits, of: number): Step[] {
  const { scores, pinned, unitParameters, unitCost, least, most, step } = ranked;
  const order = fallingOut(scores, pinned);
  const steps: Step[] = [];
  for (let at = scores.length - most; at + step <= scores.length - least; at += step) {
    const units = order.slice(at, at + step);
    const score = units.reduce((sum, unit) => sum + scores[unit], 0);
    steps.push({ of, units, cost: step * unitCost, worth: score / (step * unitParameters) });
  }
  return steps;
}

const indicesBut = (count: number, gone: ReadonlySet<number>): number[] =>
  Array.from({ length: count }, (_, i) => i).filter((i) => !gone.has(i));

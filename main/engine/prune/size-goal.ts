import { EngineError } from '../errors.ts';
import type { SizeTarget } from './prune-settings.ts';
import type { Size, StructureCosts } from './structure-costs.ts';
import type { Selection, Structures } from './structures.ts';

/** The size that a pruned model may have at most. */
export interface SizeGoal {
  readonly measure: keyof Size;
  readonly size: number;
  /** Whether it is what a ratio comes to. */
  readonly isRatio?: true;
}

/**
 * What a target allows; under the scope `global` what a ratio does, which is then a part of the parameters of all that is
 * free. null where a ratio is no size.
 * @throws EngineError target-out-of-reach where the model is that small already.
 */
export function sizeGoal(
  { total, layers }: StructureCosts,
  structures: readonly Structures[],
  { target, scope, ratio }: Selection,
): SizeGoal | null {
  if (target) return targetGoal(target, total);
  if (scope !== 'global') return null;
  const free = structures.filter(({ cut }) => cut === 'free');
  const removable = free.reduce(
    (sum, { layer, unit, units }) => sum + units * layers[layer][unit].parameters,
    0,
  );
  return {
    measure: 'parameters',
    size: total.parameters - removable + Math.trunc(removable * (1 - ratio)),
    isRatio: true,
  };
}

function targetGoal(target: SizeTarget, total: Size): SizeGoal {
  const goal: SizeGoal =
    'bytes' in target
      ? { measure: 'bytes', size: target.bytes }
      : {
          measure: 'parameters',
          size:
            'parameters' in target
              ? target.parameters
              : Math.floor((total.parameters * target.percent) / 100),
        };
  const now = total[goal.measure];
  if (goal.size < now) return goal;
  throw new EngineError(
    'target-out-of-reach',
    `prune.target asks for at most ${inWords(goal, goal.size)}, and the model has ${inWords(goal, now)} as it is.`,
    { target: goal.size, size: now },
    'Choose a smaller target.',
  );
}

/** What a selection's goal is measured in. */
export const measureOf = ({ target }: Selection): keyof Size =>
  target && 'bytes' in target ? 'bytes' : 'parameters';

/** What a unit of structures takes. */
export const unitCost = (
  { layer, unit }: Structures,
  { layers }: StructureCosts,
  measure: keyof Size,
): number => layers[layer][unit][measure];

/** The error for a goal of which `least` is as near as the selection can come. */
export function unreachable(goal: SizeGoal, least: number, { total }: StructureCosts): EngineError {
  const percent = ((100 * least) / total[goal.measure]).toFixed(1);
  return new EngineError(
    'target-out-of-reach',
    `${goal.isRatio ? 'prune.ratio' : 'prune.target'} asks for at most ${inWords(goal, goal.size)}, but these layers leave ${inWords(goal, least)} (${percent} %) at least.`,
    { target: goal.size, reachable: least },
    `Choose ${goal.isRatio ? 'a smaller ratio' : 'a larger target'}, widen the windows in prune.layers, or take back edits that hold layers fast.`,
  );
}

const inWords = ({ measure }: SizeGoal, size: number): string =>
  `${size.toLocaleString('en-US')} ${measure === 'bytes' ? 'bytes of weights' : 'parameters'}`;

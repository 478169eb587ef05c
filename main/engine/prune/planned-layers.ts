import type { ModelConfig } from '../families/family.ts';
import type { PlannedWidths } from './planned-widths.ts';
import { removedUnits } from './select.ts';
import { sizeGoal, unreachable, type SizeGoal } from './size-goal.ts';
import type { StructureCosts } from './structure-costs.ts';
import type { Selection } from './structures.ts';

/** What layer mode will leave: which layers go is known for `last` alone; how many, from config.json. */
export function plannedLayers(
  config: ModelConfig,
  costs: StructureCosts,
  selection: Selection,
): Omit<PlannedWidths, 'hiddenSize'> {
  const dropped = droppedLayers(config, costs, selection, lastFirst(config));
  return {
    layers: config.layers.map((shape, layer) => (dropped.has(layer) ? null : shape)),
    ratio: selection.target ? dropped.size / config.layers.length : selection.ratio,
    awaitsScores: selection.drop !== 'last',
  };
}

/** The order in which `last` drops layers, as the published code does, which keeps the first ones. */
export const lastFirst = ({ layers }: ModelConfig): number[] => layers.map((_, i) => layers.length - 1 - i);

/**
 * The layers that go: so many that the ratio is met, or the target; one stays at least.
 * @param order Layers, those that shall go first.
 * @throws EngineError target-out-of-reach.
 */
export function droppedLayers(
  config: ModelConfig,
  costs: StructureCosts,
  selection: Selection,
  order: readonly number[],
): ReadonlySet<number> {
  const { edits, ratio } = selection;
  const isHeld = (layer: number): boolean =>
    edits !== undefined && [edits.exclude.attention, edits.exclude.mlp].some((held) => held.includes(layer));
  const free = order.filter((layer) => !isHeld(layer));
  const most = Math.min(free.length, config.layers.length - 1);
  const goal = sizeGoal(costs, [], selection);
  if (!goal) return new Set(free.slice(0, Math.min(most, removedUnits(config.layers.length, 1, ratio))));
  return droppedTo(goal, free.slice(0, most), costs, selection.drop !== 'last');
}

/** Drops layers until the goal is met; where layers differ in size, those that still have room come back. */
function droppedTo(
  goal: SizeGoal,
  order: readonly number[],
  costs: StructureCosts,
  mayComeBack: boolean,
): ReadonlySet<number> {
  const sizeOf = (layer: number): number => costs.layers[layer].whole[goal.measure];
  const dropped: number[] = [];
  let size = costs.total[goal.measure];
  for (const layer of order) {
    if (size <= goal.size) break;
    dropped.push(layer);
    size -= sizeOf(layer);
  }
  if (size > goal.size) throw unreachable(goal, size, costs);
  const gone = new Set(dropped);
  for (const layer of mayComeBack ? dropped.reverse() : []) {
    if (size + sizeOf(layer) > goal.size) continue;
    gone.delete(layer);
    size += sizeOf(layer);
  }
  return gone;
}

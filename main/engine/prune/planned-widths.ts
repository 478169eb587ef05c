import type { LayerShape, ModelConfig, NetworkShape } from '../families/family.ts';
import { requireEdits } from './edits.ts';
import { fitWidths, keptAt, type Tied } from './fit-widths.ts';
import { plannedLayers } from './planned-layers.ts';
import { measureOf, sizeGoal, unitCost, unreachable, type SizeGoal } from './size-goal.ts';
import type { StructureCosts } from './structure-costs.ts';
import { prunesQueryHeads, structuresOf, type Selection, type Structures } from './structures.ts';
import { tiedOverLayers } from './uniform-widths.ts';

/** What a selection will leave, before anything is scored. */
export interface PlannedWidths {
  readonly hiddenSize: number;
  /** null: the layer goes. */
  readonly layers: readonly (LayerShape | null)[];
  /** The ratio asked for, or the one that a target came to. */
  readonly ratio: number;
  /**
   * Whether scores decide which layers have which widths: these are then estimates. The size stands all the same, but
   * under the published scope, where it is one too.
   */
  readonly awaitsScores: boolean;
}

/** The network of the layers that stay. */
export const shapeOfWidths = ({ hiddenSize, layers }: PlannedWidths): NetworkShape => ({
  hiddenSize,
  layers: layers.filter((layer) => layer !== null),
});

/**
 * The widths that a selection leaves, from config.json alone.
 * @param share How much of the way there: t/T in step t of T.
 * @throws EngineError target-out-of-reach, edits-invalid, combination-unsupported.
 */
export function plannedWidths(
  config: ModelConfig,
  costs: StructureCosts,
  selection: Selection,
  share = 1,
): PlannedWidths {
  const { hiddenSize, layers } = config;
  if (selection.edits) requireEdits(selection.edits, config);
  if (selection.mode === 'none') return { hiddenSize, layers, ratio: selection.ratio, awaitsScores: false };
  if (selection.mode === 'layer') return { hiddenSize, ...plannedLayers(config, costs, selection) };
  if (selection.mode === 'channel') return { layers, ...plannedHidden(config, costs, selection, share) };
  const { kept, ratio } = structuresKept(config, costs, selection, share);
  return {
    hiddenSize,
    layers: layers.map((shape, i) => shapeOfUnits(shape, kept[2 * i], kept[2 * i + 1], selection)),
    ratio,
    awaitsScores: selection.scope !== undefined,
  };
}

/** A layer with so many units of attention and so many channels. */
function shapeOfUnits(shape: LayerShape, units: number, mlpWidth: number, { unit }: Selection): LayerShape {
  const { heads, kvHeads } = shape;
  return prunesQueryHeads(shape, unit)
    ? { kvHeads, heads: units * kvHeads, mlpWidth }
    : { kvHeads: units, heads: (units * heads) / kvHeads, mlpWidth };
}

/** Units that stay of every layer's structures, in the order of `structuresOf`. */
function structuresKept(
  config: ModelConfig,
  costs: StructureCosts,
  selection: Selection,
  share: number,
): { readonly kept: number[]; readonly ratio: number } {
  const structures = structuresOf(config, selection);
  const goal = sizeGoal(costs, structures, selection);
  const measure = measureOf(selection);
  const kept = structures.map((one) => fixedWidth(one, share));
  const cuttables = selection.uniform
    ? tiedOverLayers(config, structures, costs, measure)
    : structures.flatMap((one, i) =>
        one.cut === 'free' ? [{ ...one, unitCost: unitCost(one, costs, measure), members: [i] }] : [],
      );
  const free = goal
    ? fitted(cuttables, structures, costs, goal, share)
    : { widths: cuttables.map((one) => keptAt(one, share * selection.ratio)), ratio: selection.ratio };
  cuttables.forEach(({ members }, i) => {
    for (const member of members) kept[member] = free.widths[i];
  });
  return { kept, ratio: selection.target ? free.ratio : selection.ratio };
}

/** Of what is cut by a ratio of its own, or not at all. */
export function fixedWidth(structures: Structures, share: number): number {
  const { cut, ratio = 0, units } = structures;
  return cut === 'fixed' ? keptAt(structures, share * ratio) : units;
}

function fitted(
  cuttables: readonly Tied[],
  structures: readonly Structures[],
  costs: StructureCosts,
  goal: SizeGoal,
  share: number,
): { readonly widths: number[]; readonly ratio: number } {
  const free = new Set(cuttables.flatMap(({ members }) => members));
  // What the free structures take as they are, and what the others lose.
  const rest = structures.reduce((size, one, i) => {
    const lost = free.has(i) ? one.units : one.units - fixedWidth(one, 1);
    return size - lost * unitCost(one, costs, goal.measure);
  }, costs.total[goal.measure]);
  const found = fitWidths(cuttables, goal.size - rest);
  if (found === null) {
    const least = cuttables.reduce((size, one) => size + one.least * one.unitCost, rest);
    throw unreachable(goal, least, costs);
  }
  const widths = cuttables.map(({ units }, i) => units - Math.trunc(share * (units - found.kept[i])));
  return { widths, ratio: found.ratio };
}

function plannedHidden(
  { hiddenSize }: ModelConfig,
  costs: StructureCosts,
  selection: Selection,
  share: number,
): { readonly hiddenSize: number; readonly ratio: number; readonly awaitsScores: false } {
  const goal = sizeGoal(costs, [], selection);
  const step = hiddenSize >= (selection.round ?? 1) ? (selection.round ?? 1) : 1;
  const unit = costs.hidden[measureOf(selection)];
  const hidden = {
    units: hiddenSize,
    unitSize: 1,
    unitCost: unit,
    least: step,
    most: hiddenSize - (hiddenSize % step),
    step,
  };
  if (!goal) {
    const { ratio } = selection;
    return { hiddenSize: keptAt(hidden, share * ratio), ratio, awaitsScores: false };
  }
  const rest = costs.total[goal.measure] - hiddenSize * unit;
  const found = fitWidths([hidden], goal.size - rest);
  if (found === null) throw unreachable(goal, rest + hidden.least * unit, costs);
  const removed = Math.trunc(share * (hiddenSize - found.kept[0]));
  return { hiddenSize: hiddenSize - removed, ratio: found.ratio, awaitsScores: false };
}

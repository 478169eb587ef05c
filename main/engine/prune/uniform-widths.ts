import { EngineError } from '../errors.ts';
import type { ModelConfig } from '../families/family.ts';
import type { StructureKind } from './layer-groups.ts';
import type { Tied } from './fit-widths.ts';
import { unitCost } from './size-goal.ts';
import type { Size, StructureCosts } from './structure-costs.ts';
import type { Structures } from './structures.ts';

/**
 * The heads of all layers as one that is cut, and their channels as another: a unit of it is one in every layer.
 * @throws EngineError combination-unsupported where some layers are cut and others not, or widths would still differ.
 */
export function tiedOverLayers(
  { layers }: ModelConfig,
  structures: readonly Structures[],
  costs: StructureCosts,
  measure: keyof Size,
): Tied[] {
  const perKvHead = new Set(layers.map(({ heads, kvHeads }) => heads / kvHeads));
  if (perKvHead.size > 1) {
    throw notUniform(
      'the layers of this model differ in query heads a key-value head',
      {},
      'Leave out prune.uniform.',
    );
  }
  return (['attention', 'mlp'] as const).flatMap((kind) => tied(kind, structures, costs, measure));
}

function tied(
  kind: StructureKind,
  structures: readonly Structures[],
  costs: StructureCosts,
  measure: keyof Size,
): Tied[] {
  const members = structures.flatMap((one, i) => (one.kind === kind ? [i] : []));
  const all = members.map((i) => structures[i]);
  const whole = all.filter(({ cut }) => cut !== 'free').map(({ layer }) => layer);
  const isSame = new Set(all.map(({ units }) => units)).size === 1;
  if (whole.length === all.length && isSame) return [];
  if (whole.length > 0) {
    throw notUniform(
      `${kind} of ${whole.length === 1 ? 'layer' : 'layers'} ${whole.join(', ')} would be left as it is`,
      { kind, layer: whole[0] },
      `Set prune.layers.${kind} to [0, ${all.length}], or null, and take edits of single layers back.`,
    );
  }
  if (new Set(all.map(({ unitSize }) => unitSize)).size > 1) {
    throw notUniform(
      `the layers of this model differ in ${kind === 'attention' ? 'key-value heads' : 'channels a unit'}`,
      { kind },
      'Leave out prune.uniform, or set prune.unit to group.',
    );
  }
  const units = Math.min(...all.map((one) => one.units));
  const [{ unitSize, step }] = all;
  return [
    {
      units,
      unitSize,
      unitCost: all.reduce((sum, one) => sum + unitCost(one, costs, measure), 0),
      least: Math.max(...all.map(({ least }) => least)),
      most: units - (units % step),
      step,
      members,
    },
  ];
}

function notUniform(why: string, facts: Record<string, string | number>, hint: string): EngineError {
  return new EngineError(
    'combination-unsupported',
    `prune.uniform gives all layers the same widths, but ${why}.`,
    facts,
    hint,
  );
}

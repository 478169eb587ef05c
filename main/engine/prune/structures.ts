import type { LayerShape, ModelConfig } from '../families/family.ts';
import type { StructureKind } from './layer-groups.ts';
import type { LocalSelection } from './plan.ts';
import type { AttentionUnit, SelectionOptions } from './prune-settings.ts';
import type { UnitKind } from './structure-costs.ts';
import { inWindow } from './windows.ts';

/** All that says how what goes is chosen. */
export type Selection = LocalSelection & SelectionOptions;

/** The heads or the channels of a layer, and what a selection may do to them. */
export interface Structures {
  readonly layer: number;
  readonly kind: StructureKind;
  readonly unit: UnitKind;
  readonly units: number;
  /** Channels of a unit: head_dim, as many for every KV head where one of each goes, or 1. */
  readonly unitSize: number;
  /** How many go: as the rest of the model does; by a ratio of the layer's own; none. */
  readonly cut: 'free' | 'fixed' | 'none';
  /** The layer's own ratio, of fixed ones. */
  readonly ratio?: number;
  /** Units of the original that stay whatever they score. */
  readonly pinned: readonly number[];
  readonly least: number;
  readonly most: number;
  readonly step: number;
}

/** The structures of every layer: attention of layer 0, MLP of layer 0, attention of layer 1, and so on. */
export function structuresOf(config: ModelConfig, selection: Selection): Structures[] {
  return config.layers.flatMap((shape, layer) => [
    structures(layer, 'attention', attentionUnits(shape, config.headDim, selection.unit), selection),
    structures(layer, 'mlp', { unit: 'mlp', units: shape.mlpWidth, unitSize: 1 }, selection),
  ]);
}

/** Whether query heads go without their KV head: where each has one of its own, they do not. */
export const prunesQueryHeads = ({ heads, kvHeads }: LayerShape, unit: AttentionUnit = 'group'): boolean =>
  unit === 'query-head' && heads > kvHeads;

type Units = Pick<Structures, 'unit' | 'units' | 'unitSize'>;

function attentionUnits(shape: LayerShape, headDim: number, unit: AttentionUnit | undefined): Units {
  const { heads, kvHeads } = shape;
  return prunesQueryHeads(shape, unit)
    ? { unit: 'queryHeads', units: heads / kvHeads, unitSize: kvHeads * headDim }
    : { unit: 'attention', units: kvHeads, unitSize: headDim };
}

function structures(
  layer: number,
  kind: StructureKind,
  { unit, units, unitSize }: Units,
  { windows, edits, round }: Selection,
): Structures {
  const pinned = (kind === 'attention' && edits?.keep.heads[layer]) || [];
  // A width below one step cannot be made a multiple of it: it stays as it is.
  const step = kind === 'attention' || round === undefined || units < round ? 1 : round;
  const isCut = kind === 'attention' || round === undefined || units >= round;
  const ratio = edits?.ratios[kind][layer];
  const isFree = inWindow(layer, windows[kind]) && edits?.exclude[kind].includes(layer) !== true;
  const own = ratio === undefined ? (isFree ? 'free' : 'none') : ratio === 0 ? 'none' : 'fixed';
  return {
    layer,
    kind,
    unit,
    units,
    unitSize,
    cut: isCut ? own : 'none',
    ...(ratio !== undefined && { ratio }),
    pinned,
    least: Math.max(step, pinned.length),
    most: units - (units % step),
    step,
  };
}

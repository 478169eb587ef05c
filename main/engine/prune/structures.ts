import type { ModelConfig } from '../families/family.ts';
import type { StructureKind } from './layer-groups.ts';
import type { LocalSelection } from './plan.ts';
import type { SelectionOptions } from './prune-settings.ts';
import { inWindow } from './windows.ts';

/** All that says how what goes is chosen. */
export type Selection = LocalSelection & SelectionOptions;

/** The heads or the channels of a layer, and what a selection may do to them. */
export interface Structures {
  readonly layer: number;
  readonly kind: StructureKind;
  readonly units: number;
  /** Channels of a unit: head_dim, or 1. */
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
    structures(layer, 'attention', shape.kvHeads, config.headDim, selection),
    structures(layer, 'mlp', shape.mlpWidth, 1, selection),
  ]);
}

function structures(
  layer: number,
  kind: StructureKind,
  units: number,
  unitSize: number,
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

import type { RunDetail, RunSummary } from '../../preload/contract.ts';
import { isByBlock } from '../plan/plan-modes.ts';
import { mapLayers, type LayerWindows, type MapLayer } from './map-layers.ts';

/**
 * A run's map: its widths, and once its detail was read what it found important, what went, and what a person decided.
 * @param windows Of the report, or of the recipe while there is none; they have a meaning for blocks alone.
 */
export function mapOfRun(
  run: Pick<RunSummary, 'layers'>,
  windows: LayerWindows | null,
  detail: Pick<RunDetail, 'settings' | 'scores' | 'kept'> | null,
): MapLayer[] {
  if (detail === null) return mapLayers(run.layers, null);
  const { prune } = detail.settings;
  return mapLayers(run.layers, isByBlock(prune) ? windows : null, detail, prune.edits);
}

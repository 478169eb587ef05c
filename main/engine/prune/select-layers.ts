import type { ModelConfig } from '../families/family.ts';
import type { LayerInfluence } from './block-influence.ts';
import { wholeLayer, type PrunePlan } from './plan.ts';
import { droppedLayers } from './planned-layers.ts';
import type { StructureCosts } from './structure-costs.ts';
import type { Selection } from './structures.ts';

/** Layers by how little they change what goes through them; of equal ones the earlier first. */
export function leastInfluenceFirst(influences: readonly LayerInfluence[]): number[] {
  return influences
    .toSorted((a, b) => a.influence - b.influence || a.layer - b.layer)
    .map(({ layer }) => layer);
}

/** Whole layers go, in the order given; what stays is as it was. @throws EngineError target-out-of-reach. */
export function selectLayers(
  config: ModelConfig,
  costs: StructureCosts,
  selection: Selection,
  order: readonly number[],
): PrunePlan {
  const dropped = droppedLayers(config, costs, selection, order);
  return { layers: config.layers.map((shape, layer) => (dropped.has(layer) ? null : wholeLayer(shape))) };
}

import type { PlanPreview, PruneSettings } from '../../preload/contract.ts';
import { askedPlan } from '../plan/plan-modes.ts';
import { useAsked, type Asked } from './use-asked.ts';

/** Long enough to skip what a moving slider passes over, too short to be noticed. */
const debounceMs = 40;

/**
 * What the settings come to, following them as they change.
 * @param scoresOf A run whose scores tell which structures go, where they are of the same kind.
 */
export function usePlanPreview(
  modelId: string | undefined,
  prune: PruneSettings,
  scoresOf: string | null,
): Asked<PlanPreview> {
  const request = modelId === undefined ? null : { modelId, prune: askedPlan(prune), scoresOf };
  return useAsked('plan:preview', request, modelId ?? '', debounceMs);
}

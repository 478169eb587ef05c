import type { PruneSettings } from '../../preload/contract.ts';
import type { RecoverSettings, TrainingForecast, TrainingPreview } from '../../preload/recovery-contract.ts';
import { useAsked, type Asked } from '../wizard/use-asked.ts';

/** A process of its own reads the file, so typing is waited out. */
const previewDebounceMs = 300;
/** Measuring takes the machine for some seconds. */
const forecastDebounceMs = 800;

/** The rows of the training data as they would be trained. */
export function useTrainingPreview(
  modelId: string | undefined,
  recover: RecoverSettings,
): Asked<TrainingPreview> {
  const request = modelId === undefined || recover.dataId === null ? null : { modelId, recover };
  return useAsked('recovery:preview', request, `${modelId} ${recover.dataId}`, previewDebounceMs);
}

/** How long the training would take, by measuring a layer. */
export function useTrainingForecast(
  modelId: string | undefined,
  prune: PruneSettings,
  recover: RecoverSettings,
): Asked<TrainingForecast> {
  const request = modelId === undefined || recover.dataId === null ? null : { modelId, prune, recover };
  return useAsked('recovery:estimate', request, `${modelId} ${recover.dataId}`, forecastDebounceMs);
}

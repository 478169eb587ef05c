import type {
  CalibrationSettings,
  EvaluationSettings,
  TextMeasure,
  TextPreview,
} from '../../preload/contract.ts';
import { useAsked, type Asked } from './use-asked.ts';

/** A text is read by a process of its own, so typing is waited out. */
const debounceMs = 250;

/** The rows a run would draw from the calibration text, with their tokens. */
export function useTextPreview(
  modelId: string | undefined,
  calibration: CalibrationSettings,
): Asked<TextPreview> {
  const { sourceId } = calibration;
  const request = modelId === undefined || sourceId === null ? null : { modelId, calibration };
  return useAsked('text:preview', request, `${modelId} ${sourceId}`, debounceMs);
}

/** How much of the evaluation text would be measured. */
export function useTextMeasure(
  modelId: string | undefined,
  evaluation: EvaluationSettings,
): Asked<TextMeasure> {
  const { textId } = evaluation;
  const request = modelId === undefined || textId === null ? null : { modelId, evaluation };
  return useAsked('text:measure', request, `${modelId} ${textId}`, debounceMs);
}

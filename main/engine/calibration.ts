import { needsData, type Criterion } from './criteria/criterion.ts';
import { criterionNamed } from './criteria/index.ts';
import { calibrationRows } from './dataset/token-rows.ts';
import { EngineError } from './errors.ts';
import { requireRoomFor, tokenSource } from './measure-model.ts';
import type { RunSettings } from './run.ts';
import type { Model } from './runtime/model.ts';

/** Whether a run leaves a pruned model; others recover or measure the model as it is. */
export const isPruning = ({ prune, recover }: RunSettings): boolean =>
  prune.mode !== 'none' && recover?.alone !== true;

/** @throws EngineError recipe-invalid where the criterion needs data and none is named. */
export function requireCalibrationSource(settings: RunSettings): void {
  const { prune, calibration } = settings;
  const criterion = criterionNamed(prune.criterion);
  if (!isPruning(settings) || calibration.source !== null || !needsData(criterion)) return;
  throw new EngineError(
    'recipe-invalid',
    `The criterion ${criterion.id} needs calibration data, but calibration.source is not set.`,
    { criterion: criterion.id },
    'Name a text or JSONL file in calibration.source, or choose a criterion that needs no data.',
  );
}

/** The rows to calibrate on; none where the criterion needs none. */
export async function calibrationOf(
  criterion: Criterion,
  settings: RunSettings,
  model: Model,
): Promise<number[][]> {
  const { source } = settings.calibration;
  if (source === null || !isPruning(settings) || !needsData(criterion)) return [];
  const rows = await calibrationRows(await tokenSource(source, model), settings.calibration);
  requireRoomFor(longest(rows), model, settings.memory);
  return rows;
}

const longest = (rows: readonly (readonly number[])[]): number =>
  rows.reduce((most, row) => Math.max(most, row.length), 0);

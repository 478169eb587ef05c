import { join } from 'node:path';
import { writeFileAtomic } from './checkpoint/atomic-file.ts';
import { needsData } from './criteria/criterion.ts';
import { criterionNamed } from './criteria/index.ts';
import { calibrationRows } from './dataset/token-rows.ts';
import { EngineError } from './errors.ts';
import { requireRoomFor, tokenSource } from './measure-model.ts';
import { runFiles } from './run-stages.ts';
import type { RunSettings } from './run.ts';
import type { Model } from './runtime/model.ts';

/** Whether a run leaves a pruned model; others recover or measure the model as it is. */
export const isPruning = ({ prune, recover }: RunSettings): boolean =>
  prune.mode !== 'none' && recover?.alone !== true;

/** @throws EngineError recipe-invalid where the criterion needs data and none is named. */
export function requireCalibrationSource(settings: RunSettings): void {
  const { prune, calibration } = settings;
  const criterion = criterionNamed(prune.criterion);
  if (calibration.source !== null || !readsCalibration(settings)) return;
  const what = prune.mode === 'layer' ? 'The influence of layers' : `The criterion ${criterion.id}`;
  throw new EngineError(
    'recipe-invalid',
    `${what} needs calibration data, but calibration.source is not set.`,
    { criterion: criterion.id },
    `Name a text, JSONL or Parquet file in calibration.source, or choose ${prune.mode === 'layer' ? 'prune.drop: last' : 'a criterion that needs no data'}.`,
  );
}

/** Whether what goes is chosen by what the model makes of data. */
function readsCalibration(settings: RunSettings): boolean {
  const { mode, drop, criterion } = settings.prune;
  if (!isPruning(settings)) return false;
  return mode === 'layer' ? drop !== 'last' : needsData(criterionNamed(criterion));
}

/** What one step of a run calibrates on. */
export interface CalibrationSet {
  /** Token ids. */
  readonly rows: readonly (readonly number[])[];
  /** Of each row, 1 where a token is to be predicted; null: all but the first. */
  readonly learnt: readonly Uint8Array[] | null;
  /** The same as a person reads them; null where the source holds token ids. */
  readonly texts: readonly string[] | null;
}

/** The rows to calibrate on, drawn anew for every step; none where the criterion needs none. */
export async function calibrationOf(settings: RunSettings, model: Model): Promise<CalibrationSet[]> {
  const { calibration, prune, memory } = settings;
  const draws = Array.from({ length: prune.steps ?? 1 }, (_, draw) => draw);
  if (calibration.source === null || !readsCalibration(settings))
    return draws.map(() => ({ rows: [], learnt: null, texts: null }));
  const source = await tokenSource(calibration.source, model);
  const tokenizer = source.documents.kind === 'ids' ? null : await source.tokenizer();
  const sets: CalibrationSet[] = [];
  for (const draw of draws) {
    const { rows, learnt } = await calibrationRows(source, calibration, draw);
    requireRoomFor(longest(rows), model, memory);
    sets.push({ rows, learnt, texts: tokenizer && rows.map((row) => tokenizer.decode(row)) });
  }
  return sets;
}

const longest = (rows: readonly (readonly number[])[]): number =>
  rows.reduce((most, row) => Math.max(most, row.length), 0);

/** Keeps what a run calibrates on beside its results, as JSONL that can be a run's calibration.source again. */
export async function keepCalibration(folder: string, sets: readonly CalibrationSet[]): Promise<void> {
  const lines = sets.flatMap(({ rows, learnt, texts }, step) =>
    rows.map((ids, i) => ({
      ...(sets.length > 1 && { step: step + 1 }),
      ...(texts && { text: texts[i] }),
      input_ids: ids,
      ...(learnt && { labels: ids.map((id, at) => (learnt[i][at] === 1 ? id : -100)) }),
    })),
  );
  if (lines.length === 0) return;
  const content = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await writeFileAtomic(join(folder, runFiles.calibration), content);
}

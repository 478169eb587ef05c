import { join } from 'node:path';
import { EngineError } from '../engine/errors.ts';
import { openForReading, readBytes } from '../engine/checkpoint/read-bytes.ts';
import { runFiles } from '../engine/run.ts';

/** One window that a run was calibrated on. */
export interface CalibrationText {
  /** null where the source held token ids, which no text was made of. */
  readonly text: string | null;
  readonly tokens: number;
  /** From 1; null where the run pruned in one step. */
  readonly step: number | null;
}

export interface CalibrationTexts {
  readonly samples: readonly CalibrationText[];
  /** Whether the file holds more than these. */
  readonly hasMore: boolean;
}

/** A screen's worth and more; what is beyond is in the file. */
const maxSamples = 200;
const maxBytes = 4 * 2 ** 20;
/** Of one window: it may have tens of thousands of tokens. */
const maxTextLength = 4000;

/** The first windows in calibration.jsonl; null where a run has none, since it reads no text or has not got there. */
export async function readCalibrationTexts(folder: string): Promise<CalibrationTexts | null> {
  const path = join(folder, runFiles.calibration);
  const head = await headOf(path);
  if (head === null) return null;
  const lines = head.text.split('\n');
  // What is behind the last newline is nothing, or a line that is cut.
  lines.pop();
  const samples = lines.slice(0, maxSamples).map((line, i) => sampleOf(line, path, i + 1));
  return { samples, hasMore: head.isCut || lines.length > maxSamples };
}

async function headOf(path: string): Promise<{ readonly text: string; readonly isCut: boolean } | null> {
  try {
    const { handle, sizeBytes } = await openForReading(path);
    try {
      const bytes = await readBytes(handle, path, 0, Math.min(sizeBytes, maxBytes));
      return { text: new TextDecoder().decode(bytes), isCut: sizeBytes > maxBytes };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof EngineError && error.code === 'file-missing') return null;
    throw error;
  }
}

/** @throws EngineError row-invalid for a line that the studio did not write. */
function sampleOf(line: string, path: string, number: number): CalibrationText {
  const row = parsed(line);
  if (row !== null && Array.isArray(row['input_ids'])) {
    const { text, step } = row;
    return {
      text: typeof text === 'string' ? text.slice(0, maxTextLength) : null,
      tokens: row['input_ids'].length,
      step: typeof step === 'number' ? step : null,
    };
  }
  throw new EngineError(
    'row-invalid',
    `${path}, line ${number}: expected an object with input_ids.`,
    { path, line: number },
    'The file was changed since the run wrote it.',
  );
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

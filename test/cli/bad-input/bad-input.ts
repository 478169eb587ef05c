import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ErrorCode } from '../../../main/engine/errors.ts';
import { goldenForward, goldenModelFolder } from '../../fixtures/golden-files.ts';
import { writeRows } from '../../fixtures/random-model.ts';

/** One thing that is wrong, and what a person is told of it. */
export interface BadInput {
  readonly what: string;
  readonly code: ErrorCode;
  /** A piece of the sentence. */
  readonly sentence: string | RegExp;
  /** Makes the input in an empty folder; gives the arguments, in which `out` is the run folder, if any. */
  readonly arrange: (folder: string) => Promise<readonly string[]>;
  /** Whether only the run itself can find out: its folder is left, without a model. */
  readonly foundByRun?: true;
}

export const setting = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`]);

/** A copy of a golden model, to be spoilt. */
export async function copiedModel(folder: string, name = 'gqa'): Promise<string> {
  const model = path.join(folder, 'model');
  await cp(goldenModelFolder(name), model, { recursive: true });
  return model;
}

/** The arguments of a run of `model` on golden rows of ids, with further settings. */
export async function runOf(
  folder: string,
  model: string,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<string[]> {
  const source = await writeRows(path.join(folder, 'rows.jsonl'), goldenForward('gqa').inputIds);
  const all = { model, 'calibration.source': source, ...settings };
  return ['run', ...setting(all), '--out', path.join(folder, 'out')];
}

export async function changeJson(file: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
  const known = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...known, ...changes }));
}

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, readError } from '../../checkpoint/file-errors.ts';
import { hashFile } from '../../checkpoint/hash-file.ts';
import { invalidRow, readDataFile } from '../../dataset/records.ts';
import { EngineError } from '../../errors.ts';
import { columnOf, type ColumnKind, type Task } from './task.ts';
import type { TemplateValues } from './template.ts';

/** A row of a data set, and where it stands, for errors. */
export interface TaskRow {
  readonly path: string;
  readonly place: string;
  readonly values: TemplateValues;
}

/** The files that a task's questions, and its examples where there are any, are read from. */
export interface TaskFiles {
  readonly questions: readonly string[];
  /** Empty where no examples are asked for. */
  readonly examples: readonly string[];
}

/**
 * Finds the data of tasks in a folder, each in the hub's layout.
 * @throws EngineError file-missing naming what was expected where, of every task at once.
 */
export async function findTaskData(
  tasks: readonly Task[],
  folder: string,
  fewShot: number,
): Promise<TaskFiles[]> {
  const missing: string[] = [];
  const filesOf = async (task: Task, split: string): Promise<string[]> => {
    for (const place of task.dataset.folders) {
      const found = await splitFiles(join(folder, ...place.split('/')), split);
      if (found.length > 0) return found;
    }
    missing.push(`${task.dataset.folders[0]}/${split}-00000-of-00001.parquet (or ${split}.jsonl)`);
    return [];
  };
  const found: TaskFiles[] = [];
  for (const task of tasks) {
    const questions = await filesOf(task, task.dataset.split);
    const examples = fewShot > 0 ? await filesOf(task, task.dataset.fewShotSplit) : [];
    found.push({ questions, examples });
  }
  if (missing.length === 0) return found;
  throw new EngineError(
    'file-missing',
    `${folder} lacks the data of ${missing.length === 1 ? 'a task' : 'tasks'}. Expected there: ${missing.join('; ')}.`,
    { folder, missing },
    'Put each data set there as the hub has it: a folder of its name with Parquet or JSONL files that are named after the split.',
  );
}

/**
 * Files of a split: named after it in the folder or in its data/, or anything in a folder of the split's name.
 * @throws EngineError row-invalid where Parquet and JSONL lie side by side: which is meant is not to be told.
 */
async function splitFiles(folder: string, split: string): Promise<string[]> {
  const named = new RegExp(`(^|[^a-z])${split}([^a-z]|$)`, 'i');
  const isNamed = (name: string): boolean => named.test(name);
  const files = [
    ...(await dataFilesIn(folder, isNamed)),
    ...(await dataFilesIn(join(folder, 'data'), isNamed)),
    ...(await dataFilesIn(join(folder, split), () => true)),
  ];
  const kinds = new Set(files.map((file) => file.slice(file.lastIndexOf('.')).toLowerCase()));
  if (kinds.size <= 1) return files;
  throw new EngineError(
    'row-invalid',
    `${folder} holds the split "${split}" more than once: ${files.join(', ')}.`,
    { folder, files },
    'Keep either the Parquet or the JSONL files.',
  );
}

async function dataFilesIn(folder: string, wanted: (name: string) => boolean): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw readError(error, folder);
  });
  return names
    .filter((name) => /\.(parquet|jsonl)$/i.test(name) && wanted(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * The rows of a task's files, one file after the other, each with the columns that the task names.
 * @throws EngineError as readDataFile; row-invalid naming file, row and column.
 */
export async function readTaskRows(task: Task, paths: readonly string[]): Promise<TaskRow[]> {
  const rows: TaskRow[] = [];
  for (const path of paths) {
    const file = await readDataFile(path);
    if (file.kind !== 'records') throw new RangeError(`${path} holds no rows.`);
    for (const { place, value } of file.records)
      rows.push({ path, place, values: checkedRow(task, path, place, value) });
  }
  return rows;
}

/** sha256 over the sha256 of each file. */
export async function hashOfFiles(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(await hashFile(path));
  return hash.digest('hex');
}

function checkedRow(task: Task, path: string, place: string, value: unknown): TemplateValues {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidRow(path, place, 'an object', value);
  const row = plain(value) as Record<string, unknown>;
  for (const [column, kind] of Object.entries(task.columns)) {
    const found = columnOf(row, column);
    if (!fits[kind](found)) {
      throw invalidRow(path, place, `"${column}" (${kindWords[kind]})`, found);
    }
  }
  return row;
}

const kindWords: Readonly<Record<ColumnKind, string>> = {
  text: 'a text',
  texts: 'a list of texts',
  index: 'a whole number from 0',
};

const fits: Readonly<Record<ColumnKind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  texts: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  index: (value) => Number.isInteger(value) && (value as number) >= 0,
};

/** Parquet's 64-bit integers as numbers, and truth values as 0 and 1, as the hub's label columns have them. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

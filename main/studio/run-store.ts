import { appendFile, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { makeFolder, writeFileAtomic } from '../engine/checkpoint/atomic-file.ts';
import { errnoOf, readError, writeError } from '../engine/checkpoint/file-errors.ts';
import { readJsonFile } from '../engine/checkpoint/read-json.ts';
import { EngineError, type ErrorCode } from '../engine/errors.ts';
import { runFiles, type RunReport, type RunSettings, type RunStage } from '../engine/run.ts';
import { checkRecipe, formatRecipe, type Recipe } from './recipe.ts';
import { resolvedRecipe } from './resolve-recipe.ts';
import type { RunIdentity } from './run-identity.ts';

/** What happened in a run, one line of events.jsonl each. */
export type RunEvent =
  | { readonly type: 'started' | 'resumed' | 'finished' | 'cancelled' }
  | { readonly type: 'stage'; readonly stage: RunStage }
  | {
      readonly type: 'progress';
      readonly stage: RunStage;
      readonly fraction: number;
      readonly timeLeftMs: number | null;
    }
  | { readonly type: 'metric'; readonly name: string; readonly value: number }
  | { readonly type: 'warning'; readonly message: string }
  | {
      readonly type: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint?: string;
    };

export type TimedRunEvent = RunEvent & { readonly time: string };

/** How far a run has come, by its folder alone. */
export type RunState = 'finished' | 'failed' | 'cancelled' | 'interrupted';

/** A run as its folder holds it. */
export interface StoredRun {
  readonly folder: string;
  readonly recipe: Recipe;
  readonly settings: RunSettings;
  readonly identity: RunIdentity;
  readonly state: RunState;
  readonly lastStage: RunStage | undefined;
}

const files = {
  recipe: 'recipe.yaml',
  settings: 'settings.json',
  events: 'events.jsonl',
  log: 'log.txt',
} as const;
const maxFileBytes = 64 * 2 ** 20;

/**
 * Makes a run's folder: recipe.yaml with every default written out, settings.json with every choice made.
 * @throws EngineError run-folder-occupied where something else lies in the folder.
 */
export async function createRun(
  folder: string,
  recipe: Recipe,
  settings: RunSettings,
  identity: RunIdentity,
): Promise<StoredRun> {
  await requireFree(folder);
  await makeFolder(folder);
  await writeFileAtomic(join(folder, files.recipe), formatRecipe(resolvedRecipe(recipe, settings)));
  await writeFileAtomic(join(folder, files.settings), `${JSON.stringify({ identity, settings }, null, 2)}\n`);
  return openRun(folder);
}

/**
 * Opens a run's folder, whatever instant it was left at.
 * @throws EngineError run-folder-invalid where it holds no run.
 */
export async function openRun(folder: string): Promise<StoredRun> {
  const recipe = await readFile(join(folder, files.recipe), 'utf8').catch(() => undefined);
  const stored = await readIfThere(join(folder, files.settings));
  if (recipe === undefined || stored === undefined) {
    throw new EngineError(
      'run-folder-invalid',
      `${folder} holds no run: ${recipe === undefined ? files.recipe : files.settings} is not there.`,
      { folder },
      'Name the folder that a run printed as its place.',
    );
  }
  const { identity, settings } = stored as { identity: RunIdentity; settings: RunSettings };
  const events = await readEvents(folder);
  return {
    folder,
    recipe: checkRecipe(parse(recipe), join(folder, files.recipe)),
    settings,
    identity,
    state: stateAfter(events),
    lastStage: events.findLast((event) => event.type === 'stage')?.stage,
  };
}

/** The run in `folder`, or undefined where the folder is missing or empty. */
export async function findRun(folder: string): Promise<StoredRun | undefined> {
  return (await isFree(folder)) ? undefined : openRun(folder);
}

export async function appendEvent(folder: string, event: RunEvent): Promise<void> {
  await append(
    join(folder, files.events),
    `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`,
  );
}

/** @returns the line as it was written, with its time. */
export async function appendLog(folder: string, line: string): Promise<string> {
  const timed = `${new Date().toISOString()} ${line}`;
  await append(join(folder, files.log), `${timed}\n`);
  return timed;
}

/** The events of a run; a torn last line, left by a kill, is dropped, from the file as well. */
export async function readEvents(folder: string): Promise<TimedRunEvent[]> {
  const path = join(folder, files.events);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return '';
    throw readError(error, path);
  });
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) await truncate(path, Buffer.byteLength(whole));
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TimedRunEvent);
}

export async function readReport(folder: string): Promise<RunReport> {
  return (await readJsonFile(join(folder, runFiles.report), { maxBytes: maxFileBytes })) as RunReport;
}

function stateAfter(events: readonly RunEvent[]): RunState {
  const last = events.findLast(({ type }) =>
    ['started', 'resumed', 'finished', 'failed', 'cancelled'].includes(type),
  );
  return last?.type === 'finished' || last?.type === 'failed' || last?.type === 'cancelled'
    ? last.type
    : 'interrupted';
}

async function requireFree(folder: string): Promise<void> {
  if (await isFree(folder)) return;
  throw new EngineError(
    'run-folder-occupied',
    `${folder} is not empty.`,
    { folder },
    'Name another folder with --out, or go on with a run that lies there: llm-pruner resume DIR',
  );
}

async function isFree(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    if (errnoOf(error) === 'ENOTDIR') return false;
    throw readError(error, folder);
  }
}

async function append(path: string, text: string): Promise<void> {
  await appendFile(path, text).catch((error: unknown) => {
    throw writeError(error, path);
  });
}

async function readIfThere(path: string): Promise<unknown> {
  return readJsonFile(path, { maxBytes: maxFileBytes }).catch((error: unknown) => {
    if (error instanceof EngineError && error.code === 'file-missing') return undefined;
    throw error;
  });
}

import { createReadStream } from 'node:fs';
import { appendFile, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../engine/checkpoint/atomic-file.ts';
import { isPruning } from '../engine/calibration.ts';
import { errnoOf, readError, writeError } from '../engine/checkpoint/file-errors.ts';
import { readJsonFile } from '../engine/checkpoint/read-json.ts';
import { EngineError, type ErrorCode } from '../engine/errors.ts';
import {
  runFiles,
  type RunReport,
  type RunSettings,
  type RunStage,
  type TrainingEvent,
} from '../engine/run.ts';
import { checkRecipe, formatRecipe, parseYaml, type Recipe } from './recipe.ts';
import { resolvedRecipe } from './resolve-recipe.ts';
import type { RunIdentity } from './run-identity.ts';
import { checkStored, damaged, reportFile, settingsFile } from './stored-files.ts';

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
  | TrainingEvent
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
  /** null until model and data have been read. */
  readonly identity: RunIdentity | null;
  readonly state: RunState;
  readonly lastStage: RunStage | undefined;
  /** Whether it came to its end and its report is there, though a model that it wrote may have been removed since. */
  readonly isReported: boolean;
}

/** A run that can be carried out: it is known what it is made from. */
export interface IdentifiedRun extends StoredRun {
  readonly identity: RunIdentity;
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
export async function createRun<I extends RunIdentity | null>(
  folder: string,
  recipe: Recipe,
  settings: RunSettings,
  identity: I,
): Promise<StoredRun & { readonly identity: I }> {
  const known = await findRun(folder);
  if (known !== undefined && !(await isBarren(folder))) {
    throw occupied(folder, 'holds another run: its recipe, model or data differ from those of this one');
  }
  await makeFolder(folder);
  for (const file of [files.events, files.log]) await rm(join(folder, file), { force: true });
  // The recipe comes last: a folder without it is one whose making was interrupted (isFree).
  await writeSettings(folder, identity, settings);
  await writeFileAtomic(join(folder, files.recipe), formatRecipe(resolvedRecipe(recipe, settings)));
  return { ...(await openRun(folder)), identity };
}

/** Writes down what the run turned out to be made from. */
export async function recordIdentity(run: StoredRun, identity: RunIdentity): Promise<IdentifiedRun> {
  await writeSettings(run.folder, identity, run.settings);
  return { ...run, identity };
}

/** When the run was made, in milliseconds since 1970. */
export async function createdAtMs(folder: string): Promise<number> {
  // The recipe is written once, when the run is made; a copied folder has a later birth.
  const { birthtimeMs, mtimeMs } = await stat(join(folder, files.recipe));
  return birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs;
}

/**
 * Opens a run's folder, whatever instant it was left at.
 * @throws EngineError run-folder-invalid where it holds no run, or a damaged one.
 */
export async function openRun(folder: string): Promise<StoredRun> {
  const names = await namesIn(folder);
  const missing = [files.recipe, files.settings].find((file) => !names.includes(file));
  if (missing !== undefined) {
    throw new EngineError(
      'run-folder-invalid',
      `${folder} holds no run: ${missing} is not there.`,
      { folder },
      'Name the folder that a run printed as its place.',
    );
  }
  const recipePath = join(folder, files.recipe);
  const recipe = await readFile(recipePath, 'utf8').catch((error: unknown) => {
    throw readError(error, recipePath);
  });
  const { identity, settings } = await readSettings(folder);
  const { state, lastStage } = await lastWords(folder);
  const isReported = state === 'finished' && names.includes(runFiles.report);
  return {
    folder,
    recipe: checkRecipe(
      parseYaml(recipe, (why) => damaged(recipePath, why)),
      recipePath,
    ),
    settings,
    identity,
    state: isReported && (await hasModels(folder, settings)) ? state : unfinishedState(state),
    lastStage,
    isReported,
  };
}

/**
 * The run in `folder`, or undefined where one can be made there: it is missing, empty, or was left while being made.
 * @throws EngineError run-folder-occupied where other things lie in it; as openRun.
 */
export async function findRun(folder: string): Promise<StoredRun | undefined> {
  const names = await namesIn(folder);
  if (await isFree(folder, names)) return undefined;
  if (names.includes(files.recipe) && names.includes(files.settings)) return openRun(folder);
  throw occupied(folder, 'is not empty, and holds no run');
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

/**
 * The events of a run, read piece by piece: other work goes on between. A torn last line, left by a kill, is dropped,
 * from the file as well; a line torn by a full disk is passed over.
 */
export async function* eventsIn(folder: string): AsyncGenerator<TimedRunEvent> {
  const path = join(folder, files.events);
  let rest = Buffer.alloc(0);
  let wholeBytes = 0;
  try {
    for await (const piece of createReadStream(path)) {
      const bytes = Buffer.concat([rest, piece as Buffer]);
      const end = bytes.lastIndexOf('\n') + 1;
      wholeBytes += end;
      rest = bytes.subarray(end);
      for (const line of bytes.toString('utf8', 0, end).split('\n')) {
        const event = eventOf(line);
        if (event !== undefined) yield event;
      }
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw readError(error, path);
  }
  if (rest.length > 0) await truncate(path, wholeBytes);
}

export async function readEvents(folder: string): Promise<TimedRunEvent[]> {
  const events: TimedRunEvent[] = [];
  for await (const event of eventsIn(folder)) events.push(event);
  return events;
}

export async function readReport(folder: string): Promise<RunReport> {
  const path = join(folder, runFiles.report);
  const report = await readJsonFile(path, { maxBytes: maxFileBytes });
  checkStored(reportFile, report, path);
  return withQualities(report as RunReport);
}

/** A run from before there were several texts, and tasks, tells of a perplexity alone. */
function withQualities(report: RunReport): RunReport {
  const complete = <T extends object>(stored: T): T =>
    'perplexities' in stored ? stored : { ...stored, perplexities: [], tasks: null };
  const { before, after, recovery } = report;
  return {
    ...report,
    before: complete(before),
    after: complete(after),
    ...(recovery && {
      recovery: {
        ...recovery,
        recovered: complete(recovery.recovered),
        control: recovery.control && complete(recovery.control),
      },
    }),
  };
}

async function writeSettings(
  folder: string,
  identity: RunIdentity | null,
  settings: RunSettings,
): Promise<void> {
  await writeFileAtomic(join(folder, files.settings), `${JSON.stringify({ identity, settings }, null, 2)}\n`);
}

async function readSettings(
  folder: string,
): Promise<{ identity: RunIdentity | null; settings: RunSettings }> {
  const path = join(folder, files.settings);
  return checkStored(settingsFile, await readJsonFile(path, { maxBytes: maxFileBytes }), path);
}

function eventOf(line: string): TimedRunEvent | undefined {
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === 'object' && event !== null && 'type' in event
      ? (event as TimedRunEvent)
      : undefined;
  } catch {
    return undefined;
  }
}

/** How far a run has come by its events. */
async function lastWords(folder: string): Promise<Pick<StoredRun, 'state' | 'lastStage'>> {
  let state: RunState = 'interrupted';
  let lastStage: RunStage | undefined;
  for await (const event of eventsIn(folder)) {
    if (event.type === 'stage') lastStage = event.stage;
    else if (event.type === 'started' || event.type === 'resumed') state = 'interrupted';
    else if (event.type === 'finished' || event.type === 'failed' || event.type === 'cancelled') {
      state = event.type;
    }
  }
  return { state, lastStage };
}

/** A run whose result somebody removed has to be done again, whatever its events say. */
function unfinishedState(state: RunState): RunState {
  return state === 'finished' ? 'interrupted' : state;
}

/** Whether the models that a run was to write are there. */
async function hasModels(folder: string, settings: RunSettings): Promise<boolean> {
  const { recover } = settings;
  const model = await namesIn(join(folder, runFiles.model));
  const recovered = await namesIn(join(folder, runFiles.recovered));
  const isPruned = !isPruning(settings) || model.includes('config.json');
  const isRecovered =
    recover === undefined || recovered.some((name) => /^(adapter_)?config\.json$/.test(name));
  return isPruned && isRecovered;
}

/** Whether a run has left nothing worth keeping: its data was refused, say, before any stage was done. */
async function isBarren(folder: string): Promise<boolean> {
  const kept = [runFiles.checkpoints, runFiles.scores].map((part) => namesIn(join(folder, part)));
  return (await Promise.all(kept)).every((names) => names.length === 0);
}

function occupied(folder: string, how: string): EngineError {
  return new EngineError(
    'run-folder-occupied',
    `${folder} ${how}.`,
    { folder },
    'Name another folder with --out, or go on with a run that lies there: llm-pruner resume DIR',
  );
}

/** What a folder holds; nothing where it is missing, or a file. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw readError(error, folder);
  }
}

/** Files that a folder holds while a run is being made in it. */
const unfinished = /^settings\.json$|^(settings\.json|recipe\.yaml)\.\d+-\d+\.partial$/;

async function isFree(folder: string, names: readonly string[]): Promise<boolean> {
  if (!names.every((name) => unfinished.test(name))) return false;
  if (!names.includes(files.settings)) return true;
  // Other programs have a settings.json too, and nobody's is written over.
  return readSettings(folder).then(
    () => true,
    () => false,
  );
}

async function append(path: string, text: string): Promise<void> {
  await appendFile(path, text).catch((error: unknown) => {
    throw writeError(error, path);
  });
}

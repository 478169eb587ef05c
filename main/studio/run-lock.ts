import { open, readFile, rm, stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { errnoOf, writeError } from '../engine/checkpoint/file-errors.ts';
import { EngineError } from '../engine/errors.ts';

/** Names the process that works on the run, and when its machine was started: process ids come again. */
const lockFile = 'run.lock';
/** A lock is made and then written; one that stays empty for longer was cut short. */
const writingMs = 5000;
/** The start of the machine, worked out from its uptime, is not the same to the second each time. */
const bootToleranceSeconds = 10;

interface Holder {
  readonly processId: number;
  readonly bootSeconds: number;
}

/**
 * Keeps other processes of this machine from working on the same run folder, and returns how to let go of it. A lock
 * whose process has ended, or been killed, is taken over.
 * @throws EngineError run-folder-occupied while another process holds it.
 */
export async function lockRun(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, lockFile);
  if (!(await claim(path))) {
    const holder = await liveHolder(path);
    if (holder !== undefined) throw held(folder, holder);
    await rm(path, { force: true });
    if (!(await claim(path))) throw held(folder, 'just started');
  }
  return () => rm(path, { force: true });
}

async function claim(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx');
    await handle.writeFile(
      JSON.stringify({ processId: process.pid, bootSeconds: bootSeconds() } satisfies Holder),
    );
    await handle.close();
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw writeError(error, path);
  }
}

/** Who holds the lock, in words; undefined where nobody does any more. */
async function liveHolder(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const holder = parseHolder(text);
  if (holder === undefined) {
    const ageMs = Date.now() - (await stat(path)).mtimeMs;
    return ageMs < writingMs ? 'just started' : undefined;
  }
  const sameBoot = Math.abs(holder.bootSeconds - bootSeconds()) <= bootToleranceSeconds;
  const other = holder.processId !== process.pid;
  return sameBoot && other && isAlive(holder.processId) ? String(holder.processId) : undefined;
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { processId, bootSeconds: boot } = JSON.parse(text) as Record<keyof Holder, unknown>;
    return typeof processId === 'number' && typeof boot === 'number'
      ? { processId, bootSeconds: boot }
      : undefined;
  } catch {
    return undefined;
  }
}

function bootSeconds(): number {
  return Math.round(Date.now() / 1000 - uptime());
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

function held(folder: string, holder: string): EngineError {
  return new EngineError(
    'run-folder-occupied',
    `${folder} is being worked on by another process (${holder}).`,
    { folder, holder },
    'Wait until it has ended.',
  );
}

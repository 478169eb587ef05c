import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, writeError } from '../engine/checkpoint/file-errors.ts';
import { EngineError } from '../engine/errors.ts';

/** Holds the id of the process that works on the run. */
const lockFile = 'run.lock';

/**
 * Keeps other processes of this machine from working on the same run folder, and returns how to let go of it. A lock
 * whose process has ended, or been killed, is taken over.
 * @throws EngineError run-folder-occupied while another process holds it.
 */
export async function lockRun(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, lockFile);
  if (!(await claim(path))) {
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (isAlive(holder)) throw held(folder, holder);
    await rm(path, { force: true });
    if (!(await claim(path))) throw held(folder, holder);
  }
  return () => rm(path, { force: true });
}

async function claim(path: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx');
    await handle.writeFile(String(process.pid));
    await handle.close();
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw writeError(error, path);
  }
}

function isAlive(processId: number): boolean {
  if (!Number.isInteger(processId) || processId <= 0) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

function held(folder: string, processId: number): EngineError {
  return new EngineError(
    'run-folder-occupied',
    `${folder} is being worked on by another process (${processId}).`,
    { folder, processId },
    'Wait until it has ended, or end it.',
  );
}

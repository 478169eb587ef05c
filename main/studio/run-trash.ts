import { readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errnoOf, readError, writeError } from '../engine/checkpoint/file-errors.ts';
import { sizeBelow } from './folder-size.ts';

/** A run that was deleted and can be brought back. */
export interface DeletedRun {
  /** Of its folder, before and again afterwards. */
  readonly name: string;
  readonly sizeBytes: number;
}

/** A folder under this name is deleted, and whole. */
const deletedPrefix = '.deleted-';
/** A folder under this name is half gone. */
const goingPrefix = '.going-';

/**
 * Deleted runs, beside the others in their folder and under another name. Each move is one rename, so that a studio that
 * is killed leaves a run either there, or deleted and whole, or to be removed to its end.
 */
export class RunTrash {
  constructor(private readonly folder: string) {}

  /** Takes a run's folder away. @throws EngineError folder-not-writable. */
  async put(runFolder: string): Promise<void> {
    await move(runFolder, this.at(deletedPrefix, basename(runFolder)));
  }

  /** Puts it back where it was. @throws EngineError file-missing where it is not in the trash any more. */
  async restore(name: string): Promise<void> {
    await move(this.at(deletedPrefix, name), join(this.folder, name));
  }

  /** Removes it for good; nothing where it is gone already. */
  async purge(name: string): Promise<void> {
    const going = this.at(goingPrefix, name);
    try {
      await rename(this.at(deletedPrefix, name), going);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      throw writeError(error, going);
    }
    await rm(going, { recursive: true, force: true });
  }

  async list(): Promise<DeletedRun[]> {
    const deleted = (await entriesOf(this.folder)).filter((name) => name.startsWith(deletedPrefix));
    return Promise.all(
      deleted.map(async (name) => ({
        name: name.slice(deletedPrefix.length),
        sizeBytes: await sizeBelow(join(this.folder, name)),
      })),
    );
  }

  /** Ends what a killed studio was removing. */
  async endInterrupted(): Promise<void> {
    for (const name of await entriesOf(this.folder)) {
      if (name.startsWith(goingPrefix)) await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }

  private at(prefix: string, name: string): string {
    return join(this.folder, `${prefix}${name}`);
  }
}

/** Names in a folder; none where it is missing. */
export async function entriesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw readError(error, folder);
  });
}

async function move(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') throw readError(error, from);
    throw writeError(error, from);
  });
}

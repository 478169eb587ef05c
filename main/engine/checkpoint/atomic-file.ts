import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, writeError } from './file-errors.ts';

/** One write call takes at most 2^31 - 1 bytes on macOS and in Node itself; pieces stay well below. */
const PIECE_BYTES = 256 * 1024 * 1024;

/** Windows refuses a rename while a virus scanner reads either file, usually for well under a second. */
const RENAME_PAUSES_MS = [10, 50, 200, 700];
const RENAME_ERRNOS = new Set(['EPERM', 'EACCES', 'EBUSY']);

let filesStarted = 0;

/**
 * Writes a whole file, which appears under `path` only when all of it is on disk: a reader, or whoever comes after a
 * crash, sees the old content or the new. The folder must exist.
 * Throws disk-full or folder-not-writable, and leaves the old file as it was.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  // The name is this call's own: two writers of the same path must not write into one file.
  const file = await PartialFile.create(path, `${path}.${process.pid}-${filesStarted++}.partial`);
  try {
    await file.write(typeof data === 'string' ? Buffer.from(data) : data);
    await file.finish();
    await file.place();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Creates `folder` and its parents where they are missing; throws disk-full or folder-not-writable. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw writeError(error, folder);
  }
}

/** A file being written under another name in the folder where it will appear: create, write, finish, place. */
export class PartialFile {
  private sizeBytes = 0;

  private constructor(
    readonly path: string,
    private readonly partialPath: string,
    private handle: FileHandle | undefined,
  ) {}

  /** Starts the file, replacing what an earlier, killed attempt left under the partial name. */
  static async create(path: string, partialPath = `${path}.partial`): Promise<PartialFile> {
    try {
      return new PartialFile(path, partialPath, await open(partialPath, 'w'));
    } catch (error) {
      throw writeError(error, path);
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.byteLength) {
      const piece = bytes.subarray(done, done + PIECE_BYTES);
      const { bytesWritten } = await this.attempt(() => this.open().write(piece));
      done += bytesWritten;
      this.sizeBytes += bytesWritten;
    }
  }

  /** Waits until every byte is on disk and closes the file. */
  async finish(): Promise<void> {
    await this.attempt(() => this.open().sync());
    await this.close();
  }

  /** Gives the finished file its name, replacing an older one. */
  async place(): Promise<void> {
    await this.attempt(() => renamePatiently(this.partialPath, this.path));
    await syncFolder(dirname(this.path));
  }

  /** Removes what was written, if it was not placed. Never throws: it runs where another error is on its way. */
  async discard(): Promise<void> {
    await this.close().catch(() => undefined);
    await rm(this.partialPath, { force: true }).catch(() => undefined);
  }

  private open(): FileHandle {
    if (this.handle === undefined)
      throw new Error(`${this.partialPath} is finished: nothing more can be written`);
    return this.handle;
  }

  private async close(): Promise<void> {
    const handle = this.handle;
    this.handle = undefined;
    if (handle !== undefined) await this.attempt(() => handle.close());
  }

  private async attempt<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw writeError(error, this.path, { writtenBytes: this.sizeBytes });
    }
  }
}

async function renamePatiently(from: string, to: string): Promise<void> {
  const pauses = process.platform === 'win32' ? RENAME_PAUSES_MS : [];
  for (const pauseMs of pauses) {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      if (!RENAME_ERRNOS.has(errnoOf(error) ?? '')) throw error;
      await sleep(pauseMs);
    }
  }
  await rename(from, to);
}

/** A rename survives a power cut only once its folder is on disk too. Windows has no such call, and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Some network file systems cannot sync a folder; the file itself is written and named.
    if (errnoOf(error) === undefined) throw error;
  }
}

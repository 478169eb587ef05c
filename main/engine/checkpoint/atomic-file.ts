import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError } from '../errors.ts';
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

/**
 * Creates `folder` and its parents where they are missing; throws disk-full or folder-not-writable. One by one: Node's
 * own recursive mkdir never returns where the system says of an existing folder that it does not exist, as it does of
 * what is made in /proc.
 */
export async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  if (parent !== folder && !(await exists(parent))) await makeFolder(parent);
  await mkdir(folder).catch(async (error: unknown) => {
    if (errnoOf(error) === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    const errno = errnoOf(error) ?? '';
    const why = { ENOTDIR: 'is a file, not a folder', ENOENT: 'takes no new folders' }[errno];
    if (why === undefined) throw writeError(error, folder);
    throw new EngineError(
      'folder-not-writable',
      `${folder} could not be made: ${parent} ${why}.`,
      { folder, parent, errno },
      'Choose another folder.',
    );
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
      throw writeError(error, path);
    },
  );
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

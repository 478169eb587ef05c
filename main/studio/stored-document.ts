import { rename } from 'node:fs/promises';
import type { z } from 'zod';
import { writeFileAtomic } from '../engine/checkpoint/atomic-file.ts';
import { readJsonFile } from '../engine/checkpoint/read-json.ts';
import { EngineError } from '../engine/errors.ts';

/** What the studio keeps in such a file is a few kilobytes; more is damage. */
const maxBytes = 2 ** 20;

/** A small JSON file of the studio's own: read once, kept in memory, written whole. */
export class StoredDocument<T> {
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private content: T,
  ) {}

  /**
   * Reads the file, or takes `defaults` where there is none. A damaged file is set aside as `PATH.damaged`, and `warn`
   * hears of it.
   */
  static async open<T>(
    path: string,
    schema: z.ZodType<T>,
    defaults: T,
    warn: (message: string) => void,
  ): Promise<StoredDocument<T>> {
    return new StoredDocument(path, await read(path, schema, defaults, warn));
  }

  get value(): T {
    return this.content;
  }

  /**
   * Takes the new content at once; resolves when it is on disk.
   * @throws EngineError folder-not-writable, disk-full.
   */
  async replace(content: T): Promise<void> {
    this.content = content;
    const text = `${JSON.stringify(content, null, 2)}\n`;
    const written = this.writing.then(() => writeFileAtomic(this.path, text));
    // One failed write does not keep the next from being tried.
    this.writing = written.catch(() => undefined);
    await written;
  }
}

async function read<T>(
  path: string,
  schema: z.ZodType<T>,
  defaults: T,
  warn: (message: string) => void,
): Promise<T> {
  try {
    return schema.parse(await readJsonFile(path, { maxBytes }));
  } catch (error) {
    if (error instanceof EngineError && error.code === 'file-missing') return defaults;
    const aside = `${path}.damaged`;
    await rename(path, aside).catch(() => undefined);
    const reason = error instanceof Error ? error.message : String(error);
    warn(`${path} is damaged, so the defaults are taken; what it held is now in ${aside}. ${reason}`);
    return defaults;
  }
}

import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { StoredDocument } from './stored-document.ts';

const lineSchema = z.strictObject({ runIds: z.array(z.string()).max(1000) });

/** The runs in line, written down as they change: the next start finds them, however this one ends. */
export class QueueFile {
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly document: StoredDocument<z.infer<typeof lineSchema>>,
    private readonly warn: (message: string) => void,
  ) {}

  static async open(path: string, warn: (message: string) => void): Promise<QueueFile> {
    return new QueueFile(await StoredDocument.open(path, lineSchema, { runIds: [] }, warn), warn);
  }

  /** In the order in which they were to start. */
  get runIds(): readonly string[] {
    return this.document.value.runIds;
  }

  keep(runIds: readonly string[]): void {
    if (isDeepStrictEqual(runIds, this.runIds)) return;
    this.writing = this.document.replace({ runIds: [...runIds] }).catch((error: unknown) => {
      this.warn(`The queue could not be written down: ${String(error)}`);
    });
  }

  /** Resolves when the last change is on disk. */
  written(): Promise<void> {
    return this.writing;
  }
}

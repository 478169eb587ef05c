import { appendFile, rename, stat } from 'node:fs/promises';

/** Years of warnings; a larger log begins anew beside the old one. */
const mostBytes = 2 ** 20;

/** What the program has to say of itself, in a file that a report can carry; a run's own log lies in its folder. */
export class StudioLog {
  private writing: Promise<void>;

  constructor(private readonly path: string) {
    this.writing = makeRoom(path);
  }

  warn(message: string): void {
    console.warn(message);
    const line = `${new Date().toISOString()} ${message}\n`;
    // Where even this cannot be written, the console has said it.
    this.writing = this.writing.then(() => appendFile(this.path, line)).catch(() => undefined);
  }

  /** Resolves when all is on disk. */
  written(): Promise<void> {
    return this.writing;
  }
}

async function makeRoom(path: string): Promise<void> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size > mostBytes) await rename(path, `${path}.old`).catch(() => undefined);
}

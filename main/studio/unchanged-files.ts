import { fileStamp } from './file-stamp.ts';

interface Reading<T> {
  readonly stamp: string;
  readonly result: T;
}

/** What was read out of files, kept while they stay as they are: a large one is not parsed again for each question. */
export class UnchangedFiles<T> {
  private readonly readings = new Map<string, Reading<T>>();

  constructor(
    private readonly read: (path: string) => Promise<T>,
    private readonly maxFiles: number,
  ) {}

  /** @throws EngineError file-missing, file-unreadable; as `read`. */
  async get(path: string): Promise<T> {
    const stamp = await fileStamp(path);
    const known = this.readings.get(path);
    // Taken out and put in again: the longest unused is the first.
    this.readings.delete(path);
    const reading = known?.stamp === stamp ? known : { stamp, result: await this.read(path) };
    this.readings.set(path, reading);
    for (const oldest of this.readings.keys()) {
      if (this.readings.size <= this.maxFiles) break;
      this.readings.delete(oldest);
    }
    return reading.result;
  }
}

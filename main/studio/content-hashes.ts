import { z } from 'zod';
import { EngineError } from '../engine/errors.ts';
import { Cancelled } from '../engine/runtime/pace.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import { startJob } from '../worker/host.ts';
import { fileStamp } from './file-stamp.ts';
import { StoredDocument } from './stored-document.ts';

const hashSchema = z.strictObject({ path: z.string(), stamp: z.string(), sha256: z.string() });
const hashesSchema = z.strictObject({ files: z.array(hashSchema) });

/** The files of some dozen models and their texts; each takes a few hundred bytes of the list. */
const mostRemembered = 500;

/** How a person hears that files are read, and ends it. */
export interface ReadingWatch {
  /** Aborted, it ends the reading at once. */
  readonly signal: AbortSignal;
  /** @param fraction Done so far, 0 to 1. */
  readonly progress: (fraction: number) => void;
}

/**
 * The sha256 of files, read in a worker process and remembered while the file's stamp is the same: a model of many
 * gigabytes takes minutes to read and nothing to recognise.
 */
export class ContentHashes {
  private constructor(
    private readonly remembered: StoredDocument<z.infer<typeof hashesSchema>>,
    private readonly spawn: SpawnWorker,
  ) {}

  static async open(
    file: string,
    spawn: SpawnWorker,
    warn: (message: string) => void,
  ): Promise<ContentHashes> {
    return new ContentHashes(await StoredDocument.open(file, hashesSchema, { files: [] }, warn), spawn);
  }

  /** Without reading; undefined unless all of them are remembered. */
  async known(paths: readonly string[]): Promise<readonly string[] | undefined> {
    const hashes = (await stampsOf(paths)).map((stamp, i) => this.remember(paths[i], stamp));
    return hashes.every((hash) => hash !== undefined) ? hashes : undefined;
  }

  /**
   * Reads what is not remembered.
   * @throws Cancelled; EngineError file-missing, file-unreadable, worker-crashed.
   */
  async read(paths: readonly string[], watch: ReadingWatch): Promise<readonly string[]> {
    const stamps = await stampsOf(paths);
    const hashes = new Map(paths.map((path, i) => [path, this.remember(path, stamps[i])]));
    const unknown = [...hashes.keys()].filter((path) => hashes.get(path) === undefined);
    if (unknown.length > 0) {
      const read = await this.readInWorker(unknown, watch);
      for (const [i, path] of unknown.entries()) hashes.set(path, read[i]);
    }
    const after = await stampsOf(paths);
    // What was written to while it was read is read again the next time.
    const steady = paths.flatMap((path, i) => {
      const sha256 = hashes.get(path);
      return sha256 === undefined || after[i] !== stamps[i] ? [] : [{ path, stamp: stamps[i], sha256 }];
    });
    await this.replace(steady);
    return paths.map((path) => hashes.get(path) ?? '');
  }

  private remember(path: string, stamp: string): string | undefined {
    return this.remembered.value.files.find((file) => file.path === path && file.stamp === stamp)?.sha256;
  }

  private async replace(latest: z.infer<typeof hashSchema>[]): Promise<void> {
    const replaced = new Set(latest.map(({ path }) => path));
    const others = this.remembered.value.files.filter(({ path }) => !replaced.has(path));
    await this.remembered.replace({ files: [...latest, ...others].slice(0, mostRemembered) });
  }

  private async readInWorker(
    paths: readonly string[],
    { signal, progress }: ReadingWatch,
  ): Promise<readonly string[]> {
    if (signal.aborted) throw stopped();
    const job = startJob(
      { kind: 'hash-files', paths },
      (event) => {
        if (event.type === 'progress') progress(event.fraction);
      },
      this.spawn,
    );
    const end = (): void => {
      job.kill();
    };
    signal.addEventListener('abort', end);
    const outcome = await job.outcome;
    signal.removeEventListener('abort', end);
    if (outcome.kind === 'done') return outcome.result;
    if (outcome.kind === 'cancelled' || signal.aborted) throw stopped();
    const { code, message, facts, hint } = outcome.error;
    throw new EngineError(code, message, facts, hint);
  }
}

function stampsOf(paths: readonly string[]): Promise<string[]> {
  return Promise.all(paths.map(fileStamp));
}

const stopped = (): Cancelled => new Cancelled('The reading of model and data was ended.');

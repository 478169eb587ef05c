import type { RunSettings } from '../engine/run.ts';
import type { ComputeDevice } from '../engine/runtime/device.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import { deviceNow } from './choose-device.ts';
import { conductRun, type ConductedRun } from './conduct-run.ts';
import type { ContentHashes } from './content-hashes.ts';
import { contentOf, identified, identityFrom, type RunIdentity } from './run-identity.ts';
import { readProgress, type RunLibrary } from './run-library.ts';
import { lockRun } from './run-lock.ts';
import { whilePreparing } from './run-progress.ts';
import type { OpenedRun, OpeningWatch, RunHearing } from './run-queue.ts';
import { openRun, type IdentifiedRun } from './run-store.ts';

/** Gets runs ready, which includes knowing what they are made from, and starts them. */
export class RunStarter {
  /** @param enqueue Puts a run in line in place of one that turned out to be the same. */
  constructor(
    private readonly runs: RunLibrary,
    private readonly hashes: ContentHashes,
    private readonly spawn: SpawnWorker,
    private readonly enqueue: (runId: string) => void,
  ) {}

  /** null where model or data would have to be read to tell. */
  async knownIdentity(settings: RunSettings): Promise<RunIdentity | null> {
    const content = await contentOf(settings);
    const hashes = await this.hashes.known(content.paths);
    return hashes === undefined ? null : identityFrom(settings, content, hashes);
  }

  /**
   * Reads model and data, unless they were read before; null where that shows a run's work to be that of another run,
   * which then takes its place.
   * @throws EngineError run-folder-occupied while another process works on it; run-folder-invalid where it has changed;
   * Cancelled.
   */
  async open(runId: string, watch: OpeningWatch): Promise<OpenedRun | null> {
    const { folder } = (await this.runs.find(runId)).stored;
    const letGo = await lockRun(folder);
    try {
      const stored = await openRun(folder);
      const progress = await readProgress(folder);
      const ready = await identified(stored, (paths) =>
        this.hashes.read(paths, {
          signal: watch.signal,
          progress: (fraction) => {
            watch.progress(whilePreparing(progress, fraction));
          },
        }),
      );
      if (stored.identity === null && (await this.isAnother(runId, ready.identity, letGo))) return null;
      const { device: began } = ready.settings;
      const isNew = ready.lastStage === undefined;
      const device = isNew ? began : await deviceNow(began, this.spawn);
      return { progress, start: (hearing) => this.conduct(runId, ready, device, hearing, letGo) };
    } catch (error) {
      await letGo();
      throw error;
    }
  }

  /** Whether another run does the same work or has done it; this one is then merged into it. */
  private async isAnother(
    runId: string,
    identity: RunIdentity,
    letGo: () => Promise<void>,
  ): Promise<boolean> {
    const twin = await this.runs.twinOf(runId, identity);
    if (twin === undefined) {
      await this.runs.refresh(runId);
      return false;
    }
    await letGo();
    await this.runs.merge(runId, twin.id);
    if (twin.stored.state !== 'finished') this.enqueue(twin.id);
    return true;
  }

  private conduct(
    runId: string,
    stored: IdentifiedRun,
    device: ComputeDevice,
    { event, log, memory }: RunHearing,
    letGo: () => Promise<void>,
  ): ConductedRun {
    const { outcome, ...run } = conductRun(stored, event, {
      spawn: this.spawn,
      device,
      onLog: log,
      onMemory: memory,
    });
    const recorded = outcome.finally(async () => {
      await letGo();
      await this.runs.refresh(runId);
    });
    return { ...run, outcome: recorded };
  }
}

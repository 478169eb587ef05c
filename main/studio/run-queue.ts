import type { WorkerMemory } from '../worker/messages.ts';
import type { ConductedRun } from './conduct-run.ts';
import { Refusal } from './refusal.ts';
import { afterEvent, afterLogLine, withMemory, type RunProgress } from './run-progress.ts';
import type { RunEvent } from './run-store.ts';

/** A run that can be carried out, with the progress it had made before. */
export interface OpenedRun {
  readonly progress: RunProgress;
  start(hearing: RunHearing): Pick<ConductedRun, 'cancel' | 'kill'> & { readonly outcome: Promise<RunEnd> };
}

/** What a run is told while it is got ready. */
export interface OpeningWatch {
  /** Aborted when a person wants the run to stop. */
  readonly signal: AbortSignal;
  readonly progress: (progress: RunProgress) => void;
}

/** How a run ended, as far as the queue minds. */
interface RunEnd {
  readonly kind: 'done' | 'cancelled' | 'failed';
}

export interface RunHearing {
  readonly event: (event: RunEvent) => void;
  readonly log: (line: string) => void;
  readonly memory: (memory: WorkerMemory) => void;
}

export interface QueueListener {
  /** The running run moved on. */
  progress(runId: string, progress: RunProgress): void;
  /** Runs were queued, started, asked to stop, ended or changed places. */
  changed(): void;
  /** A run could not be started, or its folder not written: what is wrong is known to no run. */
  failed(runId: string, error: unknown): void;
}

interface Running {
  readonly runId: string;
  /** Resolves when the run has ended and the next may start. */
  readonly ended: Promise<void>;
  /** Ends the getting ready. */
  readonly opening: AbortController;
  /** undefined while it is got ready. */
  started: Pick<ConductedRun, 'cancel' | 'kill'> | undefined;
  progress: RunProgress | undefined;
  cancelling: boolean;
  killing: boolean;
}

/** The runs of one device: one at work, the others in line. */
export class RunQueue {
  private waiting: string[] = [];
  /** Those of the waiting that start only when a person says so. */
  private readonly held = new Set<string>();
  private running: Running | undefined;
  private closed = false;

  /**
   * @param openRun Gets the run ready; null where there is nothing to carry out any more.
   * @param recordCancelled Writes into a run's folder that a person ended it, where the run itself could not.
   */
  constructor(
    private readonly openRun: (runId: string, watch: OpeningWatch) => Promise<OpenedRun | null>,
    private readonly recordCancelled: (runId: string) => Promise<void>,
    private readonly listener: QueueListener,
  ) {}

  get runningId(): string | undefined {
    return this.running?.runId;
  }

  /** Ids of the queued runs, in the order in which they will start. */
  get queued(): readonly string[] {
    return this.waiting;
  }

  /** Whether nothing is at work, nor will be until a person says so. */
  get isIdle(): boolean {
    return this.running === undefined && (this.closed || this.waiting.every((id) => this.held.has(id)));
  }

  isHeld(runId: string): boolean {
    return this.held.has(runId);
  }

  /** @returns undefined for a run that is not at work. */
  progressOf(runId: string): RunProgress | undefined {
    return this.running?.runId === runId ? this.running.progress : undefined;
  }

  /** Whether the run at work was asked to stop and has not yet. */
  isCancelling(runId: string): boolean {
    return this.running?.runId === runId && (this.running.cancelling || this.running.killing);
  }

  /** Puts a run at the end of the line; one that is in it already keeps its place, and is held no longer. */
  add(runId: string): void {
    if (this.closed || this.runningId === runId) return;
    if (!this.held.delete(runId) && this.waiting.includes(runId)) return;
    if (!this.waiting.includes(runId)) this.waiting.push(runId);
    this.startNext();
    this.listener.changed();
  }

  /** Puts runs into the line that do not start by themselves. */
  hold(runIds: readonly string[]): void {
    for (const runId of runIds) this.held.add(runId);
    this.waiting.push(...runIds);
  }

  /** Lets the held runs start, each in its turn. */
  release(): void {
    this.held.clear();
    this.startNext();
    this.listener.changed();
  }

  /** Takes a run out of the line. @returns whether it was in it. */
  remove(runId: string): boolean {
    const at = this.waiting.indexOf(runId);
    if (at < 0) return false;
    this.waiting.splice(at, 1);
    this.held.delete(runId);
    this.listener.changed();
    return true;
  }

  /** Asks the run at work to stop at the next layer. */
  cancel(runId: string): void {
    const running = this.requireRunning(runId);
    running.cancelling = true;
    running.opening.abort();
    running.started?.cancel();
    this.listener.changed();
  }

  /** Ends the run's process at once. */
  kill(runId: string): void {
    const running = this.requireRunning(runId);
    running.killing = true;
    running.opening.abort();
    running.started?.kill();
    this.listener.changed();
  }

  /** Queued runs in the order wanted; those that are not named follow in the order they had. */
  reorder(runIds: readonly string[]): void {
    const stranger = runIds.find((id) => !this.waiting.includes(id));
    if (stranger !== undefined) throw new Refusal('run-state', 'Only queued runs can be put in order.');
    const named = [...new Set(runIds)];
    this.waiting = [...named, ...this.waiting.filter((id) => !named.includes(id))];
    this.listener.changed();
  }

  /** Stops the run at work, by killing it where it takes longer than `patienceMs`; the others stay in line. */
  async close(patienceMs: number): Promise<void> {
    this.closed = true;
    const { running } = this;
    if (running === undefined) return;
    this.cancel(running.runId);
    const timer = setTimeout(() => {
      if (this.running === running) this.kill(running.runId);
    }, patienceMs);
    await running.ended;
    clearTimeout(timer);
  }

  private requireRunning(runId: string): Running {
    if (this.running?.runId === runId) return this.running;
    throw new Refusal('run-state', 'This run is not at work.');
  }

  private startNext(): void {
    if (this.running !== undefined || this.closed) return;
    const runId = this.waiting.find((id) => !this.held.has(id));
    if (runId === undefined) return;
    this.waiting = this.waiting.filter((id) => id !== runId);
    const running: Running = {
      runId,
      // Begins after the assignment below, so that what it hears finds the run at work.
      ended: Promise.resolve().then(() => this.carryOut(running)),
      opening: new AbortController(),
      started: undefined,
      progress: undefined,
      cancelling: false,
      killing: false,
    };
    this.running = running;
  }

  private async carryOut(running: Running): Promise<void> {
    const { runId } = running;
    try {
      const opened = await this.openRun(runId, this.openingWatch(running));
      if (opened === null) return;
      running.progress = opened.progress;
      const started = opened.start(this.hearing(running, opened.progress));
      running.started = started;
      // Both may have been asked for at the last moment of getting ready.
      if (running.cancelling) started.cancel();
      if (running.killing) started.kill();
      const outcome = await started.outcome;
      if (outcome.kind === 'failed' && running.killing) await this.recordCancelled(runId);
    } catch (error) {
      await this.endUnstarted(running, error);
    } finally {
      this.running = undefined;
      this.startNext();
      this.listener.changed();
    }
  }

  /** A run that a person ended while it was got ready has not failed. */
  private async endUnstarted({ runId, opening, started }: Running, error: unknown): Promise<void> {
    const isCancelled = opening.signal.aborted && started === undefined;
    try {
      if (!isCancelled) throw error;
      await this.recordCancelled(runId);
    } catch (failure) {
      this.listener.failed(runId, failure);
    }
  }

  private openingWatch(running: Running): OpeningWatch {
    return {
      signal: running.opening.signal,
      progress: (progress) => {
        running.progress = progress;
        this.listener.progress(running.runId, progress);
      },
    };
  }

  private hearing(running: Running, before: RunProgress): RunHearing {
    let current = before;
    const become = (change: (progress: RunProgress) => RunProgress): void => {
      current = change(current);
      running.progress = current;
      this.listener.progress(running.runId, current);
    };
    return {
      event: (event) => {
        become((progress) => afterEvent(progress, { ...event, time: new Date().toISOString() }));
      },
      log: (line) => {
        become((progress) => afterLogLine(progress, line));
      },
      memory: (memory) => {
        become((progress) => withMemory(progress, memory));
      },
    };
  }
}

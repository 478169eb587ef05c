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
  /** undefined while its folder is being opened. */
  started: Pick<ConductedRun, 'cancel' | 'kill'> | undefined;
  progress: RunProgress | undefined;
  cancelling: boolean;
  killing: boolean;
}

/** The runs of one device: one at work, the others in line. */
export class RunQueue {
  private waiting: string[] = [];
  private running: Running | undefined;
  private closed = false;

  /**
   * @param openRun Reads the run's folder.
   * @param endKilled Writes into a killed run's folder that a person ended it.
   */
  constructor(
    private readonly openRun: (runId: string) => Promise<OpenedRun>,
    private readonly endKilled: (runId: string) => Promise<void>,
    private readonly listener: QueueListener,
  ) {}

  get runningId(): string | undefined {
    return this.running?.runId;
  }

  /** Ids of the queued runs, in the order in which they will start. */
  get queued(): readonly string[] {
    return this.waiting;
  }

  get isIdle(): boolean {
    return this.running === undefined && this.waiting.length === 0;
  }

  /** @returns undefined for a run that is not at work. */
  progressOf(runId: string): RunProgress | undefined {
    return this.running?.runId === runId ? this.running.progress : undefined;
  }

  /** Whether the run at work was asked to stop and has not yet. */
  isCancelling(runId: string): boolean {
    return this.running?.runId === runId && (this.running.cancelling || this.running.killing);
  }

  /** Puts a run at the end of the line; one that is in it already keeps its place. */
  add(runId: string): void {
    if (this.closed || this.runningId === runId || this.waiting.includes(runId)) return;
    this.waiting.push(runId);
    this.startNext();
    this.listener.changed();
  }

  /** Takes a run out of the line. @returns whether it was in it. */
  remove(runId: string): boolean {
    const at = this.waiting.indexOf(runId);
    if (at < 0) return false;
    this.waiting.splice(at, 1);
    this.listener.changed();
    return true;
  }

  /** Asks the run at work to stop at the next layer. */
  cancel(runId: string): void {
    const running = this.requireRunning(runId);
    running.cancelling = true;
    running.started?.cancel();
    this.listener.changed();
  }

  /** Ends the run's process at once. */
  kill(runId: string): void {
    const running = this.requireRunning(runId);
    running.killing = true;
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

  /** Stops the run at work, by killing it where it takes longer than `patienceMs`, and starts no other. */
  async close(patienceMs: number): Promise<void> {
    this.closed = true;
    this.waiting = [];
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
    const runId = this.waiting.shift();
    if (runId === undefined) return;
    const running: Running = {
      runId,
      // Begins after the assignment below, so that what it hears finds the run at work.
      ended: Promise.resolve().then(() => this.carryOut(running)),
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
      const opened = await this.openRun(runId);
      running.progress = opened.progress;
      const started = opened.start(this.hearing(running, opened.progress));
      running.started = started;
      // Both may have been asked for while the folder was being opened.
      if (running.cancelling) started.cancel();
      if (running.killing) started.kill();
      const outcome = await started.outcome;
      if (outcome.kind === 'failed' && running.killing) await this.endKilled(runId);
    } catch (error) {
      this.listener.failed(runId, error);
    } finally {
      this.running = undefined;
      this.startNext();
      this.listener.changed();
    }
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

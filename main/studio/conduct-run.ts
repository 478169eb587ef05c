import type { RunReport } from '../engine/run.ts';
import type { ComputeDevice } from '../engine/runtime/device.ts';
import type { SpawnWorker } from '../worker/channel.ts';
import { startJob, type Outcome } from '../worker/host.ts';
import type { JobEvent, JobStage, WorkerMemory } from '../worker/messages.ts';
import { engineVersion } from './engine-version.ts';
import { appendEvent, appendLog, type IdentifiedRun, type RunEvent } from './run-store.ts';

/** A run at work. */
export interface ConductedRun {
  readonly outcome: Promise<Outcome<RunReport>>;
  cancel(): void;
  kill(): void;
}

/** What a window shows beyond the events, and how it starts a worker. */
export interface RunWatch {
  readonly spawn?: SpawnWorker;
  /** What computes now, where it may be another device than the run began with. */
  readonly device?: ComputeDevice;
  /** Hears each line of log.txt once it is written. */
  readonly onLog?: (line: string) => void;
  readonly onMemory?: (memory: WorkerMemory) => void;
}

/** Lines of progress a run's events.jsonl gets: enough for a curve, few enough to read. */
const storedProgressIntervalMs = 1000;

/**
 * Carries out a stored run in a worker process and writes what happens into its folder; `onEvent` hears the same.
 * A run that was interrupted goes on where it stopped.
 */
export function conductRun(
  run: IdentifiedRun,
  onEvent: (event: RunEvent) => void,
  { spawn, device = run.settings.device, onLog, onMemory }: RunWatch = {},
): ConductedRun {
  const record = new Recorder(run.folder, onEvent, onLog);
  record.event({ type: run.lastStage === undefined ? 'started' : 'resumed' });
  for (const message of changedSince(run, device)) record.event({ type: 'warning', message });
  const timeLeft = timeLeftEstimator();
  const hear = (event: JobEvent): void => {
    if (event.type === 'memory') onMemory?.(event);
    else record.event(asRunEvent(event, timeLeft));
  };
  const job = startJob({ kind: 'run', settings: run.settings, folder: run.folder }, hear, spawn);
  const outcome = job.outcome.then(async (ended) => {
    if (ended.kind === 'done') record.log(peakMemoryLine(ended.peakRssBytes));
    if (ended.kind === 'failed' && ended.stack !== undefined) record.log(ended.stack);
    record.event(lastEvent(ended));
    await record.flushed();
    return ended;
  });
  return {
    outcome,
    cancel: () => {
      job.cancel();
    },
    kill: () => {
      job.kill();
    },
  };
}

function peakMemoryLine(peakRssBytes: number): string {
  return `peak memory of the worker: ${peakRssBytes} bytes`;
}

/** The peak memory that a run's log.txt tells of, in bytes; null where it tells of none. */
export function peakMemoryIn(log: readonly string[]): number | null {
  const line = log.findLast((text) => text.includes('peak memory of the worker')) ?? '';
  const [, bytes] = /(\d+) bytes$/.exec(line) ?? [];
  return bytes === undefined ? null : Number(bytes);
}

/** Writes events in the order in which they came. */
class Recorder {
  private writing: Promise<void> = Promise.resolve();
  private failure: Error | undefined;
  private lastProgressAt = 0;

  constructor(
    private readonly folder: string,
    private readonly onEvent: (event: RunEvent) => void,
    private readonly onLog: (line: string) => void = () => undefined,
  ) {}

  event(event: RunEvent): void {
    this.onEvent(event);
    if (event.type === 'progress' && event.fraction < 1) {
      if (Date.now() - this.lastProgressAt < storedProgressIntervalMs) return;
      this.lastProgressAt = Date.now();
    }
    this.write(() => appendEvent(this.folder, event));
    // A line a step would bury the rest: the log has the validations.
    if (event.type !== 'progress' && event.type !== 'training-step') this.log(JSON.stringify(event));
  }

  log(line: string): void {
    this.write(async () => {
      this.onLog(await appendLog(this.folder, line));
    });
  }

  /** Waits for all that was written; throws what a write met. */
  async flushed(): Promise<void> {
    await this.writing;
    if (this.failure !== undefined) throw this.failure;
  }

  private write(step: () => Promise<void>): void {
    this.writing = this.writing.then(step).catch((error: unknown) => {
      this.failure ??= error instanceof Error ? error : new Error(String(error));
    });
  }
}

/** A resumed run promises the same bytes only on the machine and engine it began with. */
function changedSince({ identity, settings }: IdentifiedRun, device: ComputeDevice): string[] {
  const changes: string[] = [];
  if (identity.engineVersion !== engineVersion) {
    changes.push(
      `The run began with engine ${identity.engineVersion} and goes on with ${engineVersion}: its numbers may differ.`,
    );
  }
  const platform = `${process.platform}-${process.arch}`;
  if (settings.platform !== platform) {
    changes.push(`The run began on ${settings.platform} and goes on on ${platform}: its numbers may differ.`);
  }
  const [began, goesOn] = [cardOf(settings.device), cardOf(device)];
  if (began !== goesOn) {
    changes.push(`The run began on ${began} and goes on on ${goesOn}: its numbers may differ.`);
  }
  return changes;
}

const cardOf = (device: ComputeDevice): string => (device.kind === 'webgpu' ? device.card : 'the processor');

function asRunEvent(
  event: Exclude<JobEvent, { type: 'memory' }>,
  timeLeft: (stage: JobStage, fraction: number) => number | null,
): RunEvent {
  if (event.type === 'metric' || event.type === 'training-step' || event.type === 'validation') return event;
  if (event.type === 'text') throw new RangeError('A run generates no text.');
  if (event.stage === 'evaluate' || event.stage === 'hash' || event.stage === 'test-device') {
    throw new RangeError(`A run has no stage "${event.stage}".`);
  }
  if (event.type === 'stage') return { type: 'stage', stage: event.stage };
  return { ...event, stage: event.stage, timeLeftMs: timeLeft(event.stage, event.fraction) };
}

/**
 * Time left in the stage, at its pace since its first progress: a resumed stage begins with a part done, which took
 * none of this time. null until there is something to judge by.
 */
export function timeLeftEstimator(
  now: () => number = Date.now,
): (stage: JobStage, fraction: number) => number | null {
  let current: JobStage | undefined;
  let startedAt = 0;
  let startedWith = 0;
  return (stage, fraction) => {
    if (stage !== current) {
      current = stage;
      startedAt = now();
      startedWith = fraction;
    }
    const elapsedMs = now() - startedAt;
    const done = fraction - startedWith;
    if (elapsedMs < 1000 || done < 0.02 * (1 - startedWith)) return null;
    return Math.round((elapsedMs * (1 - fraction)) / done);
  };
}

function lastEvent(outcome: Outcome<RunReport>): RunEvent {
  if (outcome.kind === 'done') return { type: 'finished' };
  if (outcome.kind === 'cancelled') return { type: 'cancelled' };
  const { code, message, hint } = outcome.error;
  return { type: 'failed', code, message, ...(hint !== undefined && { hint }) };
}

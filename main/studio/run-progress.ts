import { EngineError } from '../engine/errors.ts';
import type { ValidationRecord } from '../engine/recover/training-state.ts';
import type { RunStage, TrainingEvent, TrainingStage } from '../engine/run.ts';
import type { WorkerMemory } from '../worker/messages.ts';
import { peakMemoryIn } from './conduct-run.ts';
import { eventsIn, type TimedRunEvent } from './run-store.ts';
import { withTraining, type CurvePoint, type TrainingCurve } from './training-curve.ts';

/** What a run has said so far; the same whether it was heard live or read from the run's folder. */
export interface RunProgress {
  /** Done so far of reading model and data, 0 to 1, which comes before the stages; null when it is not being done. */
  readonly preparation: number | null;
  readonly stage: RunStage | null;
  /** Done so far of the stage, 0 to 1. */
  readonly fraction: number;
  readonly timeLeftMs: number | null;
  /** When it was last started or resumed. */
  readonly startedAt: string | null;
  /** When it ended, one way or another. */
  readonly endedAt: string | null;
  readonly metrics: Readonly<Record<string, number>>;
  /** The latest step of a training; null before the first. */
  readonly training: TrainingNow | null;
  readonly curves: Readonly<Partial<Record<TrainingStage, TrainingCurve>>>;
  readonly memoryBytes: number | null;
  readonly peakMemoryBytes: number | null;
  /** The last lines of log.txt. */
  readonly log: readonly string[];
  readonly error: RunFailure | null;
}

export interface TrainingNow extends CurvePoint {
  readonly stage: TrainingStage;
  /** In all. */
  readonly steps: number;
  readonly validation: ValidationRecord | null;
}

export interface RunFailure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Lines of a log that are shown; a run writes a few dozen. */
const shownLogLines = 500;

export const noProgress: RunProgress = {
  preparation: null,
  stage: null,
  fraction: 0,
  timeLeftMs: null,
  startedAt: null,
  endedAt: null,
  metrics: {},
  training: null,
  curves: {},
  memoryBytes: null,
  peakMemoryBytes: null,
  log: [],
  error: null,
};

/** What a run's folder says of its progress; a long training has a line a step, so they pass through one by one. */
export async function progressIn(folder: string, log: readonly string[]): Promise<RunProgress> {
  let progress = noProgress;
  for await (const event of eventsIn(folder)) progress = afterEvent(progress, event);
  return withLog(progress, log);
}

/** The progress with the lines of log.txt. */
export function withLog(progress: RunProgress, log: readonly string[]): RunProgress {
  return { ...progress, log: log.slice(-shownLogLines), peakMemoryBytes: peakMemoryIn(log) };
}

export function afterEvent(progress: RunProgress, event: TimedRunEvent): RunProgress {
  switch (event.type) {
    case 'started':
    case 'resumed':
      return { ...progress, startedAt: event.time, endedAt: null, timeLeftMs: null, error: null };
    case 'stage':
      return { ...progress, stage: event.stage, fraction: 0, timeLeftMs: null };
    case 'progress':
      return {
        ...progress,
        stage: event.stage,
        fraction: event.fraction,
        timeLeftMs: event.timeLeftMs,
      };
    case 'metric':
      return { ...progress, metrics: { ...progress.metrics, [event.name]: event.value } };
    case 'training-step':
    case 'validation':
      return afterTraining(progress, event);
    case 'warning':
      return progress;
    case 'failed': {
      const { code, message, hint } = event;
      return {
        ...ended(progress, event.time),
        error: { code, message, ...(hint !== undefined && { hint }) },
      };
    }
    case 'cancelled':
      // A person who kills a run sees no error in that its process has ended.
      return { ...ended(progress, event.time), error: null };
    case 'finished':
      return { ...ended(progress, event.time), fraction: 1 };
  }
}

function afterTraining(progress: RunProgress, event: TrainingEvent): RunProgress {
  const { stage } = event;
  const curve = withTraining(progress.curves[stage], event);
  const last = curve.points.last;
  const training = last && { ...last, stage, steps: curve.steps, validation: curve.validations.last };
  return { ...progress, training, curves: { ...progress.curves, [stage]: curve } };
}

/** What a run that could not be carried out shows of it. */
export function failureOf(error: unknown): RunFailure {
  if (error instanceof EngineError) {
    const { code, message, hint } = error;
    return { code, message, ...(hint !== undefined && { hint }) };
  }
  return { code: 'studio-failed', message: error instanceof Error ? error.message : String(error) };
}

export function afterLogLine(progress: RunProgress, line: string): RunProgress {
  return { ...progress, log: [...progress.log, line].slice(-shownLogLines) };
}

export function withMemory(progress: RunProgress, { rssBytes, peakRssBytes }: WorkerMemory): RunProgress {
  return { ...progress, memoryBytes: rssBytes, peakMemoryBytes: peakRssBytes };
}

/** A run whose model and data are being read: its stages have not begun, or not again. */
export function whilePreparing(progress: RunProgress, fraction: number): RunProgress {
  return {
    ...progress,
    preparation: fraction,
    startedAt: null,
    endedAt: null,
    timeLeftMs: null,
    error: null,
  };
}

/** The process is gone, and its memory with it. */
function ended(progress: RunProgress, time: string): RunProgress {
  return { ...progress, endedAt: time, timeLeftMs: null, memoryBytes: null };
}

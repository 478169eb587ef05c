import type { ErrorCode, ErrorFacts } from '../engine/errors.ts';
import type { Perplexity } from '../engine/evaluate/perplexity.ts';
import type { EvaluationSettings, RunReport, RunSettings, RunStage } from '../engine/run.ts';
import type { MemoryPlan } from '../engine/runtime/memory-plan.ts';

/** What a worker process can be asked to do; it does one job and ends. */
export type Job =
  | { readonly kind: 'run'; readonly settings: RunSettings; readonly folder: string }
  | {
      readonly kind: 'evaluate';
      readonly model: string;
      readonly evaluation: EvaluationSettings;
      readonly threads: number;
      readonly memory: MemoryPlan;
    };

/** What each kind of job gives back. */
export interface JobResults {
  readonly run: RunReport;
  readonly evaluate: Perplexity;
}

export type JobStage = RunStage | 'evaluate';

export type ToWorker = { readonly type: 'start'; readonly job: Job } | { readonly type: 'cancel' };

export interface JobError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: ErrorFacts;
  readonly hint?: string;
}

export type JobEvent =
  | { readonly type: 'stage'; readonly stage: JobStage }
  | { readonly type: 'progress'; readonly stage: JobStage; readonly fraction: number }
  | { readonly type: 'metric'; readonly name: string; readonly value: number };

export type FromWorker =
  | JobEvent
  | { readonly type: 'done'; readonly result: JobResults[keyof JobResults]; readonly peakRssBytes: number }
  | { readonly type: 'cancelled' }
  /** `stack`: where in the program an error of its own came up; for a log, not for people. */
  | { readonly type: 'failed'; readonly error: JobError; readonly stack?: string };

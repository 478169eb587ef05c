import type { CalibrationSampling } from '../engine/dataset/token-rows.ts';
import type { DeviceTest } from '../engine/device-test.ts';
import type { ErrorCode, ErrorFacts } from '../engine/errors.ts';
import type { CostReport, ForwardMemory } from '../engine/cost.ts';
import type { CostSettings } from '../engine/evaluate/cost/interleave.ts';
import type { MeasuredPerplexity } from '../engine/evaluate/perplexity.ts';
import type { EvaluationSettings } from '../engine/evaluation.ts';
import type { Generated, GenerationProgress } from '../engine/generate/generate.ts';
import type { DecodingShare, GenerationRequest } from '../engine/generation.ts';
import type { MachineShare } from '../engine/measure-model.ts';
import type { NetworkShape } from '../engine/families/family.ts';
import type { RecoverySettings } from '../engine/recovery.ts';
import type { TrainingForecast } from '../engine/recovery-forecast.ts';
import type { TrainingPreview } from '../engine/recovery-preview.ts';
import type { RunReport, RunSettings, RunStage, TrainingEvent } from '../engine/run.ts';
import type { ComputeDevice } from '../engine/runtime/device.ts';
import type { MemoryPlan } from '../engine/runtime/memory-plan.ts';

/** What a worker process can be asked to do; it does one job and ends. */
export type Job =
  | { readonly kind: 'run'; readonly settings: RunSettings; readonly folder: string }
  | {
      /** Perplexity alone, without a run. */
      readonly kind: 'evaluate';
      readonly model: string;
      readonly evaluation: EvaluationSettings;
      readonly threads: number;
      readonly memory: MemoryPlan;
      readonly device: ComputeDevice;
    }
  /** Continues a prompt; tells of each token. */
  | ({ readonly kind: 'generate' } & GenerationRequest & DecodingShare)
  /** Times models in turn; has forwards done in processes of their own. */
  | {
      readonly kind: 'measure-cost';
      /** Folders; the first is what the others are compared with. */
      readonly models: readonly string[];
      readonly cost: CostSettings;
      readonly share: MachineShare;
    }
  /** What one forward takes of this process. */
  | { readonly kind: 'measure-forward'; readonly model: string; readonly share: MachineShare }
  /** Tries the graphics card; tells of the stage once there is something to try. */
  | { readonly kind: 'test-device'; readonly threads: number }
  /** The calibration rows that a run would draw from `source`. */
  | {
      readonly kind: 'preview-text';
      readonly model: string;
      readonly source: string;
      readonly sampling: CalibrationSampling;
    }
  /** How much there is to evaluate on. */
  | {
      readonly kind: 'measure-text';
      readonly model: string;
      readonly text: string;
      readonly seqLen: number;
      readonly samples: number | null;
    }
  /** The rows that a recovery would train on. */
  | {
      readonly kind: 'preview-training';
      readonly model: string;
      readonly recover: RecoverySettings;
      readonly memory: MemoryPlan;
    }
  /** How long a recovery would take; computes for some seconds. */
  | {
      readonly kind: 'forecast-training';
      readonly model: string;
      readonly recover: RecoverySettings;
      /** Of the layers as they will be pruned. */
      readonly shape: NetworkShape;
      readonly threads: number;
      readonly memory: MemoryPlan;
      readonly device: ComputeDevice;
    }
  /** The sha256 of each file, in hex. */
  | { readonly kind: 'hash-files'; readonly paths: readonly string[] };

export interface TextPreview {
  readonly kind: 'text' | 'texts' | 'ids';
  /** Rows of a JSONL file, characters of a plain text. */
  readonly rows: number;
  /** Tokens of all the rows drawn. */
  readonly tokens: number;
  /** The first rows drawn. */
  readonly samples: readonly { readonly text: string; readonly tokens: number }[];
}

export interface TextMeasure {
  readonly tokens: number;
  /** Whole chunks of `seqLen` tokens. */
  readonly chunks: number;
}

/** What each kind of job gives back. */
export interface JobResults {
  readonly run: RunReport;
  readonly evaluate: readonly MeasuredPerplexity[];
  readonly generate: Generated;
  readonly 'measure-cost': CostReport;
  readonly 'measure-forward': ForwardMemory;
  readonly 'test-device': DeviceTest;
  readonly 'preview-text': TextPreview;
  readonly 'measure-text': TextMeasure;
  readonly 'preview-training': TrainingPreview;
  readonly 'forecast-training': TrainingForecast;
  readonly 'hash-files': readonly string[];
}

export type JobStage = RunStage | 'evaluate' | 'hash' | 'test-device';

/** What a worker has done in another process. */
export type HelperJob = Extract<Job, { kind: 'measure-forward' }>;

/** `end` answers the last message of a job: it has arrived. `helped` answers `help`. */
export type ToWorker =
  | { readonly type: 'start'; readonly job: Job }
  | { readonly type: 'cancel' }
  | { readonly type: 'end' }
  | { readonly type: 'helped'; readonly outcome: Outcome<JobResults[HelperJob['kind']]> };

export interface JobError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: ErrorFacts;
  readonly hint?: string;
}

/** How a job ended. `stack`: where in the program an error of its own came up; for a log, not for people. */
export type Outcome<T> =
  | { readonly kind: 'done'; readonly result: T; readonly peakRssBytes: number }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly error: JobError; readonly stack?: string };

export type JobEvent =
  | { readonly type: 'stage'; readonly stage: JobStage }
  | { readonly type: 'progress'; readonly stage: JobStage; readonly fraction: number }
  | { readonly type: 'metric'; readonly name: string; readonly value: number }
  | TrainingEvent
  | ({ readonly type: 'text' } & GenerationProgress)
  | ({ readonly type: 'memory' } & WorkerMemory);

/** Resident memory of a worker process: now, and its highest so far. */
export interface WorkerMemory {
  readonly rssBytes: number;
  readonly peakRssBytes: number;
}

export type FromWorker =
  | JobEvent
  | { readonly type: 'done'; readonly result: JobResults[keyof JobResults]; readonly peakRssBytes: number }
  | { readonly type: 'cancelled' }
  /** Asks for a job in another process; one at a time. */
  | { readonly type: 'help'; readonly job: HelperJob }
  | { readonly type: 'failed'; readonly error: JobError; readonly stack?: string };

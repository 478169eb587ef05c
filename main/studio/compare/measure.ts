/** What kinds of numbers models are compared by, in the order of the table. */
export type MeasureKind =
  | 'parameters'
  | 'macs'
  | 'weights'
  | 'memory'
  | 'perplexity'
  | 'task'
  | 'task-average'
  | 'peak-memory'
  | 'prefill-speed'
  | 'decode-speed'
  | 'prefill-latency'
  | 'decode-latency'
  | 'prefill-speedup'
  | 'decode-speedup';

export type MeasureUnit =
  'count' | 'macs' | 'bytes' | 'perplexity' | 'share' | 'per-second' | 'ms' | 'factor';

/** How a number was measured; numbers of different protocols are not to be compared. */
export type Protocol =
  | { readonly about: 'text'; readonly text: string; readonly seqLen: number; readonly chunks: number }
  | {
      readonly about: 'tasks';
      /** acc, or acc_norm; null of an average. */
      readonly metric: string | null;
      /** Of an average: how many tasks. */
      readonly tasks: number | null;
      readonly fewShot: number;
      /** Whether a BOS stood in front of each question. */
      readonly bos: boolean;
      /** First questions of a task that were asked at most; null: all. */
      readonly limit: number | null;
      readonly harness: string;
    }
  | {
      readonly about: 'machine';
      /** Rows that grow together, tokens each begins with, tokens it grows by. */
      readonly batchSize: number;
      readonly promptLength: number;
      readonly newTokens: number;
      /** Rounds that were timed. */
      readonly repeats: number;
      readonly threads: number;
      /** The run whose measurement it is of, where numbers of others are not to be compared. */
      readonly run: string | null;
    };

/** What a row of numbers is about. */
export interface MeasureSubject {
  /** Equal for numbers that may be compared, and for no others: it holds the protocol, as far as that tells them apart. */
  readonly id: string;
  readonly kind: MeasureKind;
  /** What is measured, beside its kind: a task, a setting of a measurement. */
  readonly subject: string;
  /** null where there is one way only. */
  readonly protocol: Protocol | null;
  readonly unit: MeasureUnit;
  readonly better: 'lower' | 'higher';
}

/** One number of one model. */
export interface Measure extends MeasureSubject {
  readonly value: number;
  /** Standard error, or half the spread, in the unit of the value; null where it is exact or not known. */
  readonly error: number | null;
  /** A time or a peak by itself: what else the machine did is in it, so that a difference of two says nothing. */
  readonly isNoisy?: true;
  /** What published tables hold the same number under, measured by the same protocol; null where they hold none. */
  readonly printedAs: string | null;
}

/** A number that has one protocol, and no error. */
export function plainMeasure(kind: MeasureKind, unit: MeasureUnit, value: number): Measure {
  return {
    id: kind,
    kind,
    subject: '',
    protocol: null,
    unit,
    better: 'lower',
    value,
    error: null,
    printedAs: null,
  };
}

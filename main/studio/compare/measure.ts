import type { MeasureKind, MeasureUnit, Protocol } from '../../../preload/forms/measures.ts';

/** What a row of numbers is about. */
export interface MeasureSubject {
  /** Equal for numbers that may be compared, and for no others: it holds the protocol, as far as that tells them apart. */
  readonly id: string;
  readonly kind: MeasureKind;
  /** What is measured, beside its kind: a task, a percentile; empty where the kind says all. */
  readonly subject: string;
  /** null where there is one way only. */
  readonly protocol: Protocol | null;
  readonly unit: MeasureUnit;
  readonly better: 'lower' | 'higher';
  /** What else tells the number from others of the same kind, subject and protocol: hashes, counts, a folder. */
  readonly marks: readonly string[];
}

/** One number of one model. */
export interface Measure extends MeasureSubject {
  readonly value: number;
  /** Standard error, or half the spread, in the unit of the value; null where it is exact or not known. */
  readonly error: number | null;
  /** A peak, or a rare delay, by itself: how far it would be off another time is not known. */
  readonly isNoisy?: true;
  /**
   * Standard error of the value's ratio to that of the first model of its measurement, which was timed in turn with
   * it: the machine's other work is in both.
   */
  readonly ratioError?: number;
  /** Measured on the run's pruned model, which has the same widths. */
  readonly isOfPruned?: true;
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
    marks: [],
    value,
    error: null,
    printedAs: null,
  };
}

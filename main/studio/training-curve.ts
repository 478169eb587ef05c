import type { StepReport } from '../engine/recover/trainer.ts';
import type { ValidationRecord } from '../engine/recover/training-state.ts';
import type { TrainingEvent } from '../engine/run.ts';

/** A training's steps that are kept to be drawn; a chart has no more pixels. */
const mostPoints = 1000;

export type CurvePoint = Omit<StepReport, 'steps'>;

/** Every so many of the records that came, and the last. */
interface Thinned<T> {
  readonly every: number;
  readonly seen: number;
  readonly kept: readonly T[];
  readonly last: T | null;
}

/** A training so far; as large after a million steps as after a thousand. */
export interface TrainingCurve {
  readonly steps: number;
  readonly points: Thinned<CurvePoint>;
  readonly validations: Thinned<ValidationRecord>;
}

const empty = { every: 1, seen: 0, kept: [], last: null };
const noCurve: TrainingCurve = { steps: 0, points: empty, validations: empty };

export function withTraining(curve: TrainingCurve = noCurve, event: TrainingEvent): TrainingCurve {
  if (event.type === 'validation') {
    const { step, loss } = event;
    return { ...curve, validations: withRecord(curve.validations, { step, loss }) };
  }
  const { step, steps, loss, learningRate, gradientNorm, tokensPerSecond } = event;
  const point = { step, loss, learningRate, gradientNorm, tokensPerSecond };
  return { ...curve, steps, points: withRecord(curve.points, point) };
}

/** In order, the last among them. */
export function recordsOf<T extends { readonly step: number }>({ kept, last }: Thinned<T>): readonly T[] {
  return last === null || kept.at(-1)?.step === last.step ? kept : [...kept, last];
}

/** A resumed training takes steps anew that were not kept: they take their own place, so that no curve goes back. */
function withRecord<T extends { readonly step: number }>(curve: Thinned<T>, record: T): Thinned<T> {
  const { every, seen, kept, last } = curve;
  if (last !== null && record.step <= last.step) {
    return {
      ...curve,
      kept: kept.map((known) => (known.step === record.step ? record : known)),
      last: record.step === last.step ? record : last,
    };
  }
  const isKept = seen % every === 0;
  const grown = { every, seen: seen + 1, kept: isKept ? [...kept, record] : kept, last: record };
  if (grown.kept.length < mostPoints) return grown;
  return { ...grown, every: 2 * every, kept: grown.kept.filter((_, i) => i % 2 === 0) };
}

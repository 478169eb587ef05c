import { EngineError } from '../errors.ts';
import type { StepRecord, ValidationRecord } from './training-state.ts';

/** Steps whose mean a loss is compared with; at the beginning, those there are. */
const window = 20;
/** Far above is at least twice as high, and at least one nat higher: noise is below either. */
const spikeFactor = 2;
const spikeNats = 1;

/**
 * Refuses a step of numbers that are none, before anything is changed by it.
 * @param lastGoodStep Steps taken so far.
 * @throws EngineError training-diverged for a loss or gradient that is not finite.
 */
export function requireFiniteStep(step: StepRecord, lastGoodStep: number): void {
  const { loss, gradientNorm } = step;
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  const what = Number.isFinite(loss) ? 'gradient' : 'loss';
  throw diverged(`its ${what} is not a finite number`, step, lastGoodStep);
}

/**
 * Whether a step's loss is far above what was reached before: a training gone astray, by a spike or by and by, or rows
 * that are hard by themselves.
 */
export function isSuspicious({ loss }: StepRecord, before: readonly StepRecord[]): boolean {
  return before.length > 0 && isFarAbove(loss, lowestMean(before));
}

/**
 * Refuses a suspicious step whose rows were easier before any training: hard rows are no fault of it.
 * @param untrainedLoss Of the same rows, without the adapter.
 * @throws EngineError training-diverged.
 */
export function requireRowsToBlame(step: StepRecord, untrainedLoss: number, lastGoodStep: number): void {
  if (!isFarAbove(step.loss, untrainedLoss)) return;
  const why = `its loss is ${step.loss.toFixed(3)}, and ${untrainedLoss.toFixed(3)} on the same rows before any training, at a learning rate of ${step.learningRate}`;
  throw diverged(why, step, lastGoodStep);
}

/**
 * Refuses a validation that shows a training gone astray.
 * @param earlier The validations before it, the first of them before any step.
 * @throws EngineError training-diverged for a loss that is not finite, or far above the lowest so far; compute-failed where
 * it was none from the start.
 */
export function requireSoundValidation(
  { step, loss }: ValidationRecord,
  earlier: readonly ValidationRecord[],
): void {
  if (!Number.isFinite(loss)) {
    throw new EngineError(
      step === 0 ? 'compute-failed' : 'training-diverged',
      `The validation loss after step ${step} is not a finite number.`,
      { step },
      step === 0
        ? 'The weights of the model may hold NaN or infinity. Get them again, or try the model elsewhere.'
        : remedy,
    );
  }
  if (earlier.length === 0) return;
  const best = earlier.reduce((lowest, record) => (record.loss < lowest.loss ? record : lowest));
  if (!isFarAbove(loss, best.loss)) return;
  throw new EngineError(
    'training-diverged',
    `The training stopped after step ${step}: its validation loss is ${loss.toFixed(3)}, and was ${best.loss.toFixed(3)} after step ${best.step}. The adapter of step ${best.step} is kept.`,
    { step, loss, bestStep: best.step, bestLoss: best.loss },
    remedy,
  );
}

const isFarAbove = (loss: number, usual: number): boolean =>
  loss >= spikeFactor * usual && loss >= usual + spikeNats;

/** Of the means over `window` steps in a row: a loss that climbs by and by does not take its measure along. */
function lowestMean(steps: readonly StepRecord[]): number {
  const length = Math.min(window, steps.length);
  let sum = steps.slice(0, length).reduce((total, { loss }) => total + loss, 0);
  let lowest = sum;
  for (let i = length; i < steps.length; i++) {
    sum += steps[i].loss - steps[i - length].loss;
    lowest = Math.min(lowest, sum);
  }
  return lowest / length;
}

const remedy =
  'Train again in another folder with a third of recover.learningRate, or with more recover.warmupSteps.';

function diverged(why: string, step: StepRecord, lastGoodStep: number): EngineError {
  return new EngineError(
    'training-diverged',
    `The training stopped at step ${lastGoodStep + 1}: ${why}. The state after step ${lastGoodStep} is kept.`,
    {
      step: lastGoodStep + 1,
      lastGoodStep,
      loss: Number.isFinite(step.loss) ? step.loss : null,
      gradientNorm: Number.isFinite(step.gradientNorm) ? step.gradientNorm : null,
      learningRate: step.learningRate,
    },
    remedy,
  );
}

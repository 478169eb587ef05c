import { EngineError } from '../errors.ts';
import type { StepRecord, ValidationRecord } from './training-state.ts';

/** Steps whose mean a loss is compared with. */
const window = 20;
/** A spike is a loss of at least twice that mean, and at least one nat above it: noise is below either. */
const spikeFactor = 2;
const spikeNats = 1;

/**
 * Refuses a step that would ruin the training, before anything is changed by it.
 * @param before The steps taken so far.
 * @throws EngineError training-diverged for a loss or gradient that is not finite, and for a spike of the loss.
 */
export function requireConverging(
  step: StepRecord,
  before: readonly StepRecord[],
  lastGoodStep: number,
): void {
  const { loss, gradientNorm, learningRate } = step;
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
    const what = Number.isFinite(loss) ? 'gradient' : 'loss';
    throw diverged(`its ${what} is not a finite number`, step, before.length, lastGoodStep);
  }
  const recent = before.slice(-window);
  if (recent.length < window) return;
  const mean = recent.reduce((total, record) => total + record.loss, 0) / window;
  if (!isFarAbove(loss, mean)) return;
  const why = `its loss of ${loss.toFixed(3)} is a spike: the ${window} steps before have a mean of ${mean.toFixed(3)}, at a learning rate of ${learningRate}`;
  throw diverged(why, step, before.length, lastGoodStep);
}

/**
 * Refuses a validation that shows a training gone astray: one that rose slowly, or before there were steps to compare with.
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

const remedy =
  'Train again in another folder with a third of recover.learningRate, or with more recover.warmupSteps.';

function diverged(why: string, step: StepRecord, index: number, lastGoodStep: number): EngineError {
  return new EngineError(
    'training-diverged',
    `The training stopped at step ${index + 1}: ${why}. The state after step ${lastGoodStep} is kept.`,
    {
      step: index + 1,
      lastGoodStep,
      loss: Number.isFinite(step.loss) ? step.loss : null,
      gradientNorm: Number.isFinite(step.gradientNorm) ? step.gradientNorm : null,
      learningRate: step.learningRate,
    },
    `${remedy} Look at the rows of that step where it comes back.`,
  );
}

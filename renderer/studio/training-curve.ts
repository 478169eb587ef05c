import type { RunProgress } from '../../preload/contract.ts';
import type { TrainingCurve, TrainingNow } from '../../preload/recovery-contract.ts';

/** Steps heard of since the curve was last asked for; it is asked for again long before these run out. */
const mostHeard = 400;

/** What was heard of trainings, with the step that came. */
export function afterStep(
  heard: readonly TrainingNow[],
  { training }: Pick<RunProgress, 'training'>,
): readonly TrainingNow[] {
  if (training === null) return heard;
  const last = heard.at(-1);
  if (last?.stage === training.stage && last.step === training.step) {
    const isSame = last.validation?.step === training.validation?.step;
    return isSame ? heard : [...heard.slice(0, -1), training];
  }
  return [...heard, training].slice(-mostHeard);
}

/** The curve that main gave, with the steps that came since; it only ever grows. */
export function grownCurve(
  known: TrainingCurve | null,
  stage: TrainingNow['stage'],
  heard: readonly TrainingNow[],
): TrainingCurve | null {
  const since = heard.filter((now) => now.stage === stage);
  if (known === null && since.length === 0) return null;
  const points = [...(known?.points ?? [])];
  const validations = [...(known?.validations ?? [])];
  for (const { step, loss, learningRate, gradientNorm, tokensPerSecond, validation } of since) {
    if (step > (points.at(-1)?.step ?? 0)) {
      points.push({ step, loss, learningRate, gradientNorm, tokensPerSecond });
    }
    if (validation !== null && validation.step > (validations.at(-1)?.step ?? -1))
      validations.push(validation);
  }
  return { steps: since.at(-1)?.steps ?? known?.steps ?? 0, points, validations };
}

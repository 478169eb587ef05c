import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RunProgress } from '../../preload/contract.ts';
import type { TrainingCurves } from '../../preload/recovery-contract.ts';
import { Facts } from '../components/facts.tsx';
import { Panel } from '../components/panel.tsx';
import { useFormats } from '../language/use-formats.ts';
import { LossChart, StepChart } from './training-charts.tsx';

/** A training at work: its curve, and the numbers of its latest step. */
export function TrainingAtWork({
  curves,
  lossHeight,
}: {
  readonly curves: TrainingCurves;
  readonly lossHeight: number;
}): ReactNode {
  const latest = curves['recover-control'] ?? curves.recover;
  if (latest === null) return null;
  return (
    <>
      <LossChart curves={curves} height={lossHeight} />
      <div className="step-charts">
        <StepChart curve={latest} quantity="learningRate" height={120} />
        <StepChart curve={latest} quantity="gradientNorm" height={120} />
      </div>
    </>
  );
}

/** The latest step in numbers. */
export function TrainingNumbers({ training }: Pick<RunProgress, 'training'>): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  if (training === null) return null;
  const { step, steps, loss, learningRate, gradientNorm, tokensPerSecond, validation } = training;
  return (
    <Panel title={t(`stages.${training.stage}.name`)}>
      <Facts
        facts={[
          {
            name: t('training.step'),
            term: 'steps',
            value: t('training.stepOf', { step: formats.count(step), steps: formats.count(steps) }),
          },
          { name: t('training.loss'), term: 'trainingLoss', value: formats.loss(loss) },
          {
            name: t('training.validationLoss'),
            term: 'validationLoss',
            value: validation ? formats.loss(validation.loss) : '–',
          },
          { name: t('training.learningRate'), term: 'learningRate', value: formats.score(learningRate) },
          { name: t('training.gradientNorm'), term: 'gradientNorm', value: formats.score(gradientNorm) },
          {
            name: t('training.tokensPerSecond'),
            term: 'tokensPerSecond',
            value: formats.count(tokensPerSecond),
          },
        ]}
      />
    </Panel>
  );
}

import { useMemo, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { TrainingCurve, TrainingCurves } from '../../preload/recovery-contract.ts';
import { LineChart } from '../charts/line-chart.tsx';
import type { ChartLine } from '../charts/line-data.ts';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';

/** Loss over the steps, of training and validation; of the control as well, where it has begun. */
export function LossChart({
  curves,
  height,
}: {
  readonly curves: TrainingCurves;
  readonly height: number;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { recover, 'recover-control': control } = curves;
  const words = {
    training: t('training.training'),
    validation: t('training.validation'),
    control: t('training.control'),
  };
  const { training, validation, control: controlName } = words;
  const lines = useMemo(
    (): ChartLine[] => [
      {
        name: training,
        color: 'data',
        marks: false,
        points: (recover?.points ?? []).map((p) => [p.step, p.loss]),
      },
      {
        name: validation,
        color: 'accent',
        marks: true,
        points: (recover?.validations ?? []).map(({ step, loss }) => [step, loss]),
      },
      ...(control === null
        ? []
        : [
            {
              name: controlName,
              color: 'worse' as const,
              marks: control.validations.length > 0,
              points:
                control.validations.length > 0
                  ? control.validations.map(({ step, loss }) => [step, loss] as const)
                  : control.points.map((p) => [p.step, p.loss] as const),
            },
          ]),
    ],
    [recover, control, training, validation, controlName],
  );
  return (
    <LineChart
      title={<Term name="trainingLoss">{t('training.loss')}</Term>}
      name={t('training.loss')}
      lines={lines}
      xName={t('training.step')}
      xEnd={Math.max(recover?.steps ?? 0, control?.steps ?? 0)}
      height={height}
      format={formats.score}
    />
  );
}

/** One quantity of a training over its steps. */
export function StepChart({
  curve,
  quantity,
  height,
}: {
  readonly curve: TrainingCurve;
  readonly quantity: 'learningRate' | 'gradientNorm';
  readonly height: number;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const name = t(`training.${quantity}`);
  const lines = useMemo(
    (): ChartLine[] => [
      { name, color: 'data', marks: false, points: curve.points.map((p) => [p.step, p[quantity]]) },
    ],
    [curve, quantity, name],
  );
  return (
    <LineChart
      title={<Term name={quantity}>{name}</Term>}
      name={name}
      lines={lines}
      xName={t('training.step')}
      xEnd={curve.steps}
      height={height}
      format={formats.score}
    />
  );
}

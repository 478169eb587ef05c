import type { TFunction } from 'i18next';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecoveryReport, TrainingCurve, TrainingCurves } from '../../preload/recovery-contract.ts';
import { Panel } from '../components/panel.tsx';
import { Term, type TermName } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import type { Formats } from '../language/formats.ts';

type Trained = RecoveryReport['recovered'];

/** What the training was, and that of the control beside it. */
export function RecoveryPanel({
  recovery: { recovered, control },
  curves,
}: {
  readonly recovery: RecoveryReport;
  readonly curves: TrainingCurves;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const columns = [factsOf(recovered, curves.recover, formats, t)];
  if (control !== null) columns.push(factsOf(control, curves['recover-control'], formats, t));
  return (
    <Panel title={<Term name="recovery">{t('results.recovery')}</Term>} className="recovery-panel">
      <table className="data-table">
        {control !== null && (
          <thead>
            <tr>
              <td />
              <th scope="col">{t('bar.recovered')}</th>
              <th scope="col">
                <Term name="control">{t('bar.control')}</Term>
              </th>
            </tr>
          </thead>
        )}
        <tbody>
          {columns[0].map(({ name, term }, i) => (
            <tr key={name}>
              <th scope="row">
                <Term name={term}>{name}</Term>
              </th>
              {columns.map((facts, column) => (
                <td key={column}>{facts[i].value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function factsOf(
  trained: Trained,
  curve: TrainingCurve | null,
  formats: Formats,
  t: TFunction,
): { readonly name: string; readonly term: TermName; readonly value: string }[] {
  const { perplexity, validationLoss, steps, keptStep, rows, validationRows, passedOver } = trained;
  const speed = meanSpeed(curve);
  return [
    {
      name: t('quantities.perplexity'),
      term: 'perplexity',
      value: perplexity === null ? '–' : formats.perplexity(perplexity),
    },
    {
      name: t('training.validationLoss'),
      term: 'validationLoss',
      value: validationLoss
        ? t('results.lossFromTo', {
            before: formats.loss(validationLoss.before),
            after: formats.loss(validationLoss.kept),
          })
        : '–',
    },
    {
      name: t('recovery.steps'),
      term: 'steps',
      value: t(keptStep === steps ? 'results.stepsOf' : 'results.keptAfter', {
        steps: formats.count(steps),
        kept: formats.count(keptStep),
      }),
    },
    {
      name: t('training.rows'),
      term: 'recoveryData',
      value: t('results.rowsOf', {
        rows: formats.count(rows),
        validation: formats.count(validationRows),
        passedOver: formats.count(passedOver),
      }),
    },
    {
      name: t('training.trainable'),
      term: 'trainable',
      value: formats.count(trained.trainableParameters),
    },
    {
      name: t('training.tokensPerSecond'),
      term: 'tokensPerSecond',
      value: speed === null ? '–' : formats.count(speed),
    },
  ];
}

function meanSpeed(curve: TrainingCurve | null): number | null {
  if (curve === null || curve.points.length === 0) return null;
  return (
    curve.points.reduce((total, { tokensPerSecond }) => total + tokensPerSecond, 0) / curve.points.length
  );
}

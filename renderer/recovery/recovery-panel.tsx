import type { TFunction } from 'i18next';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecoveryReport, TrainingPerformance } from '../../preload/recovery-contract.ts';
import type { RunReport } from '../../preload/contract.ts';
import { Panel } from '../components/panel.tsx';
import { Term, type TermName } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import type { Formats } from '../language/formats.ts';

type Trained = RecoveryReport['recovered'];

/** What the training was, and that of the control beside it. */
export function RecoveryPanel({
  recovery: { recovered, control },
  performance,
}: {
  readonly recovery: RecoveryReport;
  readonly performance: RunReport['performance'];
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const columns = [factsOf(recovered, performance?.recovered ?? null, formats, t)];
  if (control !== null) columns.push(factsOf(control, performance?.control ?? null, formats, t));
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
      {recovered.endedInWarmUp === true && <p className="warning-notice">{t('results.endedInWarmUp')}</p>}
    </Panel>
  );
}

function factsOf(
  trained: Trained,
  performance: TrainingPerformance | null,
  formats: Formats,
  t: TFunction,
): { readonly name: string; readonly term: TermName; readonly value: string }[] {
  const { perplexity, validationLoss, steps, keptStep, rows, validationRows, passedOver } = trained;
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
      value: performance
        ? t('results.speedOf', {
            speed: formats.count(Math.round(performance.tokensPerSecond)),
            percent: formats.wholePercent(performance.tokensPerSecond / performance.tokensPerSecondAtRawRate),
          })
        : '–',
    },
    {
      name: t('training.peakMemory'),
      term: 'trainingMemory',
      value: performance
        ? t('results.memoryOf', {
            peak: formats.bytes(performance.peakMemoryBytes),
            budget: formats.bytes(performance.memoryBudgetBytes),
          })
        : '–',
    },
  ];
}

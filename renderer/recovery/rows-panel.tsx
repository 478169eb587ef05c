import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { TrainingPreview } from '../../preload/recovery-contract.ts';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Panel } from '../components/panel.tsx';
import { useFormats } from '../language/use-formats.ts';
import type { Asked } from '../wizard/use-asked.ts';

/** The first rows as they will be trained: what the model reads, and, marked, what it learns to write. */
export function RowsPanel({
  hasData,
  asked: { answer: preview, failure, isBusy },
}: {
  readonly hasData: boolean;
  readonly asked: Asked<TrainingPreview>;
}): ReactNode {
  const { t } = useTranslation();
  return (
    <Panel title={t('recovery.rows')} className="samples-panel">
      {failure && <ErrorNotice error={failure} />}
      {!hasData && <p className="empty">{t('recovery.rowsEmpty')}</p>}
      {isBusy && preview === null && <p className="quiet">{t('data.reading')}</p>}
      {preview && failure === null && <TrainingRows preview={preview} />}
    </Panel>
  );
}

function TrainingRows({ preview }: { readonly preview: TrainingPreview }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { rows, passedOver, validationRows, tokens, learntTokens, samples } = preview;
  return (
    <>
      <p className="number">
        {t('recovery.rowsOf', {
          rows: formats.count(rows),
          validation: formats.count(validationRows),
          tokens: formats.count(tokens),
          learnt: formats.count(learntTokens),
        })}
      </p>
      {passedOver > 0 && (
        <p className="warning-notice">{t('recovery.passedOver', { rows: formats.count(passedOver) })}</p>
      )}
      <p className="row-key">
        <mark className="learnt">{t('recovery.learnt')}</mark>
        <span className="quiet">{t('recovery.read')}</span>
      </p>
      <ol className="samples training-rows" tabIndex={0} aria-label={t('recovery.rows')}>
        {samples.map((sample, i) => (
          <li key={i}>
            <span className="number">
              {t('recovery.rowTokens', {
                tokens: formats.count(sample.tokens),
                learnt: formats.count(sample.learntTokens),
              })}
            </span>
            <span className="training-row-text">
              {sample.parts.map(({ text, learnt }, part) =>
                learnt ? (
                  <mark key={part} className="learnt">
                    {text}
                  </mark>
                ) : (
                  <span key={part} className="quiet">
                    {text}
                  </span>
                ),
              )}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

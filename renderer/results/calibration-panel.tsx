import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Panel } from '../components/panel.tsx';
import { Term } from '../glossary/term.tsx';
import { useFormats } from '../language/use-formats.ts';
import { useAsked } from '../wizard/use-asked.ts';

/** The texts that a run was calibrated on, as it kept them; nothing for a run that read none. */
export function CalibrationPanel({ runId }: { readonly runId: string }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { answer: texts, failure } = useAsked('run:calibration', { runId }, runId, 0);
  if (failure === null && texts === null) return null;
  return (
    <Panel title={<Term name="calibrationTexts">{t('results.calibrationTexts')}</Term>}>
      {failure && <ErrorNotice error={failure} />}
      {texts && (
        <ol className="samples kept-samples" tabIndex={0} aria-label={t('results.calibrationTexts')}>
          {texts.samples.map(({ text, tokens, step }, i) => (
            <li key={i}>
              <span className="number">
                {t('data.tokens', { tokens: formats.count(tokens) })}
                {step !== null && <span className="below">{t('results.stepOf', { step })}</span>}
              </span>
              <span className={text === null ? 'sample-text quiet' : 'sample-text'}>
                {text ?? t('results.idsOnly')}
              </span>
            </li>
          ))}
        </ol>
      )}
      {texts?.hasMore && (
        <p className="quiet">{t('results.firstTexts', { shown: formats.count(texts.samples.length) })}</p>
      )}
    </Panel>
  );
}

import { Button } from 'antd';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorNotice } from '../components/error-notice.tsx';
import { Panel } from '../components/panel.tsx';
import { useFormats } from '../language/use-formats.ts';
import { hasEnded, type HeardSource } from './heard.ts';

/** What the models wrote, next to each other, with how fast it came. */
export function Answers({
  names,
  sources,
  onStop,
}: {
  /** Of the sources, in their order. */
  readonly names: readonly string[];
  readonly sources: readonly HeardSource[];
  readonly onStop: (index: number) => void;
}): ReactNode {
  const { t } = useTranslation();
  return (
    <>
      <div className="answers">
        {sources.map((source, index) => (
          <Answer key={index} name={names[index]} source={source} onStop={() => onStop(index)} />
        ))}
      </div>
      {sources.length > 1 && <p className="quiet remark">{t('generation.noMeasurement')}</p>}
    </>
  );
}

function Answer({
  name,
  source,
  onStop,
}: {
  readonly name: string;
  readonly source: HeardSource;
  readonly onStop: () => void;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const { text, last } = source;
  const state = last?.state ?? 'loading';
  const speed = last?.tokensPerSecond ?? null;
  const prefill = last?.prefillTokensPerSecond ?? null;
  const endedBy = last?.endedBy ?? null;
  const promptTokens = last?.promptTokens ?? null;
  const error = last?.error ?? null;
  return (
    <Panel
      title={name}
      actions={
        <Button
          size="small"
          disabled={hasEnded(source)}
          aria-label={t('generation.stopOne', { name })}
          onClick={onStop}
        >
          {t('generation.stopShort')}
        </Button>
      }
    >
      <p className="answer-speed number">
        {speed === null ? '–' : t('generation.speed', { speed: formats.score(speed) })}
      </p>
      <pre className="answer" tabIndex={0} role="group" aria-label={t('generation.output', { name })}>
        {text}
      </pre>
      <p className="quiet remark" role="status">
        {endedBy === null
          ? t(`generation.states.${state}`)
          : t('generation.ended', {
              state: t(`generation.states.${state}`),
              end: t(`generation.ends.${endedBy}`),
            })}
      </p>
      <p className="quiet remark number">
        {[
          ...(promptTokens === null
            ? []
            : [
                t('generation.counted', {
                  tokens: formats.count(last?.tokens ?? 0),
                  prompt: formats.count(promptTokens),
                }),
              ]),
          ...(prefill === null ? [] : [t('generation.prefill', { speed: formats.score(prefill) })]),
        ].join(' · ')}
      </p>
      {error !== null && <ErrorNotice error={error} />}
    </Panel>
  );
}

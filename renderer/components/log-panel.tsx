import type { TFunction } from 'i18next';
import { useEffect, useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormats } from '../language/use-formats.ts';
import { readLogLine } from '../studio/log-line.ts';
import { runMetrics } from '../studio/progress.ts';
import { Panel } from './panel.tsx';

/** A line of the log in the language on screen, with the time of day. */
function useLogWords(): (line: string) => string {
  const { t } = useTranslation();
  const formats = useFormats();
  return (written) => {
    const line = readLogLine(written);
    const time = line.time === '' ? '' : `${formats.timeOfDay(line.time)}  `;
    switch (line.kind) {
      case 'stage':
        return `${time}${t(`stages.${line.stage}.name`)}`;
      case 'metric':
        return `${time}${metricWords(line.name, t)}: ${formats.perplexity(line.value)}`;
      case 'validation':
        return `${time}${t('run.validationAfter', { step: formats.count(line.step), loss: formats.loss(line.loss) })}`;
      case 'event':
        return `${time}${t(`run.events.${line.type}`)}`;
      case 'text':
        return `${time}${line.text}`;
    }
  };
}

function metricWords(name: string, t: TFunction): string {
  const words: Readonly<Record<string, string>> = {
    [runMetrics.perplexityBefore]: t('run.perplexityBefore'),
    [runMetrics.perplexityAfter]: t('run.perplexityAfter'),
    [runMetrics.perplexityRecovered]: t('run.perplexityRecovered'),
    [runMetrics.perplexityControl]: t('run.perplexityControl'),
    [runMetrics.calibrationLoss]: t('run.calibrationLoss'),
  };
  return words[name] ?? name;
}

/** What the run wrote down, following new lines. */
export function LogPanel({ lines }: { readonly lines: readonly string[] }): ReactNode {
  const { t } = useTranslation();
  const words = useLogWords();
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    // Follows new lines, unless the person has scrolled up to read.
    if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  return (
    <Panel title={t('run.log')}>
      <pre
        className="log"
        ref={box}
        tabIndex={0}
        role="group"
        aria-label={t('run.log')}
        onScroll={({ currentTarget: at }) => {
          isAtEnd.current = at.scrollHeight - at.scrollTop - at.clientHeight < 24;
        }}
      >
        {lines.length === 0 ? t('run.logEmpty') : lines.map(words).join('\n')}
      </pre>
    </Panel>
  );
}

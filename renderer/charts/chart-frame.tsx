import { useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { copyPicture, copyText } from '../components/clipboard.ts';
import { CopyButton } from '../components/copy-button.tsx';
import { Panel } from '../components/panel.tsx';
import { palettes } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { csvOf, type CsvRow } from './csv.ts';
import { paintSvg } from './paint-svg.ts';

/** A chart under its title, to be copied as a picture or as numbers. */
export function ChartFrame({
  title,
  rows,
  children,
}: {
  readonly title: ReactNode;
  /** The chart's numbers, first row the names. */
  readonly rows: readonly CsvRow[];
  readonly children: ReactNode;
}): ReactNode {
  const { t } = useTranslation();
  const theme = useThemeName();
  const frame = useRef<HTMLDivElement>(null);
  const copyPng = async (): Promise<void> => {
    const svg = frame.current?.querySelector('svg');
    if (!svg) throw new Error('There is no chart to copy.');
    await copyPicture(paintSvg(svg, palettes[theme].surface));
  };
  return (
    <Panel
      title={title}
      actions={
        <>
          <CopyButton label={t('charts.copyPng')} onCopy={copyPng} />
          <CopyButton label={t('charts.copyCsv')} onCopy={() => copyText(csvOf(rows))} />
        </>
      }
    >
      <div className="chart" ref={frame}>
        {children}
      </div>
    </Panel>
  );
}

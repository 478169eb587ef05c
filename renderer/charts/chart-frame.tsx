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
    const drawing = frame.current?.querySelector<SVGSVGElement | HTMLCanvasElement>('svg, canvas');
    if (!drawing) throw new Error('There is no chart to copy.');
    const { surface } = palettes[theme];
    await copyPicture(
      drawing instanceof HTMLCanvasElement ? onGround(drawing, surface) : paintSvg(drawing, surface),
    );
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

/** A canvas is clear where nothing is drawn. */
function onGround(drawn: HTMLCanvasElement, background: string): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = drawn.width;
  canvas.height = drawn.height;
  const ctx = canvas.getContext('2d');
  if (ctx === null) throw new Error('There is no canvas to paint on.');
  ctx.fillStyle = background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.drawImage(drawn, 0, 0);
  return canvas;
}

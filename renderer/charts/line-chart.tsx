import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import uPlot from 'uplot';
import { useSize } from '../components/use-size.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { fontFamily, palettes, typeScale, type Palette } from '../theme/tokens.ts';
import { ChartFrame } from './chart-frame.tsx';
import { alignedLines, spreadLabels, tableRows, type ChartLine } from './line-data.ts';

export interface LineChartProps {
  readonly title: ReactNode;
  /** The title in plain words. */
  readonly name: string;
  readonly lines: readonly ChartLine[];
  /** What x counts. */
  readonly xName: string;
  readonly xEnd: number;
  readonly height: number;
  readonly format: (value: number) => string;
}

/** Lines over steps: drawn on a canvas, so that a point more a moment costs nothing. */
export function LineChart({ title, name, lines, xName, xEnd, height, format }: LineChartProps): ReactNode {
  const { t } = useTranslation();
  const stage = useRef<HTMLDivElement>(null);
  const { width } = useSize(stage);
  const colors = palettes[useThemeName()];
  const { xs, columns } = useMemo(() => alignedLines(lines), [lines]);
  const pointed = useDrawing(stage, { lines, xs, columns, xEnd, width, height, format, colors });
  const summary = lines
    .filter(({ points }) => points.length > 0)
    .map((line) => {
      const [first, last] = [line.points[0], line.points[line.points.length - 1]];
      const values = { from: first[0], first: format(first[1]), to: last[0], last: format(last[1]) };
      return t('training.describe', { name: line.name, ...values });
    });
  return (
    <ChartFrame
      title={title}
      rows={[
        [xName, ...lines.map((line) => line.name)],
        ...xs.map((x, i) => [x, ...columns.map((c) => c[i])]),
      ]}
    >
      <div className="line-chart" ref={stage} role="img" aria-label={[name, ...summary].join(' ')} />
      <p className="chart-reading number" aria-hidden="true">
        {pointed !== null &&
          [
            `${xName} ${xs[pointed]}`,
            ...lines.flatMap((line, i) => {
              const value = columns[i][pointed];
              return value === null ? [] : [`${line.name} ${format(value)}`];
            }),
          ].join('   ')}
      </p>
      <div className="visually-hidden">
        <table>
          <caption>{t('training.table', { title: name })}</caption>
          <thead>
            <tr>
              <th scope="col">{xName}</th>
              {lines.map((line) => (
                <th scope="col" key={line.name}>
                  {line.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {tableRows(xs, columns).map(([x, ...values]) => (
              <tr key={x}>
                <th scope="row">{x}</th>
                {values.map((value, i) => (
                  <td key={lines[i].name}>{value === null ? '–' : format(value)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </ChartFrame>
  );
}

interface Drawing extends Pick<LineChartProps, 'lines' | 'xEnd' | 'height' | 'format'> {
  readonly xs: readonly number[];
  readonly columns: readonly (readonly (number | null)[])[];
  readonly width: number;
  readonly colors: Palette;
}

/** Draws anew when size, theme or words change, and only the data when a point came. @returns the point under the pointer. */
function useDrawing(
  stage: { readonly current: HTMLDivElement | null },
  { lines, xs, columns, xEnd, width, height, format, colors }: Drawing,
): number | null {
  const [pointed, setPointed] = useState<number | null>(null);
  const plot = useRef<uPlot | null>(null);
  const shown = useRef({ xs, columns });
  shown.current = { xs, columns };
  const look = JSON.stringify(lines.map(({ name, color, marks }) => [name, color, marks]));
  useEffect(() => {
    const element = stage.current;
    if (element === null || width === 0) return undefined;
    const options = optionsOf(JSON.parse(look) as [string, LineColor, boolean][], colors, format, xEnd);
    const made = new uPlot(
      {
        ...options,
        width,
        height,
        hooks: { ...options.hooks, setCursor: [({ cursor }) => setPointed(cursor.idx ?? null)] },
      },
      dataOf(shown.current),
      element,
    );
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
  }, [stage, look, colors, format, xEnd, width, height]);
  useEffect(() => {
    plot.current?.setData(dataOf({ xs, columns }));
  }, [xs, columns]);
  return pointed !== null && pointed < xs.length ? pointed : null;
}

const dataOf = ({ xs, columns }: Pick<Drawing, 'xs' | 'columns'>): uPlot.AlignedData => [
  [...xs],
  ...columns.map((column) => [...column]),
];

type LineColor = ChartLine['color'];

/** For the longest name of a line. */
const labelRoom = 84;

function optionsOf(
  lines: readonly (readonly [name: string, color: LineColor, marks: boolean])[],
  colors: Palette,
  format: (value: number) => string,
  xEnd: number,
): Omit<uPlot.Options, 'width' | 'height'> {
  const axis = {
    stroke: colors.textQuiet,
    font: `${typeScale.xs}px ${fontFamily}`,
    ticks: { show: false },
    grid: { stroke: colors.line, width: 1 },
  };
  const series = lines.map(([, color, marks]) => ({
    stroke: colors[color],
    width: 1.5,
    spanGaps: true,
    points: { show: marks, size: 6, fill: colors[color] },
  }));
  // A single line has the title for a name.
  const isLabelled = lines.length > 1;
  return {
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false },
    scales: { x: { time: false, range: () => [0, Math.max(1, xEnd)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24 },
      { ...axis, size: 60, values: (_, splits) => splits.map(format) },
    ],
    series: [{}, ...series],
    padding: [12, isLabelled ? labelRoom : 8, 0, 0],
    hooks: {
      draw: [
        (plot) => {
          if (!isLabelled) return;
          drawLabels(
            plot,
            lines.map(([name]) => name),
            series.map(({ stroke }) => stroke),
          );
        },
      ],
    },
  };
}

/** Each line's name at its end, instead of a legend. */
function drawLabels(plot: uPlot, names: readonly string[], inks: readonly string[]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const ends = names.map((_, i) => {
    const values = plot.data[i + 1];
    const at = values.findLastIndex((value) => value !== null && value !== undefined);
    const value = values[at];
    return value === null || value === undefined
      ? null
      : { x: plot.valToPos(plot.data[0][at], 'x', true), y: plot.valToPos(value, 'y', true) };
  });
  const ys = spreadLabels(
    ends.map((end) => end?.y ?? null),
    (typeScale.xs + 3) * ratio,
    bbox.top + bbox.height,
  );
  ctx.save();
  ctx.font = `${typeScale.xs * ratio}px ${fontFamily}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ends.forEach((end, i) => {
    const y = ys[i];
    if (end === null || y === null) return;
    ctx.fillStyle = inks[i];
    ctx.fillText(names[i], end.x + 8 * ratio, y);
  });
  ctx.restore();
}

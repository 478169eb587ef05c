import { useMemo, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ChartFrame } from '../charts/chart-frame.tsx';
import type { CsvRow } from '../charts/csv.ts';
import { useSize } from '../components/use-size.ts';
import { useFormats } from '../language/use-formats.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { palettes, typeScale, type Palette } from '../theme/tokens.ts';
import {
  middleOf,
  scoreScale,
  type ScaleShape,
  type ScaleSpan,
  type ScoreColumn,
  type ScoreScale,
} from './score-columns.ts';

type ScoreKind = 'heads' | 'channels' | 'influence' | 'hidden';

export interface ScoresChartProps {
  readonly kind: ScoreKind;
  readonly columns: readonly ScoreColumn[];
  readonly layerCount: number;
  readonly span: ScaleSpan;
  readonly shape: ScaleShape;
  readonly selected: number | null;
  readonly onSelect: (layer: number | null) => void;
}

const height = 150;
const axisWidth = 60;
const labelHeight = 20;
const topRoom = 6;
const minLabelSpacing = 26;

/** Each layer's scores, the highest first: what stays is filled, what goes is hollow, the line is the threshold. */
export function ScoresChart(props: ScoresChartProps): ReactNode {
  const { kind, columns, layerCount, span, shape, selected, onSelect } = props;
  const { t } = useTranslation();
  const colors = palettes[useThemeName()];
  const stage = useRef<HTMLDivElement>(null);
  const { width } = useSize(stage);
  const [pointed, setPointed] = useState<number | null>(null);
  const scales = useMemo(() => scalesOf(columns, span, shape), [columns, span, shape]);
  const describe = useDescribeColumn(kind);
  const pitch = (width - axisWidth) / Math.max(1, layerCount);
  const shown = columns.find(({ layer }) => layer === (pointed ?? selected));
  const name = t(`importance.charts.${kind}`);
  const places = usePlaces(kind);
  const names = [t('map.layer'), t(`importance.units.${kind}`), t('importance.score'), t('charts.stayed')];
  const labelEvery = Math.max(1, Math.ceil(minLabelSpacing / pitch));
  return (
    <ChartFrame title={name} rows={csvRows(names, columns, places)}>
      <div ref={stage} className="scores-chart">
        {width > axisWidth && (
          <svg width={width} height={height + labelHeight + topRoom} role="img" aria-label={name}>
            <Axis
              scale={span === 'model' ? scales(columns[0]) : null}
              shape={shape}
              colors={colors}
              width={width}
            />
            {columns.map((column) => {
              const x = axisWidth + column.layer * pitch;
              return (
                <g key={column.layer}>
                  {column.layer === selected && (
                    <rect x={x} y={topRoom} width={pitch} height={height} fill={colors.accentWash} />
                  )}
                  <Column column={column} scale={scales(column)} x={x} width={pitch} colors={colors} />
                  {column.layer % labelEvery === 0 && (
                    <text
                      x={x + pitch / 2}
                      y={topRoom + height + 15}
                      textAnchor="middle"
                      fontSize={typeScale.xs}
                      fill={colors.textQuiet}
                    >
                      {places(column.layer)}
                    </text>
                  )}
                  <rect
                    className="scores-column"
                    x={x}
                    y={0}
                    width={pitch}
                    height={height + labelHeight + topRoom}
                    fill="none"
                    pointerEvents="all"
                    onPointerEnter={() => setPointed(column.layer)}
                    onPointerLeave={() => setPointed(null)}
                    onClick={() => onSelect(column.layer === selected ? null : column.layer)}
                  />
                </g>
              );
            })}
          </svg>
        )}
      </div>
      <p className="chart-reading number" aria-hidden="true">
        {shown && describe(shown).join(' · ')}
      </p>
      <ScoresTable name={name} columns={columns} places={places} />
    </ChartFrame>
  );
}

/** One scale for all columns, or one each. */
function scalesOf(
  columns: readonly ScoreColumn[],
  span: ScaleSpan,
  shape: ScaleShape,
): (column: ScoreColumn) => ScoreScale {
  if (span === 'model') {
    const scale = scoreScale(columns, shape);
    return () => scale;
  }
  const byColumn = new Map(columns.map((column) => [column, scoreScale([column], shape)]));
  return (column) => byColumn.get(column) ?? scoreScale([column], shape);
}

/** The base line and, where there is one scale, its numbers. */
function Axis({
  scale,
  shape,
  colors,
  width,
}: {
  readonly scale: ScoreScale | null;
  readonly shape: ScaleShape;
  readonly colors: Palette;
  readonly width: number;
}): ReactNode {
  const formats = useFormats();
  const base = topRoom + height + 0.5;
  const middle =
    scale === null
      ? 0
      : shape === 'log'
        ? Math.sqrt(scale.lowest * scale.highest)
        : (scale.lowest + scale.highest) / 2;
  return (
    <>
      <line x1={axisWidth} x2={width} y1={base} y2={base} stroke={colors.edge} strokeWidth={1} />
      {scale !== null &&
        [scale.lowest, middle, scale.highest].map((value, i) => (
          <text
            key={i}
            x={axisWidth - 8}
            y={topRoom + (height * (2 - i)) / 2}
            dy={i === 2 ? '0.7em' : i === 0 ? 0 : '0.35em'}
            textAnchor="end"
            fontSize={typeScale.xs}
            fill={colors.textQuiet}
          >
            {formats.score(value)}
          </text>
        ))}
    </>
  );
}

function Column({
  column,
  scale,
  x,
  width,
  colors,
}: {
  readonly column: ScoreColumn;
  readonly scale: ScoreScale;
  readonly x: number;
  readonly width: number;
  readonly colors: Palette;
}): ReactNode {
  const { values, stays, staying, threshold } = column;
  const gap = width > 5 ? Math.max(1, Math.min(8, width * 0.08)) : 0;
  const [left, inner] = [x + gap, Math.max(1, width - 2 * gap)];
  const yOf = (score: number): number => topRoom + height * (1 - scale.at(score));
  const base = topRoom + height;
  return (
    <>
      {stays === null ? (
        <>
          <path d={area(values, 0, staying, left, inner, yOf, base)} fill={colors.data} />
          <path
            d={area(values, staying, values.length, left, inner, yOf, base)}
            fill={colors.surface}
            stroke={colors.edge}
            strokeWidth={1}
          />
        </>
      ) : (
        values.map((value, i) => {
          const pitch = inner / values.length;
          const y = Math.min(yOf(value), base - 1);
          const bar = { x: left + i * pitch, y, width: Math.max(0.6, pitch - (pitch > 3 ? 1 : 0)) };
          return stays[i] ? (
            <rect key={i} {...bar} height={base - y} fill={colors.data} />
          ) : (
            <rect
              key={i}
              {...bar}
              height={base - y}
              fill={colors.surface}
              stroke={colors.edge}
              strokeWidth={pitch > 3 ? 1 : 0.4}
            />
          );
        })
      )}
      {threshold !== null && (
        <line
          x1={left}
          x2={left + inner}
          y1={yOf(threshold)}
          y2={yOf(threshold)}
          stroke={colors.worse}
          strokeWidth={1.5}
        />
      )}
    </>
  );
}

/** The part of a falling curve from one place to another, in steps of a value each, down to the base line. */
function area(
  values: readonly number[],
  from: number,
  to: number,
  left: number,
  width: number,
  yOf: (value: number) => number,
  base: number,
): string {
  if (to - from < 1e-9) return '';
  const xOf = (at: number): number => left + (width * at) / values.length;
  const steps: string[] = [`M${xOf(from)} ${base}`];
  for (let i = Math.floor(from); i < Math.min(values.length, Math.ceil(to)); i++) {
    const y = yOf(values[i]);
    steps.push(`L${xOf(Math.max(i, from))} ${y}L${xOf(Math.min(i + 1, to))} ${y}`);
  }
  return `${steps.join('')}L${xOf(to)} ${base}Z`;
}

/** What a column stands for, in a word: hidden indices go through all layers. */
function usePlaces(kind: ScoreKind): (layer: number) => string {
  const { t } = useTranslation();
  return (layer) => (kind === 'hidden' ? t('importance.allOfThem') : String(layer));
}

function useDescribeColumn(kind: ScoreKind): (column: ScoreColumn) => string[] {
  const { t } = useTranslation();
  const formats = useFormats();
  return ({ layer, values, staying, stays, threshold }) => {
    const whole = stays === null ? 1 : values.length;
    if (kind === 'influence') {
      return [
        t('map.layerNumber', { layer }),
        formats.score(values[0]),
        t(staying > 0 ? 'map.stays' : 'map.goes'),
      ];
    }
    const share = formats.percent(staying / values.length);
    return [
      kind === 'hidden' ? t('importance.allOfThem') : t('map.layerNumber', { layer }),
      t('importance.highest', { score: formats.score(values[0]) }),
      t('importance.median', { score: formats.score(middleOf(values)) }),
      t('importance.lowest', { score: formats.score(values[values.length - 1]) }),
      stays === null
        ? t('importance.shareStays', { share })
        : t('importance.headsStay', { count: staying, of: whole }),
      threshold === null ? '' : t('importance.threshold', { score: formats.score(threshold) }),
    ].filter((text) => text !== '');
  };
}

/** Of a head whether it stays, 1 or 0; of a share of channels, how much of it. */
function csvRows(
  names: readonly string[],
  columns: readonly ScoreColumn[],
  places: (layer: number) => string,
): CsvRow[] {
  const rows = columns.flatMap(({ layer, values, heads, stays, staying }) =>
    values.map((value, i): CsvRow => {
      const kept = stays === null ? Math.min(1, Math.max(0, staying - i)) : Number(stays[i]);
      return [places(layer), heads?.[i] ?? i, value, kept];
    }),
  );
  return [names, ...rows];
}

/** The chart for those who do not see it. */
function ScoresTable({
  name,
  columns,
  places,
}: {
  readonly name: string;
  readonly columns: readonly ScoreColumn[];
  readonly places: (layer: number) => string;
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const names = ['highest', 'median', 'lowest', 'threshold'] as const;
  return (
    <div className="visually-hidden">
      <table>
        <caption>{name}</caption>
        <thead>
          <tr>
            <th scope="col">{t('map.layer')}</th>
            {names.map((of) => (
              <th scope="col" key={of}>
                {t(`importance.columns.${of}`)}
              </th>
            ))}
            <th scope="col">{t('map.stays')}</th>
          </tr>
        </thead>
        <tbody>
          {columns.map(({ layer, values, threshold, staying }) => (
            <tr key={layer}>
              <th scope="row">{places(layer)}</th>
              <td>{formats.score(values[0])}</td>
              <td>{formats.score(middleOf(values))}</td>
              <td>{formats.score(values[values.length - 1])}</td>
              <td>{threshold === null ? '–' : formats.score(threshold)}</td>
              <td>{formats.percent(staying / values.length)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

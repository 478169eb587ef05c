import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ResponsiveContainer, Scatter, ScatterChart, XAxis, YAxis } from 'recharts';
import type { Comparison, ComparisonRow } from '../../preload/comparison-contract.ts';
import { ChartFrame } from '../charts/chart-frame.tsx';
import { useFormats } from '../language/use-formats.ts';
import { palettes, typeScale } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { SeriesKey } from './series-key.tsx';
import { useComparisonWriting } from './written-rows.ts';

/** Room around the outermost points, as a share of what they span. */
const margin = 0.15;

/** A perplexity against parameters: down and to the left is better. One protocol, the one most models have. */
export function QualityChart({ comparison }: { readonly comparison: Comparison }): ReactNode {
  const { t } = useTranslation();
  const { protocolText, modelTitle } = useComparisonWriting();
  const formats = useFormats();
  const colors = palettes[useThemeName()];
  const { models } = comparison;
  const row = mostMeasured(comparison.rows.filter(({ kind }) => kind === 'perplexity'));
  const sizes = comparison.rows.find(({ kind }) => kind === 'parameters');
  if (row === undefined || sizes === undefined) return null;
  const points = models.flatMap((model, i) => {
    const [size, perplexity] = [sizes.cells[i].value, row.cells[i].value];
    return size === null || perplexity === null ? [] : [{ i, model, size, perplexity }];
  });
  if (points.length < 2) return null;
  const axisText = { fill: colors.textQuiet, fontSize: typeScale.xs };
  return (
    <ChartFrame
      title={t('compare.qualityAgainstSize')}
      rows={[
        [t('compare.kinds.model'), t('quantities.parameters'), t('quantities.perplexity')],
        ...points.map(({ model, size, perplexity }) => [modelTitle(model), size, perplexity]),
      ]}
    >
      <ResponsiveContainer width="100%" height={240}>
        <ScatterChart margin={{ left: 8, right: 64, top: 12, bottom: 4 }}>
          <XAxis
            type="number"
            dataKey="size"
            domain={spanOf(points.map(({ size }) => size))}
            tick={axisText}
            tickLine={false}
            tickCount={4}
            axisLine={{ stroke: colors.edge }}
            tickFormatter={formats.shortCount}
          />
          <YAxis
            type="number"
            dataKey="perplexity"
            scale="log"
            domain={logSpanOf(points.map(({ perplexity }) => perplexity))}
            width={56}
            tick={axisText}
            tickLine={false}
            tickCount={4}
            axisLine={{ stroke: colors.edge }}
            tickFormatter={formats.score}
          />
          {points.map((point) => (
            <Scatter
              key={point.model.key}
              data={[point]}
              fill={colors.series[point.i % colors.series.length]}
              isAnimationActive={false}
              label={{
                dataKey: 'perplexity',
                position: 'right',
                fill: colors.text,
                fontSize: typeScale.xs,
                formatter: (value: unknown) => formats.perplexity(Number(value)),
              }}
            />
          ))}
        </ScatterChart>
      </ResponsiveContainer>
      <SeriesKey models={models} shown={points.map(({ i }) => i)} />
      <p className="quiet remark">{t('compare.qualityRemark', { protocol: protocolText(row) })}</p>
    </ChartFrame>
  );
}

/** The row with a number of the most models. */
function mostMeasured(rows: readonly ComparisonRow[]): ComparisonRow | undefined {
  const count = (row: ComparisonRow): number => row.cells.filter(({ value }) => value !== null).length;
  return [...rows].sort((a, b) => count(b) - count(a)).at(0);
}

function spanOf(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = margin * (most - least || most);
  return [least - room, most + room];
}

function logSpanOf(values: readonly number[]): [number, number] {
  const logs = values.map(Math.log);
  const [least, most] = [Math.min(...logs), Math.max(...logs)];
  const room = margin * (most - least) || 0.1;
  return [Math.exp(least - room), Math.exp(most + room)];
}

import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Bar, BarChart, LabelList, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import type { Comparison } from '../../preload/comparison-contract.ts';
import { toldApart } from '../../preload/forms/told-apart.ts';
import { ChartFrame } from '../charts/chart-frame.tsx';
import { useFormats } from '../language/use-formats.ts';
import { palettes, typeScale } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { SeriesKey } from './series-key.tsx';
import { useComparisonWriting } from './written-rows.ts';

/** Scores of the tasks, a group of bars each, from zero; nothing where no model has any. */
export function TasksChart({ comparison }: { readonly comparison: Comparison }): ReactNode {
  const { t } = useTranslation();
  const { rowLabel, protocolText, modelTitle } = useComparisonWriting();
  const formats = useFormats();
  const colors = palettes[useThemeName()];
  const { models } = comparison;
  const rows = comparison.rows.filter(({ protocol }) => protocol?.about === 'tasks' && protocol.isCounted);
  const shown = models.map((_, i) => i).filter((i) => rows.some(({ cells }) => cells[i].value !== null));
  if (shown.length === 0) return null;
  const apart = toldApart(rows.map((row) => ({ label: rowLabel(row), protocol: protocolText(row) })));
  const names = rows.map((row, at) => [rowLabel(row), apart[at]].filter(Boolean).join(' · '));
  const data = rows.map((row, at) => ({
    name: names[at],
    ...Object.fromEntries(shown.map((i) => [`m${i}`, row.cells[i].value])),
  }));
  const axisText = { fill: colors.text, fontSize: typeScale.xs };
  return (
    <ChartFrame
      title={t('compare.tasks')}
      rows={[
        [t('compare.kinds.task'), ...shown.map((i) => modelTitle(models[i]))],
        ...rows.map((row, at) => [names[at], ...shown.map((i) => row.cells[i].value)]),
      ]}
    >
      <ResponsiveContainer
        width="100%"
        height={data.length * (shown.length * 14 + (apart.some(Boolean) ? 24 : 12)) + 8}
      >
        <BarChart data={data} layout="vertical" margin={{ left: 0, right: 56, top: 4, bottom: 4 }} barGap={2}>
          <XAxis type="number" domain={[0, 1]} hide />
          <YAxis
            type="category"
            dataKey="name"
            width={140}
            tick={axisText}
            tickLine={false}
            axisLine={false}
          />
          {shown.map((i) => (
            <Bar
              key={models[i].key}
              dataKey={`m${i}`}
              fill={colors.series[i % colors.series.length]}
              barSize={12}
              // 0 % is a score, and has its number; what was not measured has none.
              minPointSize={(value) => (typeof value === 'number' ? 1 : 0)}
              isAnimationActive={false}
            >
              <LabelList
                dataKey={`m${i}`}
                position="right"
                fill={colors.text}
                fontSize={typeScale.xs}
                formatter={(value) => (typeof value === 'number' ? formats.percent(value) : '')}
              />
            </Bar>
          ))}
        </BarChart>
      </ResponsiveContainer>
      <SeriesKey models={models} shown={shown} />
    </ChartFrame>
  );
}

import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Bar, BarChart, ErrorBar, LabelList, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import type { Comparison } from '../../preload/comparison-contract.ts';
import { toldApart } from '../../preload/forms/told-apart.ts';
import { ChartFrame } from '../charts/chart-frame.tsx';
import { useFormats } from '../language/use-formats.ts';
import { palettes, typeScale } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { SeriesKey } from './series-key.tsx';
import { useComparisonWriting } from './written-rows.ts';

/** Scores of the tasks, a group of bars each, from zero, with their standard errors; nothing where no model has any. */
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
    ...Object.fromEntries(
      shown.flatMap((i) => [
        [`m${i}`, row.cells[i].value],
        [`e${i}`, row.cells[i].error],
      ]),
    ),
  }));
  const hasErrors = rows.some(({ cells }) => cells.some(({ error }) => error !== null));
  const axisText = { fill: colors.text, fontSize: typeScale.xs };
  return (
    <ChartFrame
      title={t('compare.tasks')}
      rows={[
        [
          t('compare.kinds.task'),
          ...shown.flatMap((i) => [
            modelTitle(models[i]),
            t('compare.standardErrorOf', { model: modelTitle(models[i]) }),
          ]),
        ],
        ...rows.map((row, at) => [
          names[at],
          ...shown.flatMap((i) => [row.cells[i].value, row.cells[i].error]),
        ]),
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
              <ErrorBar
                dataKey={`e${i}`}
                direction="x"
                width={3}
                stroke={colors.text}
                isAnimationActive={false}
              />
              <LabelList
                dataKey={`m${i}`}
                content={({ x, y, width, index }) => {
                  const { value, error } = rows[index ?? 0].cells[i];
                  if (value === null) return null;
                  // Behind the end of the error's line.
                  const end = Number(width) * (1 + (value > 0 ? (error ?? 0) / value : 0));
                  return (
                    <text
                      x={Number(x) + end + 5}
                      y={Number(y) + 6}
                      dominantBaseline="central"
                      fill={colors.text}
                      fontSize={typeScale.xs}
                    >
                      {formats.percent(value)}
                    </text>
                  );
                }}
              />
            </Bar>
          ))}
        </BarChart>
      </ResponsiveContainer>
      <SeriesKey models={models} shown={shown} />
      {hasErrors && <p className="quiet remark">{t('compare.errorBars')}</p>}
    </ChartFrame>
  );
}

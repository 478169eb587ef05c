import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Bar, BarChart, LabelList, ReferenceLine, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import type { RunReport } from '../../preload/contract.ts';
import { quantities, quantityOf } from '../components/before-after-bar.tsx';
import { useFormats } from '../language/use-formats.ts';
import { palettes, typeScale } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { ChartFrame } from './chart-frame.tsx';

/** Bars end here, in percent: a perplexity that rose a hundredfold would leave nothing of the others to see. */
const cap = 100;

/** What changed, in percent, as bars from zero. */
export function DifferenceChart({ report }: { readonly report: RunReport }): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const colors = palettes[useThemeName()];
  const recovered = report.recovery?.recovered.perplexity ?? null;
  const pairs = [
    ...quantities.map((quantity) => ({
      name: t(`quantities.${quantity}`),
      before: quantityOf(report.before, quantity),
      after: quantityOf(report.after, quantity),
    })),
    { name: t('bar.recovered'), before: report.before.perplexity, after: recovered },
  ];
  const bars = pairs.flatMap(({ name, before, after }) => {
    if (before === null || after === null || before === 0) return [];
    const percent = 100 * (after / before - 1);
    return [
      {
        name,
        before,
        after,
        percent,
        drawn: Math.max(-cap, Math.min(cap, percent)),
        label: formats.change(before, after),
        fill: percent > 0 ? colors.worse : colors.better,
      },
    ];
  });
  const reach = Math.max(10, ...bars.map(({ drawn }) => Math.abs(drawn)));
  const limit = reach * 1.6;
  const axisText = { fill: colors.text, fontSize: typeScale.xs };
  return (
    <ChartFrame
      title={t('results.differences')}
      rows={[
        [t('charts.quantity'), t('bar.before'), t('bar.after'), `${t('bar.change')} %`],
        ...bars.map(({ name, before, after, percent }) => [name, before, after, percent]),
      ]}
    >
      <ResponsiveContainer width="100%" height={Math.max(120, bars.length * 34 + 12)}>
        <BarChart
          data={bars}
          layout="vertical"
          margin={{ left: 0, right: 8, top: 4, bottom: 4 }}
          barSize={14}
        >
          <XAxis type="number" domain={[-limit, limit]} hide />
          <YAxis
            type="category"
            dataKey="name"
            width={96}
            tick={axisText}
            tickLine={false}
            axisLine={false}
          />
          <ReferenceLine x={0} stroke={colors.edge} />
          <Bar dataKey="drawn" isAnimationActive={false}>
            <LabelList dataKey="label" content={<EndLabel ink={colors.text} />} />
          </Bar>
        </BarChart>
      </ResponsiveContainer>
    </ChartFrame>
  );
}

interface EndLabelProps {
  readonly ink: string;
  readonly x?: number | string;
  readonly y?: number | string;
  readonly width?: number | string;
  readonly height?: number | string;
  readonly value?: unknown;
}

/** The number at the end of its bar, left of zero or right of it. */
function EndLabel({ ink, x = 0, y = 0, width = 0, height = 0, value }: EndLabelProps): ReactNode {
  const end = Number(x) + Number(width);
  const isLeft = Number(width) < 0;
  return (
    <text
      x={isLeft ? end - 6 : end + 6}
      y={Number(y) + Number(height) / 2}
      dy="0.35em"
      fill={ink}
      fontSize={typeScale.xs}
      textAnchor={isLeft ? 'end' : 'start'}
    >
      {String(value)}
    </text>
  );
}

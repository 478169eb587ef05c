import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Bar, BarChart, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import type { RunSummary } from '../../preload/contract.ts';
import { useFormats } from '../language/use-formats.ts';
import { palettes, typeScale } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { ChartFrame } from './chart-frame.tsx';

const maxLayerLabels = 16;

/** The widths of each layer: what stayed, filled, and what went, as the outline above it. */
export function WidthsChart({
  kind,
  layers,
}: {
  readonly kind: 'heads' | 'mlpWidth';
  readonly layers: RunSummary['layers'];
}): ReactNode {
  const { t } = useTranslation();
  const formats = useFormats();
  const colors = palettes[useThemeName()];
  const bars = layers.map(({ before, after }, layer) => ({
    layer,
    before: before[kind],
    after: after[kind],
    gone: before[kind] - after[kind],
  }));
  const widest = Math.max(1, ...bars.map(({ before }) => before));
  const axisText = { fill: colors.textQuiet, fontSize: typeScale.xs };
  return (
    <ChartFrame
      title={t(kind === 'heads' ? 'results.headsPerLayer' : 'results.mlpPerLayer')}
      rows={[
        [t('map.layer'), t('bar.before'), t('bar.after')],
        ...bars.map(({ layer, before, after }) => [layer, before, after]),
      ]}
    >
      <ResponsiveContainer width="100%" height={180}>
        <BarChart data={bars} margin={{ left: 0, right: 4, top: 8, bottom: 0 }} barCategoryGap="18%">
          <XAxis
            dataKey="layer"
            tick={axisText}
            tickLine={false}
            axisLine={{ stroke: colors.edge }}
            height={22}
            interval={Math.ceil(bars.length / maxLayerLabels) - 1}
          />
          <YAxis
            width={52}
            tick={axisText}
            tickLine={false}
            axisLine={false}
            tickFormatter={formats.count}
            domain={[0, widest]}
            ticks={[0, Math.round(widest / 2), widest]}
          />
          <Bar
            dataKey="after"
            stackId="width"
            fill={colors.better}
            isAnimationActive={false}
            maxBarSize={40}
          />
          <Bar
            dataKey="gone"
            stackId="width"
            fill="none"
            stroke={colors.edge}
            isAnimationActive={false}
            maxBarSize={40}
          />
        </BarChart>
      </ResponsiveContainer>
      <p className="chart-key">
        <span className="map-legend-item">
          <span className="map-legend-swatch kept" /> {t('charts.stayed')}
        </span>
        <span className="map-legend-item">
          <span className="map-legend-swatch goes" /> {t('charts.went')}
        </span>
      </p>
    </ChartFrame>
  );
}

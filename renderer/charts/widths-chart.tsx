import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Bar, BarChart, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import type { RunSummary } from '../../preload/contract.ts';
import { palettes } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { ChartFrame } from './chart-frame.tsx';
import { useLayerAxes } from './use-layer-axes.ts';

/** The widths of each layer: what stayed, filled, and what went, as the outline above it. */
export function WidthsChart({
  kind,
  layers,
}: {
  readonly kind: 'heads' | 'mlpWidth';
  readonly layers: RunSummary['layers'];
}): ReactNode {
  const { t } = useTranslation();
  const colors = palettes[useThemeName()];
  const bars = layers.map(({ before, after }, layer) => ({
    layer,
    before: before[kind],
    after: after[kind],
    gone: before[kind] - after[kind],
  }));
  const axes = useLayerAxes(bars.length, Math.max(1, ...bars.map(({ before }) => before)));
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
          <XAxis {...axes.layers} />
          <YAxis {...axes.widths} />
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

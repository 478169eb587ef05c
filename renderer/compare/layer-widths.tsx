import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Line, LineChart, ResponsiveContainer, XAxis, YAxis } from 'recharts';
import type { Comparison } from '../../preload/comparison-contract.ts';
import { ChartFrame } from '../charts/chart-frame.tsx';
import { useLayerAxes } from '../charts/use-layer-axes.ts';
import { palettes } from '../theme/tokens.ts';
import { useThemeName } from '../theme/theme-context.ts';
import { SeriesKey } from './series-key.tsx';
import { useComparisonWriting } from './written-rows.ts';

/** The widths of each layer, a stepped line a model, from zero. */
export function LayerWidths({
  kind,
  comparison: { models },
}: {
  readonly kind: 'heads' | 'mlpWidth';
  readonly comparison: Comparison;
}): ReactNode {
  const { t } = useTranslation();
  const { modelTitle } = useComparisonWriting();
  const colors = palettes[useThemeName()];
  const shown = models.map((_, i) => i).filter((i) => models[i].layers !== null);
  const widthOf = (i: number, layer: number): number | null => models[i].layers?.[layer]?.[kind] ?? null;
  const depth = Math.max(0, ...shown.map((i) => models[i].layers?.length ?? 0));
  const data = Array.from({ length: depth }, (_, layer) => ({
    layer,
    ...Object.fromEntries(shown.map((i) => [`m${i}`, widthOf(i, layer)])),
  }));
  const widest = Math.max(1, ...shown.flatMap((i) => models[i].layers?.map((layer) => layer[kind]) ?? []));
  const axes = useLayerAxes(depth, widest);
  if (shown.length === 0) return null;
  return (
    <ChartFrame
      title={t(kind === 'heads' ? 'results.headsPerLayer' : 'results.mlpPerLayer')}
      rows={[
        [t('map.layer'), ...shown.map((i) => modelTitle(models[i]))],
        ...data.map(({ layer }) => [layer, ...shown.map((i) => widthOf(i, layer))]),
      ]}
    >
      <ResponsiveContainer width="100%" height={180}>
        <LineChart data={data} margin={{ left: 0, right: 8, top: 8, bottom: 0 }}>
          <XAxis {...axes.layers} />
          <YAxis {...axes.widths} />
          {shown.map((i) => (
            <Line
              key={models[i].key}
              type="step"
              dataKey={`m${i}`}
              stroke={colors.series[i % colors.series.length]}
              strokeWidth={2}
              dot={false}
              isAnimationActive={false}
            />
          ))}
        </LineChart>
      </ResponsiveContainer>
      <SeriesKey models={models} shown={shown} />
    </ChartFrame>
  );
}
